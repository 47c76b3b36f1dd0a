"""Programs of examples/, run as people run them, against a house of our own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.stage import alice, bob, house, nothing_fails, olga, quick_passwords

__all__ = ["alice", "bob", "house", "nothing_fails", "olga", "quick_passwords"]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE = 30.0


class Program:
    """A running program, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def says(self, words: str) -> str:
        """Wait for a line with these words in it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended and said {self.said}"
                self.said.append(line.rstrip("\n"))
                if words in line:
                    return self.said[-1]

    async def is_told(self, words: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n".encode())
        await self.process.stdin.drain()

    async def ends(self) -> int:
        """Wait for its end; everything it still says is kept."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            rest = await self.process.stdout.read()
            self.said += rest.decode().splitlines()
            return await self.process.wait()


@asynccontextmanager
async def program(
    *command: str, environ: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> AsyncIterator[Program]:
    """Run Python with these arguments; it is ended at the end at the latest."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AIOCHAT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=cwd,
        env={**mine, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(environ or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
