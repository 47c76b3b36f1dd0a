"""Which numbering is in force: where Redis remembers more than the logs hold, another one begins."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from chat import epoch
from chat.connection import CloseCode
from chat.events import Person
from chat.pace import Pace
from tests.chat.backstage import Backstage, until, until_kept, words


async def now(backstage: Backstage) -> str:
    return str(await backstage.manager.value("SELECT epoch FROM site"))


async def test_an_older_database_under_the_same_redis_is_another_epoch(
    backstage: Backstage, redis: Redis, lobby: int, ann: Person
) -> None:
    node = await backstage.node()
    await node.journal.append(words(lobby, ann, "one"))
    await epoch.remember(redis, {lobby: 1})
    before = await now(backstage)
    assert await epoch.begin(backstage.manager, redis) == before, "what was told is there"
    await epoch.remember(redis, {lobby: 2})
    after = await epoch.begin(backstage.manager, redis)
    assert after == await now(backstage) != before
    assert await epoch.begin(backstage.manager, redis) == after, "once is enough"


async def test_a_room_that_the_database_does_not_know_counts_as_well(
    backstage: Backstage, redis: Redis
) -> None:
    before = await now(backstage)
    await epoch.remember(redis, {4711: 3})
    assert await epoch.begin(backstage.manager, redis) != before


async def test_without_redis_the_epoch_stays(backstage: Backstage, caplog: pytest.LogCaptureFixture) -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        assert await epoch.begin(backstage.manager, nobody) == await now(backstage)
    assert "is not known" in caplog.text


async def test_a_live_process_notes_how_far_its_logs_are_and_sees_a_new_epoch(
    backstage: Backstage, redis: Redis, lobby: int, ann: Person
) -> None:
    node = await backstage.node(pace=Pace(check=0.05))
    seat = await backstage.seat(node, lobby, ann)
    await node.journal.append(words(lobby, ann, "one"))

    async def is_noted() -> bool:
        return await redis.hgetall(epoch.HEADS) == {str(lobby).encode(): b"1"}

    await until_kept(is_noted)
    old = node.epoch
    await backstage.manager.execute(epoch.NEW_EPOCH)
    await until(lambda: seat.closed is not None, "who listens is let go")
    assert seat.closed is not None
    assert seat.closed[0] is CloseCode.RESTART
    assert node.epoch == await now(backstage) != old
    assert await node.hub.channel(lobby) is not seat.channel, "what it heard were numbers of another log"
