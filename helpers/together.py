"""Many who ask a store at about the same time, and one trip that answers them all."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

MOST = 500
GATHERS_FOR = 0.004


class Together(Generic[Q, A]):
    """Whatever is asked in one turn of the loop, or while a trip is under way, is asked in the next trip together.

    `ask_all` answers questions in their order; what it raises is raised for everybody in that trip. A trip begins only
    after its questions were asked, so that nobody gets an answer older than their question. In a crowd a trip waits a
    moment for more to come: whoever asks alone is answered at once.
    """

    def __init__(self, ask_all: Callable[[list[Q]], Awaitable[Sequence[A]]], most: int = MOST) -> None:
        self._ask_all = ask_all
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._under_way: asyncio.Task[None] | None = None
        self._is_crowd = False

    def ask(self, question: Q) -> asyncio.Future[A]:
        """The answer, to be awaited. Whoever stops waiting disturbs nobody."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._under_way is None:
            # A fresh context: whoever asks first may be in a transaction, which is not everybody's.
            self._under_way = asyncio.get_running_loop().create_task(
                self._travel(), name="asking together", context=contextvars.Context()
            )
        return answer

    async def _travel(self) -> None:
        try:
            while self._waiting:
                if self._is_crowd:
                    await asyncio.sleep(GATHERS_FOR)
                trip, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                self._is_crowd = len(trip) > 1
                await self._answer(trip)
        finally:
            self._under_way = None
            for _, answer in self._waiting:
                answer.cancel()
            self._waiting.clear()

    async def _answer(self, trip: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._ask_all([question for question, _ in trip])
            for (_, answer), found in zip(trip, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        except Exception as error:  # noqa: BLE001 -- it is told to everybody who asked
            for _, answer in trip:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            for _, answer in trip:
                answer.cancel()
