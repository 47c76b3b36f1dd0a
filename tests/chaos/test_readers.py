"""Readers that do not read: nobody else notices, what they cost is bounded, and they may come back and resume."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import statistics

import pytest

from chaos.client import PROTOCOL, Person
from chat.connection import CloseCode
from tests.chaos.conftest import Play

log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(180)

READERS = int(os.environ.get("CHAOS_READERS", "200"))
STALLED = READERS // 10
ROUNDS = 60
WORDS = "x" * 1500
MOST_OWED = 2 << 20
LONG_WORDS = "x" * 3900
TOO_SLOW = CloseCode.SLOW.to_bytes(2, "big") + b"Too slow"


class RawReader:
    """A socket that reads as fast as it is told: bytes a second, None for all there is."""

    def __init__(self, person: Person, room: str, port: int) -> None:
        self.received = 0
        self.ended = asyncio.Event()
        self._person = person
        self._room = room
        self._port = port
        self._reader: asyncio.StreamReader
        self._task: asyncio.Task[None] | None = None

    async def open(self, rate: float | None) -> None:
        """Come in, and begin to read at this rate."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=raw, limit=4096)
        headers = {
            "Host": "localhost",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": PROTOCOL,
            **self._person.headers,
        }
        lines = [
            f"GET /rooms/{self._room}/ws HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await self._reader.readline()
        assert b"101" in answer, answer
        if rate is None or rate > 0:
            self._task = asyncio.create_task(self._read(rate))

    async def _read(self, rate: float | None) -> None:
        while data := await self._reader.read(65536 if rate is None else int(rate / 4)):
            self.received += len(data)
            if rate is not None:
                await asyncio.sleep(0.25)
        self.ended.set()

    async def read_to_the_end(self) -> bool:
        """Take all that is still there, until the other side ends it; whether it said why."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        last = b""
        try:
            while data := await self._reader.read(1 << 20):
                last = (last + data)[-200:]
        except ConnectionError:
            # Who takes nothing for ten seconds more takes no close frame either.
            return False
        return TOO_SLOW in last

    def close(self) -> None:
        """Be gone."""
        if self._task is not None:
            self._task.cancel()
        self._writer.transport.abort()


async def latencies(play: Play, rounds: int, words: str = WORDS) -> list[float]:
    """How long words take from one person to another, in seconds."""
    loop, taken = asyncio.get_running_loop(), []
    speaker, hearer = play.clients[0], play.clients[1]
    for number in range(rounds):
        text = f"{play.room.slug} {number} {loop.time()} {words}"
        heard, began = hearer.view.last, loop.time()
        await play.says(speaker, text)
        while hearer.view.last == heard:
            await play.book.changes()
        taken.append(loop.time() - began)
    return taken


async def test_readers_who_stall_slow_nobody_down_and_cost_little(play: Play) -> None:
    process = play.site.processes[0]
    everybody = [client.person for client in play.clients]
    readers = [RawReader(everybody[n % len(everybody)], play.room.slug, process.port) for n in range(READERS)]
    for reader in readers:
        await reader.open(rate=None)
    try:
        await latencies(play, 10)
        before, cost = await latencies(play, ROUNDS), process.memory
        stalled = [RawReader(everybody[0], play.room.slug, process.port) for _ in range(STALLED)]
        for reader in stalled:
            await reader.open(rate=0)
        slow = RawReader(everybody[1], play.room.slug, process.port)
        await slow.open(rate=1000)
        readers += [*stalled, slow]
        after, highest = await latencies(play, ROUNDS), process.memory
        assert statistics.median(after) < 1.5 * statistics.median(before) + 0.005
        # Fill what the network holds for them and more: then they are let go, and nobody notices that either.
        while_let_go, highest = await latencies(play, 700), max(highest, process.memory)
        assert statistics.median(while_let_go) < 1.5 * statistics.median(before) + 0.005
        async with asyncio.timeout(40):
            told = await asyncio.gather(*(reader.read_to_the_end() for reader in [*stalled, slow]))
        assert max(highest, process.memory) < cost + STALLED * MOST_OWED
        log.warning(
            "%d readers, %d stalled: %.1f ms before, %.1f ms beside them, %.1f ms while they are let go; %.0f kB each; "
            "%d were told why",
            READERS,
            STALLED,
            *(1000 * statistics.median(each) for each in (before, after, while_let_go)),
            (highest - cost) / STALLED / 1000,
            sum(told),
        )
    finally:
        for reader in readers:
            reader.close()
    await play.is_well()


async def test_who_was_let_go_for_being_slow_resumes_without_a_gap(play: Play) -> None:
    slow, port = play.clients[2], play.site.processes[0].port
    # Past nginx, which would take megabytes for it.
    slow.wire.lead(lambda: ("127.0.0.1", port))
    await play.is_well()
    began, returns = slow.view.last, slow.returns
    play.book.closes.clear()
    slow.wire.stall(True)
    await latencies(play, 400, LONG_WORDS)
    slow.wire.stall(False)
    await play.is_well()
    assert slow.returns > returns, "it was let go"
    assert set(play.book.closes) == {"4413"}, "and told why"
    assert not play.book.resumes["reloaded"], "and resumed"
    assert slow.view.last - began >= 400
