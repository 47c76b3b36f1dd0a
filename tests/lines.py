"""A line to a server that can be cut and mended, so that a test need not stop the server of all others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path


class Line:
    """Passes bytes between a unix socket of its own and that of a server."""

    def __init__(self, here: Path, there: Path) -> None:
        self._here = here
        self._there = there
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def mends(self) -> None:
        """Pass on from now on."""
        self._here.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._open, self._here)

    async def cuts(self) -> None:
        """Break what is open, and take nothing more."""
        if self._server is not None:
            self._server.close()
        self._here.unlink(missing_ok=True)
        for writer in tuple(self._writers):
            writer.transport.abort()
        while self._passing:
            await asyncio.wait(set(self._passing))

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._there)
        for source, target in ((reader, there_writer), (there_reader, writer)):
            self._writers.add(target)
            task = asyncio.create_task(self._pass(source, target))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        self._writers.discard(target)
        target.close()
