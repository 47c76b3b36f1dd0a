"""The street in front of the house, from which guests come."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chat.sockets.old_nicks import Street
from tests.people import House


@pytest.fixture
async def street(house: House) -> AsyncIterator[Street]:
    """Where guests come from; in the end they all go."""
    street = Street(house)
    yield street
    await street.clears()
