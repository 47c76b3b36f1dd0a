"""What people notice while PostgreSQL, Redis or a process is away, and that all heals by itself."""

from __future__ import annotations

import asyncio
import signal

import aiohttp
import psycopg
import pytest

from chaos.checker import present
from chaos.client import PROTOCOL, Client, Person
from chaos.faults import empty_presence, flood
from chat.connection import CloseCode
from tests.chaos.conftest import PACE, PATIENCE, Play, everybody_comes_again
from tests.people import received

pytestmark = pytest.mark.timeout(180)

# Twice is what the longest way takes; as much again is for a machine that has other things to do.
BOUND = 4 * PATIENCE
AWAY = PATIENCE + 2
MEGABYTE = 1 << 20


async def test_without_postgresql_people_are_told_in_time_and_nothing_is_acknowledged(play: Play) -> None:
    loop, book = asyncio.get_running_loop(), play.book
    before = [process.memory for process in play.site.processes]
    await play.site.servers.order("stop", "postgres", "immediate")
    acked, began = book.acked, loop.time()
    nonces = [
        await play.says(client, f"{play.room.slug} said in the dark by {client.name} {number}")
        for number in range(20)
        for client in play.clients
    ]
    async with asyncio.timeout(BOUND):
        while not all(book.refused[client.name] for client in play.clients):
            await book.changes()
    while loop.time() - began < AWAY:
        await book.changes()
    assert book.acked == acked, "something was acknowledged that is not kept"
    assert set(book.errors) <= {"busy", "unavailable", "http 503", "silence"}, book.errors
    for process, was in zip(play.site.processes, before, strict=True):
        assert process.memory < was + 40 * MEGABYTE
    await play.site.servers.order("start", "postgres")
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)


async def test_a_postgresql_that_stands_still_is_no_reason_to_wait_without_end(play: Play) -> None:
    """Words, edits, removals, commands, who is just coming in, pages: whatever they ask for."""
    book = play.book
    owner, editor, remover, speaker = play.clients
    before = [await play.says(client, f"{play.room.slug} before {client.name}") for client in play.clients]
    # Whoever was answered once is really in: what comes then is the database's to refuse.
    await play.is_answered(*before)
    numbers = [book.sent[nonce].seq for nonce in before]
    await play.site.servers.order("pause", "postgres")
    try:
        nonces = [
            await play.says(speaker, f"{play.room.slug} into the ice"),
            await editor.send("edit", target=numbers[1], text=f"{play.room.slug} edited on ice"),
            await remover.send("remove", target=numbers[2]),
            await owner.send("say", text=f"/topic {play.room.slug} ice"),
        ]
        arrivals = await asyncio.gather(
            *(
                _arrives(play, client.person, process.port)
                for client in play.clients
                for process in play.site.processes
            )
        )
        assert set(arrivals) <= {503, CloseCode.TRY_AGAIN}, arrivals
        async with asyncio.timeout(BOUND):
            while not all(book.refused[client.name] for client in play.clients):
                await book.changes()
    finally:
        await play.site.servers.order("go_on", "postgres")
    assert set(book.errors) <= {"busy", "unavailable", "http 503"}, book.errors
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)


async def test_more_than_a_queue_holds_is_refused_at_once(play: Play) -> None:
    """While nothing can be kept, no more waits than was agreed: that is what bounds the memory of it."""
    await flood(play.world)
    assert play.book.wrong == []
    await play.is_well()


async def _arrives(play: Play, person: Person, port: int) -> int | None:
    """Somebody knocks at one process: the status, or with which code a socket that was opened ended."""
    async with aiohttp.ClientSession(headers=person.headers, timeout=aiohttp.ClientTimeout(BOUND)) as session:
        try:
            async with session.ws_connect(
                f"http://127.0.0.1:{port}/rooms/{play.room.slug}/ws", protocols=[PROTOCOL]
            ) as socket:
                async with asyncio.timeout(BOUND):
                    while (await received(socket)).type is aiohttp.WSMsgType.TEXT:
                        pass
                return socket.close_code
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


async def test_without_redis_talk_goes_on_and_everything_heals_afterwards(play: Play) -> None:
    await play.site.servers.order("stop", "valkey", "kill")
    try:
        for number in range(3):
            said = [f"{play.room.slug} without redis {client.name} {number}" for client in play.clients]
            nonces = [await play.says(client, text) for client, text in zip(play.clients, said, strict=True)]
            await play.is_answered(*nonces, within=10)
            for client in play.clients:
                # In this process at once; from another one as soon as positions are compared.
                for text in said:
                    await play.has_heard(client, text)
    finally:
        await play.site.servers.order("start", "valkey")
    await play.is_well()
    assert play.book.closes == {}, "nobody's line was cut for it"
    await everybody_comes_again(play)
    assert play.book.errors["http 401"] == 0, "nobody is signed out"
    everybody = {client.person.id for client in play.clients}
    await shown_here(play, everybody)
    await asyncio.sleep(120 / PACE)
    await shown_here(play, everybody)


