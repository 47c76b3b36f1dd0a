"""The wire between one client and the site: it can be cut at any byte, fall silent, stall, or become slow."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

ENOUGH = 64 * 1024
A_TICK = 0.002
UP, DOWN = "up", "down"
Address = tuple[str, int]


class Wire:
    """Listens on a port of its own and passes on, both ways, to wherever `target` says at that moment.

    A fault holds for the connections of this wire alone.
    """

    def __init__(self, target: Callable[[], Address]) -> None:
        self._target = target
        self._pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.delay = 0.0
        self.silent = False

    async def open(self) -> None:
        """Take a port and listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Pair(self, self._target()).client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    def lead(self, target: Callable[[], Address]) -> None:
        """Whoever comes from now on is led there, and whoever is here has to come again."""
        self._target = target
        self.cut()

    def begin(self, pair: Pair) -> None:
        """A connection came."""
        self._pairs.add(pair)

    def end(self, pair: Pair) -> None:
        """It is over."""
        pair.is_over = True
        self._pairs.discard(pair)

    def cut(self) -> None:
        """Reset every connection now."""
        for pair in tuple(self._pairs):
            pair.cut()

    def cut_after(self, direction: str, count: int) -> None:
        """Let `count` bytes more pass that way, then reset: in the middle of a frame as well as between two."""
        for pair in self._pairs:
            end = pair.server if direction == UP else pair.client
            end.left = count

    def stall(self, stalled: bool) -> None:
        """The client's side reads nothing any more, until it does again."""
        for pair in self._pairs:
            pair.server.hold(stalled)


class Pair:
    """One connection: the client's end and the site's."""

    def __init__(self, wire: Wire, target: Address) -> None:
        self.wire = wire
        self.is_over = False
        self.client = End(self)
        self.server = End(self)
        self.client.other, self.server.other = self.server, self.client
        self._target = target
        self._dialling: asyncio.Task[None] | None = None

    def dial(self) -> None:
        """The client is there: reach the site."""
        self.wire.begin(self)
        self._dialling = asyncio.get_running_loop().create_task(self._dial(), name="wire: dialling")

    async def _dial(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, *self._target)
        except OSError:
            self.cut()

    def cut(self) -> None:
        """Reset both ends: whatever was under way is lost."""
        self.wire.end(self)
        for end in (self.client, self.server):
            end.reset()


class End(asyncio.Protocol):
    """One end of a pair. `left` counts the bytes that may still be written to it."""

    other: End

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.left: int | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._late: deque[tuple[float, bytes]] = deque()
        self._held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=ENOUGH)
        if self.pair.is_over:
            # Cut while the site was being reached: nobody is at the other end, and nobody would ever end it.
            self.reset()
            return
        if self is self.pair.client:
            self.pair.dial()
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._write(data)

    def data_received(self, data: bytes) -> None:
        wire = self.pair.wire
        if wire.silent:
            return
        if wire.delay or self._late:
            loop = asyncio.get_running_loop()
            self._late.append((loop.time() + wire.delay, data))
            if len(self._late) == 1:
                loop.call_at(self._late[0][0], self._pass_late)
        else:
            self.other.write(data)

    def _pass_late(self) -> None:
        """What is late arrives in its order."""
        loop = asyncio.get_running_loop()
        while self._late and self._late[0][0] <= loop.time() + A_TICK:
            self.other.write(self._late.popleft()[1])
        if self._late:
            loop.call_at(self._late[0][0], self._pass_late)

    def write(self, data: bytes) -> None:
        """Pass bytes on, as many as may pass."""
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing() or self.left == 0:
            return
        if self.left is None:
            self._transport.write(data)
            return
        self._transport.write(data[: self.left])
        self.left = max(0, self.left - len(data))
        if self.left == 0:
            # What was written goes out first; then the line is dead.
            asyncio.get_running_loop().call_later(0.005, self.pair.cut)

    def pause_writing(self) -> None:
        self.other.read(False)

    def resume_writing(self) -> None:
        self.other.read(True)

    def hold(self, held: bool) -> None:
        """Read nothing from here, or go on."""
        self._held = held
        self.read(not held)

    def read(self, go_on: bool) -> None:
        """Read on, or not for now."""
        if self._transport is None or self._transport.is_closing():
            return
        if go_on and not self._held:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.pair.wire.end(self.pair)
        self.other.close()

    def close(self) -> None:
        """End in order, after what is still to be written."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """End with RST instead of FIN."""
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
