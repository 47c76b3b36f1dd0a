"""The house and its people as fixtures: alice and bob are members, mona moderates, olga owns the lobby."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_aiohttp import AiohttpClient

from accounts import passwords
from accounts.passwords import Passwords
from aiochat.settings import Settings
from chat.policy import Role
from tests.people import House, Person, opened_house


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashing is real here, but need not be slow."""
    quick = Passwords(memory_kib=64, rounds=1)
    monkeypatch.setattr(passwords, "PASSWORDS", quick)
    yield
    quick.close()


@pytest.fixture
def nothing_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever people do, the server has nothing to write down as an error."""
    yield
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    assert not [record.getMessage() for record in records if record.levelno >= logging.ERROR]


@pytest.fixture
async def house(
    settings: Settings, aiohttp_client: AiohttpClient, quick_passwords: None, nothing_fails: None
) -> AsyncIterator[House]:
    """The site in one process, with nobody in it."""
    async with opened_house(settings, aiohttp_client) as opened:
        yield opened


@pytest.fixture
async def olga(house: House) -> Person:
    """The owner of #lobby."""
    person = await house.person("olga")
    await house.room("lobby", person, topic="Everybody comes in here.")
    return person


@pytest.fixture
async def mona(house: House, olga: Person) -> Person:
    """A moderator of #lobby."""
    person = await house.person("mona")
    await house.ranks(person, Role.MODERATOR)
    return person


@pytest.fixture
async def alice(house: House, olga: Person) -> Person:
    """A member of #lobby."""
    person = await house.person("alice")
    await house.ranks(person, Role.MEMBER)
    return person


@pytest.fixture
async def bob(house: House, olga: Person) -> Person:
    """Another member of #lobby."""
    person = await house.person("bob")
    await house.ranks(person, Role.MEMBER)
    return person
