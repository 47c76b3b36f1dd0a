"""A line to Redis that can forget, delay and reorder what is published, and leaves everything else alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit

CHUNK = 256 * 1024
PUBLISHED = (b"*3\r\n$7\r\nmessage\r\n", b">3\r\n$7\r\nmessage\r\n")


class BusLine:
    """Between the processes and Redis. Chances are between 0 and 1; `delay` is the longest, in seconds."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._socket = unquote(urlsplit(url).path)
        self._database = parse_qs(urlsplit(url).query).get("db", ["0"])[0]
        self._rng = rng
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.url = ""
        self.drop = 0.0
        self.reorder = 0.0
        self.delay = 0.0
        self.dropped = self.reordered = self.delayed = 0

    async def open(self) -> None:
        """Take a port and listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{self._database}"

    async def close(self) -> None:
        """Cut every line."""
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def heal(self) -> None:
        """Be a plain line again."""
        self.drop = self.reorder = self.delay = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        with suppress(OSError, asyncio.CancelledError):
            try:
                theirs, ours = await asyncio.open_unix_connection(self._socket, limit=CHUNK)
            except OSError:
                writer.close()
            else:
                await self._between(reader, writer, theirs, ours)
        self._running.discard(task)

    async def _between(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        ours: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.create_task(self._up(reader, ours), name="bus line: up"),
            asyncio.create_task(self._down(theirs, writer), name="bus line: down"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            ours.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pending = b""
        kept_back = b""
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                pending += data
                while pending:
                    size = published_size(pending)
                    if size is None:
                        break
                    if size == 0:
                        # Answers to commands pass as they come: only what is told to listeners suffers.
                        writer.write(pending)
                        pending = b""
                        break
                    message, pending = pending[:size], pending[size:]
                    chance = self._rng.random()
                    if chance < self.drop:
                        self.dropped += 1
                    elif chance < self.drop + self.reorder and not kept_back:
                        kept_back = message
                        self.reordered += 1
                    else:
                        if self.delay:
                            self.delayed += 1
                            await asyncio.sleep(self._rng.random() * self.delay)
                        writer.write(message + kept_back)
                        kept_back = b""
                await writer.drain()


def published_size(data: bytes) -> int | None:
    """How long the published message at the beginning is; 0 if it is something else, None if more must come."""
    if not data.startswith(PUBLISHED):
        return None if any(begin.startswith(data[: len(begin)]) for begin in PUBLISHED) else 0
    place = len(PUBLISHED[0])
    for _ in range(2):
        end = data.find(b"\r\n", place)
        if end < 0:
            return None
        place = end + 2 + int(data[place + 1 : end]) + 2
    return place if place <= len(data) else None


def messages(data: bytes) -> Iterator[bytes]:
    """The published messages at the beginning of some bytes, one after another."""
    while data and (size := published_size(data)):
        yield data[:size]
        data = data[size:]
