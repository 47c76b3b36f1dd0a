"""Locks by key."""

from __future__ import annotations

import asyncio

import pytest

from helpers.locks import Locks
from helpers.outages import Unavailable


async def test_those_who_want_the_same_wait_for_each_other() -> None:
    locks: Locks[str] = Locks()
    order: list[str] = []

    async def enter(key: str, name: str) -> None:
        async with locks.of(key):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(enter("a", "ann"), enter("a", "ben"), enter("b", "cy"))
    assert order.index("ann out") < order.index("ben in")
    assert order.index("cy in") < order.index("ann out")


async def test_no_lock_is_kept_that_nobody_needs() -> None:
    locks: Locks[int] = Locks()
    for key in range(100):
        async with locks.of(key):
            pass
    assert len(locks._locks) == 0


async def test_who_waits_too_long_is_told_and_stands_in_nobodys_way() -> None:
    locks: Locks[str] = Locks(within=0.05)
    async with locks.of("a"):
        async with asyncio.timeout(5):
            waiting = [asyncio.create_task(_enter(locks)) for _ in range(20)]
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
    await _enter(locks)
    with pytest.raises(ZeroDivisionError):
        await _enter(locks, stumble=True)
    await _enter(locks)


async def _enter(locks: Locks[str], *, stumble: bool = False) -> None:
    async with locks.soon("a"):
        if stumble:
            raise ZeroDivisionError