async def shown_here(play: Play, expected: set[int]) -> None:
    """Wait until just these are shown in the room."""
    async with asyncio.timeout(30):
        while (await asyncio.to_thread(present, play.site.servers.database_url)).get(
            play.room.slug, set()
        ) != expected:
            await play.book.changes()


async def test_after_every_process_died_and_redis_forgot_only_who_is_back_is_here(play: Play) -> None:
    gone = play.clients[1]
    gone.pausing.clear()
    for process in play.site.processes:
        await process.stop(signal.SIGKILL)
    await empty_presence(play.world)
    for process in play.site.processes:
        await process.start()
    staying = {client.person.id for client in play.clients} - {gone.person.id}
    await shown_here(play, staying)
    gone.pausing.set()
    await shown_here(play, staying | {gone.person.id})
    await play.is_well()


async def test_a_process_told_to_stop_under_load_loses_nothing_and_is_gone_in_time(play: Play) -> None:
    loop = asyncio.get_running_loop()
    nonces: list[str] = []

    async def talk() -> None:
        for number in range(60):
            nonces.extend(
                [
                    await play.says(client, f"{play.room.slug} under load {client.name} {number}")
                    for client in play.clients
                ]
            )
            await asyncio.sleep(0.03)

    talking = asyncio.create_task(talk())
    for process in play.site.processes:
        began = loop.time()
        await process.stop(signal.SIGTERM)
        assert loop.time() - began < 20
        assert process.child is not None
        assert process.child.returncode == 0
        await process.start()
    await talking
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
    assert not play.book.resumes["reloaded"], "nobody needs a reload"
    assert set(play.book.closes) == {"1012"}, "everybody was told to come back"


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_line_cut_at_every_byte_of_a_frame_says_it_once(play: Play, way: str) -> None:
    places = list(range(1, 121))
    shares = [places[start :: len(play.clients)] for start in range(len(play.clients))]
    nonces = await asyncio.gather(
        *(_is_cut(play, client, way, share) for client, share in zip(play.clients, shares, strict=True))
    )
    await play.is_answered(*(nonce for each in nonces for nonce in each), within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
    texts = [text for text in play.clients[1].view.texts.values() if text and "cut after" in text]
    assert sorted(texts) == sorted(_long_enough(play, place) for place in places)


async def _is_cut(play: Play, client: Client, way: str, places: list[int]) -> list[str]:
    nonces = []
    for place in places:
        async with asyncio.timeout(30):
            while not client.live:
                await play.book.changes()
            returns = client.returns
            client.wire.cut_after(way, place)
            nonces.append(await play.says(client, _long_enough(play, place)))
            while client.returns == returns:
                await play.book.changes()
    return nonces


def _long_enough(play: Play, place: int) -> str:
    return f"{play.room.slug} cut after {place} ".ljust(place, "x") + "x"


async def test_a_process_killed_between_commit_and_acknowledgement_says_it_once(play: Play) -> None:
    speaker, text = play.clients[1], f"{play.room.slug} last words"
    async with await psycopg.AsyncConnection.connect(play.site.servers.database_url) as holder:
        await holder.execute("SELECT FROM rooms WHERE slug = %s FOR UPDATE", [play.room.slug])
        nonce = await play.says(speaker, text)
        await _until_true(play, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
        # From here on PostgreSQL commits it, and nobody is there to be told.
        for process in play.site.processes:
            process.send(signal.SIGSTOP)
    await _until_true(play, "SELECT EXISTS (SELECT FROM messages WHERE nonce = %s)", nonce)
    assert not play.book.sent[nonce].acked
    for process in play.site.processes:
        await process.stop(signal.SIGKILL)
    for process in play.site.processes:
        await process.start()
    await play.is_answered(nonce, within=60)
    assert play.book.repeated >= 1
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
    assert list(play.clients[2].view.texts.values()).count(text) == 1


async def _until_true(play: Play, question: str, *values: object) -> None:
    """Ask PostgreSQL until it says yes."""
    async with (
        asyncio.timeout(30),
        await psycopg.AsyncConnection.connect(play.site.servers.database_url, autocommit=True) as line,
    ):
        while await (await line.execute(question.encode(), values)).fetchone() != (True,):
            await play.book.changes()
