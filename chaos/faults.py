"""What is done to the site, one fault a function. Each returns when the fault is over; what follows is recovery."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import msgspec
import psycopg
from redis.asyncio import Redis

from chaos.site import faketime
from chaos.world import World

Fault = Callable[[World], Awaitable[None]]
AN_HOUR = 3600
FLOOD = 200


async def kill_process(world: World) -> None:
    """kill -9 of one process, between any two instructions."""
    process = world.rng.choice(world.site.processes)
    await process.stop(signal.SIGKILL)
    await asyncio.sleep(world.rng.random())
    await process.start()


async def stop_process(world: World) -> None:
    """SIGTERM under load; it must be gone inside its grace."""
    process = world.rng.choice(world.site.processes)
    seconds = await process.stop(signal.SIGTERM)
    if seconds > 20.0:
        world.book.fail(f"a process took {seconds:.1f} s to stop")
    if process.child is not None and process.child.returncode != 0:
        world.book.fail(f"a process ended with {process.child.returncode} after SIGTERM")
    await process.start()


async def roll(world: World) -> None:
    """A rolling restart of all processes."""
    for process in world.site.processes:
        await process.stop(signal.SIGTERM)
        await process.start()


async def pause_process(world: World) -> None:
    """One process stands still, its sockets open."""
    process = world.rng.choice(world.site.processes)
    process.send(signal.SIGSTOP)
    await asyncio.sleep(0.5 + 2 * world.rng.random())
    process.send(signal.SIGCONT)


async def shift_clock(world: World) -> None:
    """One process begins again with a clock an hour off; the next restart sets it right."""
    process = world.rng.choice(world.site.processes)
    process.shift = 0 if process.shift else world.rng.choice((-AN_HOUR, AN_HOUR))
    await process.stop(signal.SIGTERM)
    await process.start()


async def restart_postgres(world: World, how: str) -> None:
    """PostgreSQL stops in one of its ways, and comes back."""
    await world.site.servers.order("stop", "postgres", how)
    await asyncio.sleep(world.rng.random())
    await world.site.servers.order("start", "postgres")


async def stop_postgres_for_long(world: World) -> None:
    """PostgreSQL is away for some seconds."""
    await world.site.servers.order("stop", "postgres", "fast")
    await asyncio.sleep(4 + 4 * world.rng.random())
    await world.site.servers.order("start", "postgres")


async def pause_postgres(world: World) -> None:
    """Every process of PostgreSQL stands still."""
    await world.site.servers.order("pause", "postgres")
    await asyncio.sleep(0.5 + 2 * world.rng.random())
    await world.site.servers.order("go_on", "postgres")


async def end_backends(world: World) -> None:
    """PostgreSQL ends every connection."""
    async with await psycopg.AsyncConnection.connect(
        world.site.servers.database_url, autocommit=True
    ) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


async def restart_redis(world: World, how: str) -> None:
    """Redis ends, and comes back with what it kept."""
    await world.site.servers.order("stop", "valkey", how)
    await asyncio.sleep(2 * world.rng.random())
    await world.site.servers.order("start", "valkey")


async def pause_redis(world: World) -> None:
    """Redis stands still."""
    await world.site.servers.order("pause", "valkey")
    await asyncio.sleep(0.5 + 4 * world.rng.random())
    await world.site.servers.order("go_on", "valkey")


async def empty_presence(world: World) -> None:
    """Redis forgets everything but the sessions: FLUSHALL, and the sessions put back as they were."""
    async with Redis.from_url(world.site.servers.redis_url) as redis:
        sessions = [
            (key, await redis.dump(key), max(0, await redis.pttl(key)))
            async for key in redis.scan_iter(match="aiochat:{session:*", count=1000)
        ]
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.flushall()
            for key, kept, left in sessions:
                if kept is not None:
                    pipeline.restore(key, left, kept)
            await pipeline.execute()


async def kill_everything(world: World) -> None:
    """Every process dies at once, and Redis forgets who was here."""
    for process in world.site.processes:
        await process.stop(signal.SIGKILL)
    await empty_presence(world)
    for process in world.site.processes:
        await process.start()


async def forgetful_bus(world: World) -> None:
    """For some seconds the bus loses, swaps and delays what is published."""
    bus = world.site.bus
    bus.drop, bus.reorder, bus.delay = 0.2, 0.2, 0.02
    await asyncio.sleep(2 + 2 * world.rng.random())
    bus.heal()


async def deaf_bus(world: World) -> None:
    """For a few seconds the bus loses everything."""
    world.site.bus.drop = 1.0
    await asyncio.sleep(1 + 2 * world.rng.random())
    world.site.bus.heal()


async def flood(world: World) -> None:
    """PostgreSQL stands still while more is said over HTTP than the queue holds."""
    room = world.rng.choice(world.rooms)
    speaker = room.owner.person
    await world.site.servers.order("pause", "postgres")
    try:
        timeout = aiohttp.ClientTimeout(total=2.5)
        async with aiohttp.ClientSession(headers=speaker.headers, timeout=timeout) as session:
            await asyncio.gather(*(_post(world, session, room.slug, f"flood {n}") for n in range(FLOOD)))
    finally:
        await world.site.servers.order("go_on", "postgres")


async def _post(world: World, session: aiohttp.ClientSession, slug: str, text: str) -> None:
    process = world.rng.choice(world.site.processes)
    url = f"http://127.0.0.1:{process.port}/api/rooms/{slug}/messages"
    # In doubt for whoever gets no answer: what counts is that it is there once at most.
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with session.post(url, json={"text": f"{slug} {text} {world.rng.random()}"}) as answer:
            if answer.status >= 400:
                code = msgspec.json.decode(await answer.read())["error"]["code"]
                world.book.errors[f"flood: {code}"] += 1


async def same_nonce_at_once(world: World) -> None:
    """The same request on two processes at the same moment, several times."""
    room = world.rng.choice(world.rooms)
    async with aiohttp.ClientSession(headers=room.owner.person.headers) as session:
        for number in range(5):
            said = {
                "text": f"{room.slug} twin {world.rng.random()}",
                "nonce": f"twin-{world.rng.getrandbits(60)}-{number}",
            }
            answers = await asyncio.gather(
                *(_say(session, process.port, room.slug, said) for process in world.site.processes)
            )
            numbers = {answer for answer in answers if answer is not None}
            if len(numbers) > 1:
                world.book.fail(f"one nonce on two processes got the numbers {sorted(numbers)}")


async def _say(session: aiohttp.ClientSession, port: int, slug: str, said: dict[str, str]) -> int | None:
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with session.post(f"http://127.0.0.1:{port}/api/rooms/{slug}/messages", json=said) as answer:
            if answer.status in (200, 201):
                seq: int = msgspec.json.decode(await answer.read())["seq"]
                return seq
    return None


async def kick(world: World) -> None:
    """The owner removes somebody, who comes back when they may."""
    room = world.rng.choice(world.rooms)
    victim = world.rng.choice(room.clients[1:])
    for client in room.clients:
        if client.person is victim.person:
            client.expect_removal(world.cool_down + 15)
    nonce = await room.owner.send("say", text=f"/kill {victim.person.name} chaos")
    async with asyncio.timeout(60):
        while not (sent := world.book.sent[nonce]).acked and not sent.refused:
            await world.book.changes()
        while any(not client.live for client in room.clients if client.person is victim.person):
            await world.book.changes()
    await asyncio.sleep(world.cool_down)


async def clear_and_undo(world: World) -> None:
    """The owner empties the room, and brings it back."""
    room = world.rng.choice(world.rooms)
    await room.owner.send("say", text="/clear")
    await asyncio.sleep(0.3)
    await room.owner.send("say", text="/undo")


def heavy() -> dict[str, Fault]:
    """Faults that touch everybody, by name. They are made one after another."""
    faults: dict[str, Fault] = {
        "kill -9 a process": kill_process,
        "SIGTERM a process": stop_process,
        "rolling restart": roll,
        "pause a process": pause_process,
        "PostgreSQL restart, fast": lambda world: restart_postgres(world, "fast"),
        "PostgreSQL restart, immediate": lambda world: restart_postgres(world, "immediate"),
        "PostgreSQL kill -9": lambda world: restart_postgres(world, "kill"),
        "PostgreSQL away for seconds": stop_postgres_for_long,
        "PostgreSQL paused": pause_postgres,
        "PostgreSQL ends every connection": end_backends,
        "Redis restart": lambda world: restart_redis(world, "politely"),
        "Redis kill -9": lambda world: restart_redis(world, "kill"),
        "Redis paused": pause_redis,
        "Redis emptied": empty_presence,
        "every process killed, Redis emptied": kill_everything,
        "bus loses, swaps, delays": forgetful_bus,
        "bus loses everything": deaf_bus,
        "queue flooded": flood,
        "one nonce on two processes at once": same_nonce_at_once,
        "a member removed": kick,
        "cleared and undone": clear_and_undo,
    }
    if faketime() is not None:
        faults["a process's clock an hour off"] = shift_clock
    return faults
