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
LIVES_EVERY = 15.0
SIGN_OF_LIFE = b"\x8a\x80\0\0\0\0"
TOO_SLOW = CloseCode.SLOW.to_bytes(2, "big") + b"Too slow"


def handshake(person: Person, room: str) -> bytes:
    """What asks for a socket in a room."""
    headers = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": PROTOCOL,
        **person.headers,
    }
    lines = [f"GET /rooms/{room}/ws HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Reader(asyncio.Protocol):
    """Takes all there is: a thousand of these must not be what is slow here. Now and then it gives a sign of life."""

    def __init__(self) -> None:
        self.ended = False
        self._lived_at = 0.0

    async def open(self, person: Person, room: str, port: int) -> None:
        """Come in."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)
        self._transport.write(handshake(person, room))
        self._lived_at = loop.time()

    def data_received(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._lived_at > LIVES_EVERY:
            self._lived_at = now
            self._transport.write(SIGN_OF_LIFE)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True

    def close(self) -> None:
        """Be gone."""
        self._transport.abort()


class RawReader:
    """A socket that reads as slowly as it is told, in bytes a second: nothing at all, for 0."""

    def __init__(self, person: Person, room: str, port: int) -> None:
        self._person = person
        self._room = room
        self._port = port
        self._reader: asyncio.StreamReader
        self._task: asyncio.Task[None] | None = None

    async def open(self, rate: float) -> None:
        """Come in, and begin to read at this rate."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=raw, limit=4096)
        self._writer.write(handshake(self._person, self._room))
        answer = await self._reader.readline()
        assert b"101" in answer, answer
        if rate > 0:
            self._task = asyncio.create_task(self._read(rate))

    async def _read(self, rate: float) -> None:
        while await self._reader.read(int(rate / 4)):
            self._writer.write(SIGN_OF_LIFE)
            await asyncio.sleep(0.25)

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


async def latencies(play: Play, rounds: int) -> list[float]:
    """How long words take from one person to another, in seconds."""
    loop, taken = asyncio.get_running_loop(), []
    speaker, hearer = play.clients[0], play.clients[1]
    for number in range(rounds):
        text = f"{play.room.slug} {number} {loop.time()} {WORDS}"
        heard, began = hearer.view.last, loop.time()
        await play.says(speaker, text)
        while hearer.view.last == heard:
            await play.book.changes()
        taken.append(loop.time() - began)
    return taken


def usual(taken: list[float]) -> float:
    """How long it takes where nothing else is done on this machine at that moment: the lower tenth."""
    return statistics.quantiles(taken, n=10)[0]


async def test_readers_who_stall_slow_nobody_down_and_cost_little(play: Play) -> None:
    process = play.site.processes[0]
    everybody = [client.person for client in play.clients]
    readers = [Reader() for _ in range(READERS)]
    lazy: list[RawReader] = []
    for number, reader in enumerate(readers):
        await reader.open(everybody[number % len(everybody)], play.room.slug, process.port)
    try:
        await latencies(play, 10)
        before, cost = await latencies(play, ROUNDS), process.memory
        for rate in [0] * STALLED + [1000]:
            lazy.append(RawReader(everybody[0], play.room.slug, process.port))
            await lazy[-1].open(rate)
        after, highest = await latencies(play, ROUNDS), process.memory
        # Fill what the network holds for them and more: then they are let go, and nobody notices that either.
        while_let_go, highest = await latencies(play, 700), max(highest, process.memory)
        async with asyncio.timeout(40):
            told = await asyncio.gather(*(reader.read_to_the_end() for reader in lazy))
        assert not any(reader.ended for reader in readers), "who reads is let be"
        # The machine may have got other things to do since: then words take longer without them as well.
        without = max(usual(before), usual(await latencies(play, ROUNDS)))
        assert usual(after) < 1.5 * without + 0.005
        assert usual(while_let_go) < 1.5 * without + 0.005
        assert max(highest, process.memory) < cost + STALLED * MOST_OWED
        log.warning(
            "%d readers, %d stalled: %.1f ms before, %.1f ms beside them, %.1f ms while they are let go; %.0f kB each; "
            "%d were told why",
            READERS,
            STALLED,
            *(1000 * usual(each) for each in (before, after, while_let_go)),
            (highest - cost) / STALLED / 1000,
            sum(told),
        )
    finally:
        for each in (*readers, *lazy):
            each.close()
    await play.is_well()


async def test_who_was_let_go_for_being_slow_resumes_without_a_gap(play: Play) -> None:
    slow, port = play.clients[2], play.site.processes[0].port
    # Past nginx, which would take megabytes for it.
    slow.wire.lead(lambda: ("127.0.0.1", port))
    await play.is_well()
    began, returns = slow.view.last, slow.returns
    play.book.closes.clear()
    slow.wire.stall(True)
    # Many at once, for it is the site that is to lose its patience, not who hears nothing from it.
    for start in range(0, 400, 20):
        await play.is_answered(
            *[
                await play.says(play.clients[0], f"{play.room.slug} {number} {LONG_WORDS}")
                for number in range(start, start + 20)
            ]
        )
    slow.wire.stall(False)
    await play.is_well()
    assert slow.returns > returns, "it was let go"
    assert set(play.book.closes) == {"4413"}, "and told why"
    assert not play.book.resumes["reloaded"], "and resumed"
    assert slow.view.last - began >= 400
