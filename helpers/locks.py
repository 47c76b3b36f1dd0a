"""One lock for each of many things, kept only while somebody holds it or waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from helpers.outages import Unavailable

K = TypeVar("K")
SOON = 10.0


class Locks(Generic[K]):
    """Locks by key, made when first asked for. `within` is how long `soon` waits at most, in seconds."""

    def __init__(self, within: float = SOON) -> None:
        self._within = within
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: K) -> asyncio.Lock:
        """The lock of this thing: the same for all who hold it or wait for it."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def soon(self, key: K) -> AsyncIterator[None]:
        """Hold the lock of this thing. Raises `Unavailable` where those before take too long.

        Each of them may wait for a database that stands still: who is the hundredth must not wait a hundred times.
        """
        lock = self.of(key)
        try:
            async with asyncio.timeout(self._within):
                await lock.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            yield
        finally:
            lock.release()
