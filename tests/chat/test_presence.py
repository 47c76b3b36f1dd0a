"""Marks in Redis: who is here, over all processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from redis.asyncio import Redis

from chat.presence import Presence
from tests.chat.backstage import until_kept

LOBBY, GARDEN, ANN, BEN = 1, 2, 7, 8
Presences = Callable[..., Presence]


@pytest.fixture
def presences(redis: Redis) -> Iterator[Presences]:
    """Those of as many processes as are named."""
    made: list[Presence] = []

    def make(node: str, **how: float) -> Presence:
        made.append(Presence(redis, node, **how))
        return made[-1]

    yield make
    for presence in made:
        presence.close()


async def test_connections_are_counted_over_all_processes(presences: Presences) -> None:
    here, there = presences("here"), presences("there")
    await here.track([(LOBBY, ANN, "1"), (LOBBY, ANN, "2"), (GARDEN, ANN, "3")])
    await there.track([(LOBBY, ANN, "1"), (LOBBY, BEN, "2")])
    asked = [(LOBBY, ANN), (LOBBY, BEN), (GARDEN, ANN), (GARDEN, BEN)]
    assert await there.count(asked) == [3, 1, 1, 0]
    assert await here.nodes(LOBBY, ANN) == {"here": 2, "there": 1}
    await here.untrack([(LOBBY, ANN, "1"), (LOBBY, ANN, "2")])
    assert await here.count(asked) == [1, 1, 1, 0]
    assert await here.nodes(LOBBY, ANN) == {"there": 1}
    assert await here.count([]) == []
    await here.track([])


async def test_a_mark_that_is_not_renewed_expires(presences: Presences) -> None:
    living, dead = presences("living"), presences("dead", expires=0.1)
    await dead.track([(LOBBY, ANN, "1")])
    await living.track([(LOBBY, ANN, "1")])

    async def only_one() -> bool:
        return await living.nodes(LOBBY, ANN) == {"living": 1}

    await until_kept(only_one)
    assert await living.count([(LOBBY, ANN)]) == [1]


async def test_keys_carry_the_room_and_do_not_stay(presences: Presences, redis: Redis) -> None:
    await presences("here").track([(LOBBY, ANN, "1")])
    (key,) = await redis.keys()
    assert key.startswith(b"aiochat:{room:1}:")
    assert 0 < await redis.pttl(key) <= 90_000


async def test_redis_says_once_that_it_has_forgotten(presences: Presences, redis: Redis) -> None:
    here, there = presences("here"), presences("there")
    assert [await here.is_known(), await there.is_known(), await here.is_known()] == [False, True, True]
    await redis.flushall()
    assert [await there.is_known(), await here.is_known()] == [False, True]


async def test_one_leads_while_it_asks_again(presences: Presences) -> None:
    here, there = presences("here"), presences("there")
    assert await here.leads(60)
    assert not await there.leads(60)
    # From here on for so long only: the time that was asked for last counts.
    assert await here.leads(0.05)

    async def follows() -> bool:
        return await there.leads(60)

    await until_kept(follows, "nobody follows one who is gone")


async def test_the_clock_of_a_process_does_not_count(
    presences: Presences, monkeypatch: pytest.MonkeyPatch
) -> None:
    await presences("here").track([(LOBBY, ANN, "1")])
    for hours in (-1, 1):
        moved = time.time() + 3600 * hours
        monkeypatch.setattr(time, "time", lambda moved=moved: moved)
        off = presences(f"{hours} hours off")
        await off.track([(LOBBY, BEN, "1")])
        assert await off.count([(LOBBY, ANN), (LOBBY, BEN)]) == [1, 1 if hours < 0 else 2]
        assert await off.nodes(LOBBY, ANN) == {"here": 1}
