"""A wire between a browser and the site that can be cut and mended."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Relay:
    """Passes bytes both ways until it is cut; then it lets nobody through until it is mended."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._whole = True
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Break every line, without a word to either side."""
        self._whole = False
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    def mend(self) -> None:
        """Let lines through again."""
        self._whole = True

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            if self._whole:
                there_reader, there_writer = await asyncio.open_connection(*self._there)
                try:
                    async with asyncio.TaskGroup() as both:
                        both.create_task(_copy(reader, there_writer))
                        both.create_task(_copy(there_reader, writer))
                finally:
                    there_writer.transport.abort()
        except asyncio.CancelledError:
            # A cut is an end like any other to whoever waits for this line.
            pass
        finally:
            writer.transport.abort()
            self._lines.discard(line)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
