"""A site that may be broken: real servers, two processes, nginx, shared by these tests; each has a room of its own."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from chaos import people
from chaos.book import Book
from chaos.checker import Findings
from chaos.client import Client, running
from chaos.site import Site
from chaos.world import World

PACE = 30.0
PATIENCE = 3.0
"""How long these processes wait for PostgreSQL, in seconds: a site waits ten."""


@contextmanager
def folder_for_sockets() -> Iterator[Path]:
    """Under /tmp, for the paths of sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="aiochat-chaos-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with folder_for_sockets() as folder:
        yield folder


@pytest.fixture(scope="package")
async def site() -> AsyncIterator[Site]:
    """Two processes behind nginx, if it is found, on servers that can be stopped."""
    with folder_for_sockets() as folder:
        opened = Site(
            folder, random.Random(1), processes=2, pace=PACE, queue=60, patience=PATIENCE, durable=False
        )
        try:
            await opened.open()
            yield opened
        finally:
            await opened.close()


class Play:
    """One room with its people, and what is to be true at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.site = world.site
        self.book = world.book
        self.room = world.rooms[0]

    @property
    def clients(self) -> list[Client]:
        return self.room.clients

    async def says(self, client: Client, text: str) -> str:
        """Ask to say something; the nonce."""
        return await client.send("say", text=text)

    async def is_answered(self, *nonces: str, within: float = 30.0) -> None:
        """Wait for the answers."""
        async with asyncio.timeout(within):
            while any(
                not self.book.sent[nonce].acked and not self.book.sent[nonce].refused for nonce in nonces
            ):
                await self.book.changes()

    async def has_heard(self, client: Client, text: str, within: float = 10.0) -> None:
        """Wait until somebody sees these words."""
        async with asyncio.timeout(within):
            while text not in client.view.texts.values():
                await self.book.changes()

    async def is_well(self) -> Findings:
        """Everybody is back and level with the log, and nothing in it is wrong."""
        await self.world.recovered(asyncio.get_running_loop().time())
        await self.world.drained()
        found = await self.world.checked()
        assert not found.wrong
        return found


async def everybody_comes_again(play: Play) -> None:
    """With the session or the token they have."""
    for client in play.clients:
        client.wire.cut()
    async with asyncio.timeout(30):
        while not all(client.live and client.returns for client in play.clients):
            await play.book.changes()


_numbers = iter(range(1_000_000))


@asynccontextmanager
async def play_at(site: Site, persons: int = 3) -> AsyncIterator[Play]:
    """A new room, everybody in it."""
    book = Book()
    rng = random.Random(next(_numbers))
    rooms = await people.gather(
        site, book, rng, rooms=1, persons=persons, shortest=0.2, prefix=f"r{next(_numbers)}"
    )
    world = World(site, rooms, book, rng, cool_down=60 / PACE)
    try:
        async with running(world.clients):
            await world.recovered(asyncio.get_running_loop().time())
            yield Play(world)
    finally:
        for client in world.clients:
            await client.wire.close()


@pytest.fixture
async def play(site: Site) -> AsyncIterator[Play]:
    async with play_at(site) as opened:
        yield opened
