"""People whose client is the library, and the wire it hangs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from accounts.tokens import create_token
from aiochat.client import Pauses, Room, Site
from aiochat.client.events import Event, Online
from chaos.wire import Wire
from tests.people import House, Person

PATIENCE = 30.0
AT_ONCE = {"shortest": 0.01, "longest": 0.1}

E = TypeVar("E", bound=Event)


@asynccontextmanager
async def wired(house: House) -> AsyncIterator[Wire]:
    """A wire to the house that can be cut."""
    port = house.servers[0].port
    assert port is not None
    wire = Wire(lambda: ("127.0.0.1", port))
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()


@asynccontextmanager
async def site_of(house: House, person: Person, wire: Wire | None = None) -> AsyncIterator[Site]:
    """The house as somebody's program sees it."""
    port = house.servers[0].port if wire is None else wire.port
    token = await create_token(house.node.manager, person.id, "tests")
    async with Site(f"http://127.0.0.1:{port}", token) as site:
        yield site


@asynccontextmanager
async def entered(
    house: House, person: Person, wire: Wire | None = None, slug: str = "lobby", **how: Any
) -> AsyncIterator[Room]:
    """A room, entered by somebody's program; it comes back at once when its line breaks."""
    async with site_of(house, person, wire) as site, site.room(slug, pauses=Pauses(**AT_ONCE), **how) as room:
        yield room


async def hears(room: Room, kind: type[E], **fields: Any) -> E:
    """The next event of this kind, with these fields; what comes before it is passed over."""
    async with asyncio.timeout(PATIENCE):
        async for event in room:
            if isinstance(event, kind) and all(
                getattr(event, name) == given for name, given in fields.items()
            ):
                return event
    raise AssertionError(f"the room ended before {kind.__name__} came")


async def is_back(room: Room) -> None:
    """Wait until the line stands again."""
    await hears(room, Online, again=True)
