"""Who waits for the next commit, for how long, and with whom."""

from __future__ import annotations

import asyncio

import pytest

from chat import queue as queues
from chat.errors import Unavailable
from chat.events import Person
from chat.post import Post
from chat.queue import SIBLINGS, Queue
from helpers.errors import AppError
from tests.chat.backstage import words

ANN = Person(1, "ann")


def some(count: int) -> list[Post]:
    return [words(1, ANN, f"word {number}") for number in range(count)]


@pytest.fixture
def queue() -> Queue:
    return Queue(answer_within=60)


async def test_one_word_goes_at_once(queue: Queue) -> None:
    gathering = asyncio.create_task(queue.gather(0))
    await asyncio.sleep(0)
    assert not gathering.done()
    (word,) = some(1)
    queue.put(word)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gathering.done()
    assert queue.take({}) == ([word], [])


async def test_those_who_spoke_together_are_waited_for(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "GATHERS_FOR", 60)
    gathering = asyncio.create_task(queue.gather(SIBLINGS))
    said = some(SIBLINGS)
    for word in said[:-1]:
        queue.put(word)
        await asyncio.sleep(0)
    assert not gathering.done()
    queue.put(said[-1])
    await asyncio.wait_for(gathering, 5)
    assert queue.take({}) == (said, [])


async def test_they_are_waited_for_a_moment_only(queue: Queue) -> None:
    said = some(2)
    for word in said:
        queue.put(word)
    await asyncio.wait_for(queue.gather(SIBLINGS), 5)
    assert queue.take({}) == (said, [])


async def test_few_are_not_waited_for(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "GATHERS_FOR", 60)
    queue.put(some(1)[0])
    await asyncio.wait_for(queue.gather(SIBLINGS - 1), 5)


async def test_rooms_apart_are_taken_apart_and_what_is_put_back_comes_first(queue: Queue) -> None:
    here, there = words(1, ANN, "here"), words(2, ANN, "there")
    for word in (here, there):
        queue.put(word)
    assert queue.take({2}) == ([here], [there])
    later = words(1, ANN, "later")
    queue.put(later)
    queue.put_back([here])
    assert queue.take({}) == ([here, later], [])


async def test_whoever_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(answer_within=0.05)
    told: list[object] = []
    answered, waiting = some(2)
    answered.then = told.append
    waiting.then = told.append
    for word in (answered, waiting):
        queue.put(word)
    refusal: AppError = Unavailable()
    answered.answer(refusal)
    async with asyncio.timeout(5):
        while len(told) < 2:
            await asyncio.sleep(0.01)
    assert told[0] is refusal
    assert isinstance(told[1], Unavailable)
    assert not queue.take({})[0][0].then
    queue.close()
