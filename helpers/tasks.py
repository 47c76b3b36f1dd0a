"""Tasks that somebody looks after: named, logged when they fail, awaited at the end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from helpers.database import is_lost
from helpers.errors import AppError
from helpers.outages import is_redis_away

log = logging.getLogger(__name__)
RESTART_AFTER = 1.0
CANCEL_AGAIN_AFTER = 0.2


def is_outage(error: Exception) -> bool:
    """Whether a store was away, and the same may succeed later."""
    return (isinstance(error, AppError) and error.temporary) or is_lost(error) or is_redis_away(error)


class Tasks:
    """The background tasks of one owner, closed together."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keep `run` running until `close`: when it fails it is logged and begun again after a second."""
        self._spawn(name, self._keep(name, run))

    def once(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` beside the caller. A failure is logged; `close` cuts it short."""
        task = self._spawn(name, self._watch(name, work))
        # Cut short before it began, it would complain that nobody waited for it.
        task.add_done_callback(lambda _: work.close())
        return task

    async def drain(self) -> None:
        """Wait until all work begun with `once` or `start` has ended by itself."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Cancel what still runs, and wait for it."""
        self._closing = True
        while self._tasks:
            # A library may swallow a cancellation that comes while it answers; such a task is told again.
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(set(self._tasks), timeout=CANCEL_AGAIN_AFTER)

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # A fresh context: a task begun inside a transaction must not inherit its connection.
        task = asyncio.get_running_loop().create_task(
            work, name=f"{self._owner}: {name}", context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while not self._closing:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 -- it is written down and begun again
                self._say(f"{name} failed, begins again", error)
            await asyncio.sleep(RESTART_AFTER)

    async def _watch(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 -- it is written down
            self._say(f"{name} failed", error)

    def _say(self, what: str, error: Exception) -> None:
        if is_outage(error):
            # Where it happened says nothing about a server that is away.
            log.warning("%s: %s: %s", self._owner, what, error)
        else:
            log.error("%s: %s", self._owner, what, exc_info=error)
