"""Questions to Redis are answered in their order, or it is said soon that nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from helpers import questions as module
from helpers.questions import Questions

ECHO = "return {KEYS[1], ARGV[1]}"


@pytest.fixture
async def questions(redis: Redis) -> AsyncIterator[Questions]:
    asked = Questions(redis)
    yield asked
    asked.close()


async def test_each_gets_the_answer_to_their_own(questions: Questions) -> None:
    answers = await asyncio.gather(*(questions.run(ECHO, [f"k{n}"], str(n)) for n in range(50)))
    assert answers == [[f"k{n}".encode(), str(n).encode()] for n in range(50)]
    assert await questions.run("return false", []) is None


async def test_what_redis_refuses_is_raised_for_that_one_alone(questions: Questions) -> None:
    bad, good = await asyncio.gather(
        questions.run("return redis.call('NO SUCH THING')", []),
        questions.run(ECHO, ["k"], "fine"),
        return_exceptions=True,
    )
    assert isinstance(bad, RedisError)
    assert good == [b"k", b"fine"]


async def test_a_line_that_broke_is_made_again(questions: Questions, redis: Redis) -> None:
    await questions.run(ECHO, ["k"], "before")
    assert questions._line is not None
    for client in await redis.client_list():
        if client["cmd"].startswith("eval"):
            await redis.client_kill_filter(_id=client["id"])
    async with asyncio.timeout(30):
        while questions._line is not None:
            await asyncio.sleep(0.005)
    assert await questions.run(ECHO, ["k"], "after") == [b"k", b"after"]


async def test_who_waits_when_the_line_breaks_hears_of_it(questions: Questions) -> None:
    await questions.run(ECHO, ["k"], "before")
    asked = asyncio.ensure_future(questions._ask("BLPOP", "nothing", "0"))
    await asyncio.sleep(0)
    questions.close()
    with pytest.raises(RedisError):
        await asked


async def test_where_nobody_answers_one_does_not_wait_for_long(
    questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await questions.run(ECHO, ["k"], "before")
    monkeypatch.setattr(module, "WAIT_FOR_REDIS", 0.05)
    waiting = asyncio.ensure_future(questions._ask("BLPOP", "nothing", "0"))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await questions.run(ECHO, ["k"], "behind one that does not end")
    with pytest.raises(RedisError):
        await waiting


@pytest.mark.parametrize("when", ["before", "while the line is made", "after an answer"])
async def test_who_asks_too_late_makes_no_line_that_nobody_closes(redis: Redis, when: str) -> None:
    questions = Questions(redis)
    if when == "after an answer":
        await questions.run(ECHO, ["k"], "in time")
    if when == "while the line is made":
        asking = asyncio.ensure_future(questions.run(ECHO, ["k"], "late"))
        await asyncio.sleep(0)
        questions.close()
        with pytest.raises(RedisError, match="closed"):
            await asking
    questions.close()
    for _ in range(2):
        with pytest.raises(RedisError):
            await questions.run(ECHO, ["k"], "later")
    assert questions._line is None


async def test_where_nobody_is_at_all_it_is_said() -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        with pytest.raises(OSError, match="Connect call failed"):
            await Questions(nobody).run(ECHO, ["k"], "hello")


async def test_it_asks_the_database_of_the_address(redis: Redis) -> None:
    await redis.set("mine", "first")
    how = redis.connection_pool.connection_kwargs
    async with Redis(unix_socket_path=how["path"], db=1) as other:
        questions = Questions(other)
        assert await questions.run("return redis.call('GET', KEYS[1])", ["mine"]) is None
        questions.close()
