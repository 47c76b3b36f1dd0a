"""Many who ask at about the same time are answered by one trip."""

from __future__ import annotations

import asyncio

import pytest

from helpers.together import Together


class Store:
    """Answers when it is let; remembers what was asked in each trip."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.together = Together(self._ask_all, most=3)

    async def _ask_all(self, questions: list[int]) -> list[str]:
        self.trips.append(questions)
        await self.answers.wait()
        if 13 in questions:
            raise LookupError("no thirteen")
        return [f"the {question}th" for question in questions]


@pytest.fixture
async def store() -> Store:
    return Store()


async def test_what_is_asked_in_one_turn_is_one_trip(store: Store) -> None:
    found = await asyncio.gather(*(store.together.ask(question) for question in (1, 2, 1)))
    assert found == ["the 1th", "the 2th", "the 1th"]
    assert store.trips == [[1, 2, 1]]


async def test_nobody_gets_an_answer_older_than_their_question(store: Store) -> None:
    store.answers.clear()
    first = store.together.ask(1)
    while not store.trips:
        await asyncio.sleep(0)
    later = [store.together.ask(1), store.together.ask(2)]
    assert store.trips == [[1]]
    store.answers.set()
    assert await asyncio.gather(first, *later) == ["the 1th", "the 1th", "the 2th"]
    assert store.trips == [[1], [1, 2]]


async def test_a_trip_takes_only_so_many(store: Store) -> None:
    await asyncio.gather(*(store.together.ask(question) for question in range(5)))
    assert store.trips == [[0, 1, 2], [3, 4]]


async def test_what_fails_fails_for_that_trip_and_the_next_goes_on(store: Store) -> None:
    asked = [store.together.ask(question) for question in (1, 13, 2, 3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [LookupError, LookupError, LookupError, str]
    assert await store.together.ask(4) == "the 4th"


async def test_who_stops_waiting_disturbs_nobody(store: Store) -> None:
    store.answers.clear()
    impatient, patient = store.together.ask(1), store.together.ask(2)
    while not store.trips:
        await asyncio.sleep(0)
    impatient.cancel()
    store.answers.set()
    assert await patient == "the 2th"
