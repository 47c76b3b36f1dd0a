"""The short form of `make chaos`: some of everything, seeded, and a checker that holds every log against PostgreSQL."""

from __future__ import annotations

import pytest

from chaos.__main__ import SHORT
from chaos.run import run
from chaos.table import table


@pytest.mark.timeout(240)
async def test_whatever_breaks_nothing_is_lost_and_nothing_is_there_twice() -> None:
    book, found, seconds = await run(SHORT)
    assert not found.wrong, table(book, found, seconds)
    assert (found.lost, found.doubled) == (0, 0)
    assert book.acked >= SHORT.entries
    assert sum(book.faults.values()) >= SHORT.heavy_faults
    assert found.compared > found.entries
