"""What is done to the site, one fault a function. Each returns when the fault is over; what follows is recovery."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp
import msgspec
import psycopg
from redis.asyncio import Redis

from chaos import clock
from chaos.client import PROTOCOL
from chaos.world import World

Fault = Callable[[World], Awaitable[None]]
Socket = aiohttp.ClientWebSocketResponse[Any]
AN_HOUR = 3600
A_MINUTE = 60.0
FLOOD_WITHIN = 10.0
MOST_GROWTH = 64 << 20
GOES_ON_WITHIN = 15.0


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


async def shift_postgres(world: World) -> None:
    """For some seconds PostgreSQL's clock is an hour off, and then right again."""
    servers = world.site.servers
    # Who was removed within the hour is so again while it is an hour ago.
    for client in world.clients:
        if client.name in world.book.kicks:
            client.expect_removal(60)
    await servers.order("stop", "postgres", "fast")
    await servers.order("start", "postgres", str(world.rng.choice((-AN_HOUR, AN_HOUR))))
    await asyncio.sleep(2 + 2 * world.rng.random())
    await servers.order("stop", "postgres", "fast")
    await servers.order("start", "postgres")


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


async def postgres_away_for_a_minute(world: World) -> None:
    """PostgreSQL is away for a minute, and what waits for it costs no memory without end."""
    before = [process.memory for process in world.site.processes]
    await world.site.servers.order("stop", "postgres", "immediate")
    await asyncio.sleep(A_MINUTE)
    _look_at_memory(world, before)
    await world.site.servers.order("start", "postgres")


async def postgres_still_for_a_minute(world: World) -> None:
    """PostgreSQL stands still for a minute, its lines open."""
    before = [process.memory for process in world.site.processes]
    await world.site.servers.order("pause", "postgres")
    await asyncio.sleep(A_MINUTE)
    _look_at_memory(world, before)
    await world.site.servers.order("go_on", "postgres")


def _look_at_memory(world: World, before: list[int]) -> None:
    for process, was in zip(world.site.processes, before, strict=True):
        if (grown := process.memory - was) > MOST_GROWTH:
            world.book.fail(
                f"process {process.number} grew by {grown >> 20} MB in a minute without PostgreSQL"
            )


async def redis_away_for_a_minute(world: World) -> None:
    """Redis is away for a minute: talk goes on all the while."""
    loop = asyncio.get_running_loop()
    await world.site.servers.order("stop", "valkey", "kill")
    until = loop.time() + A_MINUTE
    while loop.time() < until:
        acked = world.book.acked
        try:
            async with asyncio.timeout(GOES_ON_WITHIN):
                while world.book.acked == acked:
                    await world.book.changes()
        except TimeoutError:
            world.book.fail("without Redis nobody was acknowledged any more")
            break
        await asyncio.sleep(1)
    await world.site.servers.order("start", "valkey")


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
    """PostgreSQL stands still while more is said than a process's queue holds: what is too much hears so at once."""
    room = world.rng.choice(world.rooms)
    async with AsyncExitStack() as stack:
        # A socket is heard one frame after the other, so many are needed.
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers=room.owner.person.headers, connector=aiohttp.TCPConnector(limit=0))
        )
        sockets: list[Socket] = []
        listening: list[asyncio.Task[None]] = []
        try:
            for process in world.site.processes * (2 * world.site.queue):
                address = f"http://127.0.0.1:{process.port}/rooms/{room.slug}/ws"
                socket = await stack.enter_async_context(session.ws_connect(address, protocols=[PROTOCOL]))
                await socket.receive()
                sockets.append(socket)
                # Its signs of life are answered from now on, however long the others take to come.
                listening.append(asyncio.create_task(_hears_busy(socket), name="flood: listening"))
            await world.site.servers.order("pause", "postgres")
            try:
                await _overfill(world, room.slug, sockets, listening)
            finally:
                await world.site.servers.order("go_on", "postgres")
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)


async def _overfill(
    world: World, slug: str, sockets: Sequence[Socket], listening: Sequence[asyncio.Task[None]]
) -> None:
    try:
        async with asyncio.timeout(FLOOD_WITHIN):
            for number, socket in enumerate(sockets):
                said = {"type": "say", "nonce": f"flood-{world.rng.getrandbits(60)}"}
                await socket.send_json(said | {"text": f"{slug} flood {number} {world.rng.random()}"})
            await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
            world.book.seen["words refused because the queue was full"] += 1
    except TimeoutError:
        world.book.fail("a queue was flooded, and nobody heard that it is full")


async def _hears_busy(socket: Socket) -> None:
    while True:
        frame = await socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT and msgspec.json.decode(frame.data).get("code") == "busy":
            return
        if frame.type is not aiohttp.WSMsgType.TEXT:
            await asyncio.Future()


async def same_nonce_at_once(world: World) -> None:
    """The same request on two processes at the same moment, several times."""
    room = world.rng.choice(world.rooms)
    async with aiohttp.ClientSession(headers=room.owner.person.headers) as session:
        for number in range(10):
            said = {
                "text": f"{room.slug} twin {world.rng.random()}",
                "nonce": f"twin-{world.rng.getrandbits(60)}-{number}",
            }
            answers = await asyncio.gather(
                *(_say(session, process.port, room.slug, said) for process in world.site.processes)
            )
            numbers = {answer for answer in answers if answer is not None}
            world.book.seen["one nonce answered by two processes"] += None not in answers
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
    return faults | ({} if clock.library() is None else CLOCKS)


def long() -> dict[str, Fault]:
    """Faults that take a minute."""
    return {
        "PostgreSQL away for a minute": postgres_away_for_a_minute,
        "PostgreSQL stands still for a minute": postgres_still_for_a_minute,
        "Redis away for a minute": redis_away_for_a_minute,
    }


CLOCKS: dict[str, Fault] = {
    "a process's clock an hour off": shift_clock,
    "PostgreSQL's clock an hour off": shift_postgres,
}
"""Made only where a clock can be moved."""
