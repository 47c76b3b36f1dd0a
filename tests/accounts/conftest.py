"""People with accounts, and browsers to use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient

from accounts import passwords
from accounts.actions import register
from accounts.models import User
from accounts.passwords import Passwords
from aiochat.settings import Settings
from helpers.bus import MemoryBus
from helpers.database import Manager
from tests.accounts.site import create_app
from tests.accounts.visitor import Visitor
from tests.conftest import Client

PASSWORD = "tide-gauge-7"

Visits = Callable[[], Awaitable[Visitor]]


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashing is real here, but need not be slow."""
    quick = Passwords(memory_kib=64, rounds=1)
    monkeypatch.setattr(passwords, "PASSWORDS", quick)
    yield
    quick.close()


@pytest.fixture
async def _open_house(manager: Manager) -> None:
    """The site is set up, and anybody may register."""
    await manager.execute("UPDATE site SET set_up_at = now(), registration = 'open', title = 'Tidewater'")


@pytest.fixture
async def ann(manager: Manager, _open_house: None) -> User:
    """Somebody with an account."""
    return await register(manager, "ann", PASSWORD)


@pytest.fixture
def app(settings: Settings) -> web.Application:
    """The whole site, and a few addresses to try things on."""
    return create_app(settings)


@pytest.fixture
async def visitor(_open_house: None, client: Client) -> Visitor:
    """Somebody at the door."""
    return Visitor(client)


@pytest.fixture
async def visits(_open_house: None, settings: Settings, aiohttp_client: AiohttpClient) -> Visits:
    """Browsers, each on a process of its own."""

    async def visit() -> Visitor:
        return Visitor(await aiohttp_client(create_app(settings)))

    return visit


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    """A bus inside this process."""
    opened = MemoryBus()
    await opened.open()
    yield opened
    await opened.close()
