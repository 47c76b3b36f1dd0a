"""Names held in Redis: by one at a time, as long as their process lives."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from chat.nicks import NickClaims
from helpers.outages import Unavailable
from tests.chat.backstage import until_kept

ROOM, OTHER = 1, 2


@pytest.fixture
def here(redis: Redis) -> NickClaims:
    """One process."""
    return NickClaims(redis)


@pytest.fixture
def there(redis: Redis) -> NickClaims:
    """Another one."""
    return NickClaims(redis)


async def test_a_name_is_held_by_whoever_was_first(here: NickClaims, there: NickClaims) -> None:
    assert await here.claim(ROOM, "jonas", "a") is True
    assert await there.claim(ROOM, "jonas", "b") is False
    assert await here.claim(ROOM, "jonas", "b") is False
    assert (here.held, there.held) == ({(ROOM, "jonas"): "a"}, {})


async def test_to_hold_it_twice_is_to_hold_it_once(here: NickClaims) -> None:
    assert await here.claim(ROOM, "jonas", "a") is True
    assert await here.claim(ROOM, "jonas", "a") is True
    await here.release(ROOM, "jonas", "a")
    assert await here.claim(ROOM, "jonas", "b") is True


async def test_another_room_is_another_name(here: NickClaims, there: NickClaims) -> None:
    assert await here.claim(ROOM, "jonas", "a") is True
    assert await there.claim(OTHER, "jonas", "b") is True


async def test_nobody_lets_go_what_is_anothers(here: NickClaims, there: NickClaims) -> None:
    await here.claim(ROOM, "jonas", "a")
    await there.release(ROOM, "jonas", "b")
    assert await there.claim(ROOM, "jonas", "b") is False
    await here.release(ROOM, "nobody", "a")


async def test_what_is_renewed_stays_and_what_is_not_is_free(redis: Redis) -> None:
    living, dead = NickClaims(redis, 0.3), NickClaims(redis, 0.3)
    await living.claim(ROOM, "jonas", "a")
    await dead.claim(ROOM, "victim", "b")
    other = NickClaims(redis)

    async def is_free() -> bool:
        assert await living.renew() == []
        return await other.claim(ROOM, "victim", "c")

    await until_kept(is_free)
    assert await other.claim(ROOM, "jonas", "c") is False


async def test_what_redis_forgot_is_held_again(here: NickClaims, there: NickClaims, redis: Redis) -> None:
    await here.claim(ROOM, "jonas", "a")
    await redis.flushall()
    assert await here.renew() == []
    assert await there.claim(ROOM, "jonas", "b") is False


async def test_what_somebody_else_has_now_is_lost_once(
    here: NickClaims, there: NickClaims, redis: Redis
) -> None:
    await here.claim(ROOM, "jonas", "a")
    await here.claim(ROOM, "hotfix", "a2")
    await redis.flushall()
    await there.claim(ROOM, "jonas", "b")
    assert await here.renew() == [((ROOM, "jonas"), "a")]
    assert await here.renew() == []
    assert here.held == {(ROOM, "hotfix"): "a2"}


async def test_what_is_let_go_while_all_are_renewed_stays_free(here: NickClaims, there: NickClaims) -> None:
    for number in range(200):
        await here.claim(ROOM, f"name{number}", "a")
    await asyncio.gather(here.renew(), *(here.release(ROOM, f"name{number}", "a") for number in range(200)))
    assert all([await there.claim(ROOM, f"name{number}", "b") for number in range(200)])


async def test_without_redis_nothing_is_held(tmp_path: object) -> None:
    claims = NickClaims(Redis(unix_socket_path=f"{tmp_path}/nobody"))
    with pytest.raises(Unavailable):
        await claims.claim(ROOM, "jonas", "a")
    assert claims.held == {}
    assert await claims.renew() == []
