"""What people notice while PostgreSQL, Redis or a process is away, and that all heals by itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from chaos.checker import present
from chaos.client import PROTOCOL, Person
from chaos.faults import empty_presence
from chaos.site import Process
from chat.connection import CloseCode
from tests.chaos.conftest import PACE, Play

pytestmark = pytest.mark.timeout(180)

BOUND = 15.0
AWAY = 12.0
MEGABYTE = 1 << 20


def resident(process: Process) -> int:
    """Bytes of memory of one process."""
    assert process.child is not None
    pages = int(Path(f"/proc/{process.child.pid}/statm").read_text("ascii").split()[1])
    return pages * 4096


async def test_without_postgresql_people_are_told_in_time_and_nothing_is_acknowledged(play: Play) -> None:
    loop, book = asyncio.get_running_loop(), play.book
    before = [resident(process) for process in play.site.processes]
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
        assert resident(process) < was + 40 * MEGABYTE
    await play.site.servers.order("start", "postgres")
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)


async def test_a_postgresql_that_stands_still_is_no_reason_to_wait_without_end(play: Play) -> None:
    """Words, edits, removals, commands, who is just coming in, pages: whatever they ask for."""
    book, loop = play.book, asyncio.get_running_loop()
    owner, editor, remover, speaker = play.clients
    before = [await play.says(client, f"{play.room.slug} before {client.name}") for client in play.clients]
    # Whoever was answered once is really in: what comes then is the database's to refuse.
    await play.is_answered(*before)
    numbers = [book.sent[nonce].seq for nonce in before]
    await play.site.servers.order("pause", "postgres")
    began = loop.time()
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
        assert loop.time() - began < BOUND
    finally:
        await play.site.servers.order("go_on", "postgres")
    assert set(book.errors) <= {"busy", "unavailable", "http 503"}, book.errors
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)


async def _arrives(play: Play, person: Person, port: int) -> int | None:
    """Somebody knocks at one process: the status, or with which code a socket that was opened ended."""
    async with aiohttp.ClientSession(headers=person.headers, timeout=aiohttp.ClientTimeout(BOUND)) as session:
        try:
            async with session.ws_connect(
                f"http://127.0.0.1:{port}/rooms/{play.room.slug}/ws", protocols=[PROTOCOL]
            ) as socket:
                async with asyncio.timeout(BOUND):
                    while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                        pass
                return socket.close_code
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


async def test_without_redis_talk_goes_on_and_everything_heals_afterwards(play: Play) -> None:
    await play.site.servers.order("stop", "valkey", "kill")
    try:
        for number in range(5):
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
    assert play.book.errors["http 401"] == 0, "nobody is signed out"
    assert play.book.closes == {}, "nobody's line was cut for it"
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


async def test_a_line_cut_at_every_byte_of_a_frame_says_it_once(play: Play) -> None:
    client, nonces = play.clients[0], []
    for place in range(1, 130, 3):
        async with asyncio.timeout(30):
            while not client.live:
                await play.book.changes()
        client.wire.cut_after("up", place)
        nonces.append(await play.says(client, f"{play.room.slug} cut after {place}"))
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
    texts = [text for text in play.clients[1].view.texts.values() if text and "cut after" in text]
    assert sorted(texts) == sorted(f"{play.room.slug} cut after {place}" for place in range(1, 130, 3))


async def test_a_process_killed_between_commit_and_acknowledgement_says_it_once(play: Play) -> None:
    nonces = [
        await play.says(client, f"{play.room.slug} last words {client.name} {number}")
        for number in range(10)
        for client in play.clients
    ]
    async with asyncio.timeout(10):
        while not any(play.book.sent[nonce].acked for nonce in nonces):
            await play.book.changes()
    for process in play.site.processes:
        await process.stop(signal.SIGKILL)
    for process in play.site.processes:
        await process.start()
    await play.is_answered(*nonces, within=60)
    found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
