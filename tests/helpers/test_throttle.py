"""How often is too often."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from helpers.outages import Unavailable
from helpers.throttle import RateLimited, Throttle, TokenBucket, address_key, spoken_pause

NOBODY_THERE = "redis://127.0.0.1:1/0"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_burst_through_and_then_says_how_long_to_wait() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert bucket.take() == 0
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=1, burst=2, clock=clock)
    bucket.take()
    clock.now -= 100
    assert bucket.take() == 0


def test_a_refusal_names_whole_seconds() -> None:
    bucket = TokenBucket(rate=0.4, burst=1, clock=Clock())
    bucket.require()
    with pytest.raises(RateLimited) as refused:
        bucket.require()
    assert refused.value.told() == {
        "code": "rate_limited",
        "message": "Too many tries. The next one counts in 3 seconds.",
        "retry_after": 3,
        "temporary": True,
    }


async def test_two_processes_count_together(redis: Redis) -> None:
    here, there = (Throttle("knock", limit=3, seconds=60) for _ in range(2))
    assert (await here.count(redis, "ann")).left == 2
    assert (await there.count(redis, "ann")).left == 1
    assert not (await here.count(redis, "ann")).refused
    tries = await there.count(redis, "ann")
    assert tries.refused
    assert 0 < tries.retry_after <= 60
    assert not (await there.count(redis, "bob")).refused


async def test_a_thousand_tries_at_once_are_all_counted(redis: Redis) -> None:
    throttle = Throttle("knock", limit=5, seconds=60)
    answers = await asyncio.gather(*(throttle.count(redis, "ann") for _ in range(100)))
    assert sum(not tries.refused for tries in answers) == 5


async def test_the_pause_ends_by_itself_and_refused_tries_do_not_make_it_longer(redis: Redis) -> None:
    throttle = Throttle("knock", limit=1, seconds=3)
    await throttle.require(redis, "ann")
    with pytest.raises(RateLimited):
        await throttle.require(redis, "ann")
    async with asyncio.timeout(30):
        while (await throttle.count(redis, "ann")).refused:
            await asyncio.sleep(0.02)


async def test_a_good_try_is_given_back_and_another_begins_anew(redis: Redis) -> None:
    throttle = Throttle("knock", limit=2, seconds=60)
    await throttle.count(redis, "ann")
    await throttle.give_back(redis, "ann")
    assert (await throttle.count(redis, "ann")).left == 1
    await throttle.count(redis, "ann")
    await throttle.forget(redis, "ann")
    assert (await throttle.count(redis, "ann")).left == 1
    await throttle.give_back(redis, "nobody")
    assert (await throttle.count(redis, "nobody")).left == 1


async def test_keys_say_nothing_about_whom_they_count(redis: Redis) -> None:
    await Throttle("knock", limit=2, seconds=60).count(redis, "ann}\r\n\ud800")
    (key,) = await redis.keys()
    assert key.startswith(b"aiochat:{knock:")
    assert b"ann" not in key
    assert await redis.pttl(key) > 0


async def test_nothing_is_let_through_uncounted() -> None:
    async with Redis.from_url(NOBODY_THERE) as nobody:
        with pytest.raises(Unavailable) as refused:
            await Throttle("knock", limit=2, seconds=60).count(nobody, "ann")
    assert refused.value.facts["retry_after"] > 0


@pytest.mark.parametrize(
    ("remote", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        (None, "unknown"),
        ("a socket", "a socket"),
    ],
)
def test_one_household_is_one_address(remote: str | None, key: str) -> None:
    assert address_key(remote) == key


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (40, "40 seconds"), (180, "3 minutes"), (3600, "60 minutes"), (86400, "24 hours")],
)
def test_a_pause_is_said_as_a_person_would(seconds: float, words: str) -> None:
    assert spoken_pause(seconds) == words
