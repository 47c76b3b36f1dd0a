"""A terminal with a program in it: keys go in, and what stands on it is read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
# A program asks where the cursor is, to know how much room there is; a terminal answers.
WHERE, HERE = b"\x1b[6n", b"\x1b[10;1R"
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>]")


class Terminal:
    """What a program wrote so far stands in `written`, as it came."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.written = ""
        self._master = master
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:
            # The program's end of the terminal is closed.
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.written += data.decode("utf-8", "replace")
        for _ in range(data.count(WHERE)):
            os.write(self._master, HERE)
        self._news.set()

    @property
    def text(self) -> str:
        """What was written, without what only moves the cursor or colours."""
        return ESCAPES.sub("", self.written).replace("\r", "")

    async def shows(self, pattern: str) -> re.Match[str]:
        """Wait until this is written."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := re.search(pattern, self.text)):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{pattern} did not come; there is\n{self.text[-3000:]}") from None
        return found

    def types(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    async def ends(self) -> int:
        """Wait for the program's end."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    def close(self) -> None:
        """Take the terminal away."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)


@asynccontextmanager
async def terminal(*arguments: str, **environ: str) -> AsyncIterator[Terminal]:
    """`aiochat-client` with these arguments, in a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AIOCHAT_", "CHAT_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "aiochat.console",
        *arguments,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**mine, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
        start_new_session=True,
    )
    os.close(slave)
    opened = Terminal(master, process)
    try:
        yield opened
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        opened.close()
