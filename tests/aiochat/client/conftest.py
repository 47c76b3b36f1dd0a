"""Who is on stage in the tests of the client library."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chaos.wire import Wire
from tests.client import wired
from tests.people import House
from tests.stage import alice, bob, house, mona, nothing_fails, olga, quick_passwords

__all__ = ["alice", "bob", "house", "mona", "nothing_fails", "olga", "quick_passwords", "wire"]


@pytest.fixture
async def wire(house: House) -> AsyncIterator[Wire]:
    """What the client hangs on: it can be cut."""
    async with wired(house) as opened:
        yield opened
