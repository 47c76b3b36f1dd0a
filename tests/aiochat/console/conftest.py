"""Who is on stage in the tests of the terminal client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from accounts.tokens import create_token
from tests.aiochat.console.terminal import Terminal, terminal
from tests.people import House, Person
from tests.stage import alice, bob, house, mona, nothing_fails, olga, quick_passwords

__all__ = ["alice", "bob", "house", "mona", "nothing_fails", "olga", "quick_passwords"]


@pytest.fixture
async def at_home(house: House, alice: Person) -> dict[str, str]:
    """The environment in which alice's terminal finds the house, and her token."""
    return {
        "CHAT_SITE": f"http://127.0.0.1:{house.servers[0].port}",
        "CHAT_TOKEN": await create_token(house.node.manager, alice.id),
    }


@pytest.fixture
async def screen(at_home: dict[str, str]) -> AsyncIterator[Terminal]:
    """Alice's terminal, in #lobby."""
    async with terminal("lobby", **at_home) as opened:
        await opened.shows("alice>")
        yield opened
