"""How much one person may do, however many processes they do it at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from chat import flood as module
from chat.flood import Flood
from chat.node import Limits
from tests.people import House, Person

ANN, BEN = 1, 2


@pytest.fixture
def process(redis: Redis) -> Iterator[Callable[..., Flood]]:
    opened: list[Flood] = []

    def begin(burst: float = 4, rate: float = 0.01, redis: Redis = redis) -> Flood:
        opened.append(Flood(redis, lambda: (burst, rate), every=3600))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def takes(flood: Flood, user_id: int, most: int = 10) -> int:
    """How much is let pass."""
    return sum(not flood.take(user_id) for _ in range(most))


async def test_each_has_a_burst_of_their_own_and_hears_how_long_to_wait(
    process: Callable[..., Flood],
) -> None:
    here = process(burst=2, rate=0.05)
    assert takes(here, ANN, 2) == 2
    assert 0 < here.take(ANN) <= 20
    assert takes(here, BEN) == 2


async def test_what_was_done_at_one_process_counts_at_the_others(process: Callable[..., Flood]) -> None:
    here, there = process(), process()
    assert takes(here, ANN, 3) == 3
    await here.count_together()
    assert takes(there, ANN, 1) == 1
    await there.count_together()
    assert takes(there, ANN) == 0
    assert takes(there, BEN) == 4


async def test_what_is_done_while_redis_counts_is_not_forgotten(process: Callable[..., Flood]) -> None:
    here = process()
    takes(here, ANN, 2)
    run = here._questions.run

    async def slowly(*asked: object) -> object:
        assert takes(here, ANN, 1) == 1
        return await run(*asked)  # type: ignore[arg-type]

    here._questions.run = slowly  # type: ignore[method-assign, assignment]
    await here.count_together()
    assert takes(here, ANN) == 1


async def test_two_bursts_let_pass_at_the_same_moment_are_waited_for_once(
    process: Callable[..., Flood],
) -> None:
    here, there = process(burst=4, rate=0.05), process(burst=4, rate=0.05)
    assert takes(here, ANN) == takes(there, ANN) == 4
    await here.count_together()
    await there.count_together()
    assert 10 < there.take(ANN) <= 20


async def test_what_is_owed_is_forgotten_once_it_is_paid(redis: Redis, process: Callable[..., Flood]) -> None:
    here = process(burst=4, rate=0.05)
    takes(here, ANN)
    await here.count_together()
    [key] = await redis.keys("aiochat:{flood}:*")
    assert 40_000 < await redis.pttl(key) <= 80_001


async def test_without_redis_each_counts_for_itself(
    process: Callable[..., Flood],
) -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        alone = process(redis=nobody)
        assert takes(alone, ANN) == 4
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await alone.count_together()
        assert takes(alone, ANN) == 0


async def test_there_are_never_too_many_buckets(process: Callable[..., Flood]) -> None:
    here = process()
    for user_id in range(module.MOST_BUCKETS + 1):
        here.take(user_id)
    assert len(here) <= module.MOST_BUCKETS


async def test_who_talks_through_two_processes_is_heard_no_more_than_through_one(
    house: House, alice: Person
) -> None:
    await house.opens()
    for node in house.nodes:
        # Nobody is forgiven anything while this is played.
        node.limits = replace(node.limits, rate=0.01)
    elsewhere = await house.again("alice", alice.id, at=1)
    await alice.enters()
    await elsewhere.enters()
    for number in range(Limits().burst):
        await alice.says(f"here {number}")
    await house.nodes[0].flood.count_together()
    await elsewhere.says("there")
    await house.nodes[1].flood.count_together()
    refused = await elsewhere.refused("there again")
    assert (refused.code, refused.temporary) == ("rate_limited", True)
    assert refused.retry_after >= 1
