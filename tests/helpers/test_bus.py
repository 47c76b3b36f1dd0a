"""Who hears what, on the bus in memory and on that over Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from helpers import bus as buses
from helpers.bus import Bus, MemoryBus, RedisBus

NOBODY_THERE = "redis://127.0.0.1:1/0"
LOBBY, GARDEN = "aiochat:{room:1}", "aiochat:{room:2}"
PATIENCE = 30.0


@dataclass
class Ear:
    """One process's end of the bus, and what came to it."""

    bus: Bus
    heard: asyncio.Queue[tuple[str, bytes]] = field(default_factory=asyncio.Queue)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.bus.listen(lambda topic, payload: self.heard.put_nowait((topic, payload)), self.lost.set)

    async def hears(self) -> tuple[str, bytes]:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def heard_nothing_before(self, topic: str, payload: bytes) -> None:
        """What is said last is what comes first: nothing came in between."""
        self.bus.publish(topic, payload)
        assert await self.hears() == (topic, payload)
        assert self.heard.empty()


@pytest.fixture(params=["memory", "redis"])
async def ends(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[tuple[Ear, Ear]]:
    if request.param == "memory":
        first = MemoryBus()
        pair: tuple[Bus, Bus] = (first, first.twin())
    else:
        pair = (RedisBus(redis), RedisBus(redis))
    for end in pair:
        await end.open()
    yield Ear(pair[0]), Ear(pair[1])
    for end in pair:
        await end.close()


async def test_everybody_who_listens_hears_the_speaker_too(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    for end in ends:
        await end.bus.subscribe(LOBBY)
    here.bus.publish(LOBBY, b"hello \x00\xff")
    assert await here.hears() == await there.hears() == (LOBBY, b"hello \x00\xff")


async def test_who_does_not_listen_hears_nothing(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    await there.bus.subscribe(GARDEN)
    here.bus.publish(LOBBY, b"not for there")
    here.bus.publish(GARDEN, b"for there")
    assert await there.hears() == (GARDEN, b"for there")
    await there.heard_nothing_before(GARDEN, b"nothing else")


async def test_who_listens_no_more_hears_no_more(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    for topic in (LOBBY, GARDEN):
        await there.bus.subscribe(topic)
    await there.bus.unsubscribe(LOBBY)
    here.bus.publish(GARDEN, b"still")
    assert await there.hears() == (GARDEN, b"still")
    here.bus.publish(LOBBY, b"no more")
    here.bus.publish(GARDEN, b"after it")
    assert await there.hears() == (GARDEN, b"after it")


async def test_one_may_listen_again(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    await there.bus.subscribe(LOBBY)
    await there.bus.unsubscribe(LOBBY)
    await there.bus.subscribe(LOBBY)
    here.bus.publish(LOBBY, b"again")
    assert await there.hears() == (LOBBY, b"again")
    assert not there.lost.is_set()


async def test_what_one_says_comes_in_its_order(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    await there.bus.subscribe(LOBBY)
    said = [str(count).encode() for count in range(2_000)]
    for payload in said:
        here.bus.publish(LOBBY, payload)
    assert [(await there.hears())[1] for _ in said] == said


async def test_a_closed_end_says_what_it_still_had_to_say_and_hears_no_more(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    await here.bus.subscribe(LOBBY)
    await there.bus.subscribe(LOBBY)
    here.bus.publish(LOBBY, b"last words")
    await here.bus.close()
    assert await there.hears() == (LOBBY, b"last words")
    while not here.heard.empty():
        here.heard.get_nowait()
    await there.heard_nothing_before(LOBBY, b"to an empty room")
    assert here.heard.empty()


async def test_a_star_stands_for_all_that_begin_so(ends: tuple[Ear, Ear]) -> None:
    here, there = ends
    await there.bus.subscribe("aiochat:{room:*")
    here.bus.publish("aiochat:{user:7}", b"not for them")
    here.bus.publish(LOBBY, b"hello")
    assert await there.hears() == (LOBBY, b"hello")
    await there.bus.unsubscribe("aiochat:{room:*")
    await there.bus.subscribe(GARDEN)
    here.bus.publish(LOBBY, b"to an empty room")
    await there.heard_nothing_before(GARDEN, b"hello again")


async def test_a_broken_line_is_mended_and_told(redis: Redis) -> None:
    bus = RedisBus(redis)
    await bus.open()
    ear = Ear(bus)
    try:
        await bus.subscribe(LOBBY)
        assert not ear.lost.is_set()
        await redis.client_kill_filter(_type="pubsub")
        await asyncio.wait_for(ear.lost.wait(), PATIENCE)
        await bus.subscribe(LOBBY)
        bus.publish(LOBBY, b"after the break")
        while (await ear.hears())[1] != b"after the break":
            pass
    finally:
        await bus.close()


async def test_without_redis_it_opens_and_publishes_and_closes_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(buses, "CONFIRM_WITHIN", 0.05)
    async with Redis.from_url(NOBODY_THERE) as nobody:
        bus = RedisBus(nobody)
        await bus.open()
        for count in range(buses.MOST_WAITING + 5):
            bus.publish(LOBBY, b"%d" % count)
        await bus.subscribe(LOBBY)
        await bus.unsubscribe(LOBBY)
        await bus.close()
    assert "Redis does not answer yet" in caplog.text
    assert "were not sent" in caplog.text


async def test_what_could_not_be_sent_is_sent_later_in_its_order(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async with Redis.from_url(NOBODY_THERE) as nobody:
        bus = RedisBus(nobody)
        ear = Ear(bus)
        opening = asyncio.create_task(bus.open())
        await bus.subscribe(LOBBY)
        for payload in (b"one", b"two"):
            bus.publish(LOBBY, payload)
        async with asyncio.timeout(PATIENCE):
            while "no line to Redis" not in caplog.text:
                await asyncio.sleep(0.01)
        bus.publish(LOBBY, b"three")
        bus._redis = redis
        assert [(await ear.hears())[1] for _ in range(3)] == [b"one", b"two", b"three"]
        await opening
        await bus.close()


async def test_what_was_not_answered_when_the_line_broke_is_sent_again(redis: Redis) -> None:
    ear = Ear(RedisBus(redis))
    await ear.bus.open()
    await ear.bus.subscribe(LOBBY)
    await redis.client_pause(500, all=False)
    ear.bus.publish(LOBBY, b"before the break")
    await redis.client_kill_filter(_type="pubsub")
    await asyncio.wait_for(ear.lost.wait(), PATIENCE)
    assert await ear.hears() == (LOBBY, b"before the break")
    await ear.bus.close()


async def test_what_is_asked_for_while_the_line_is_made_is_heard(redis: Redis) -> None:
    for _ in range(5):
        bus = RedisBus(redis)
        ear = Ear(bus)
        opening = asyncio.create_task(bus.open())
        for _ in range(3):
            await asyncio.sleep(0)
        await bus.subscribe(LOBBY)
        await opening
        async with asyncio.timeout(PATIENCE):
            await bus._confirmed.setdefault(LOBBY, asyncio.Event()).wait()
        bus.publish(LOBBY, b"hello")
        assert await ear.hears() == (LOBBY, b"hello")
        await bus.close()
