"""Locks by key."""

from __future__ import annotations

import asyncio

from helpers.locks import Locks


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
