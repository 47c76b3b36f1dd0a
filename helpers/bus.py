"""Bytes from any process to every process, by topic. It only tells: what must not be lost is read from PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from helpers.tasks import Tasks

log = logging.getLogger(__name__)

Hear = Callable[[str, bytes], None]
Lost = Callable[[], None]

MOST_WAITING = 10_000
MOST_IN_ONE_TRIP = 500
CONFIRM_WITHIN = 2.0
HOME = "aiochat:{bus}"


class Bus(Protocol):
    """What the hub and the journal need of a bus."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell every process that listens to `topic`, this one included. Never waits, never fails."""

    async def subscribe(self, topic: str) -> None:
        """Hear `topic` from now on; returns when that is true, or after two seconds without an answer."""

    async def unsubscribe(self, topic: str) -> None:
        """Hear `topic` no more."""

    def listen(self, hear: Hear, lost: Lost) -> None:
        """Call `hear(topic, payload)` for all that comes, and `lost()` when something may have been missed."""

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """Send what waits, then end."""


class MemoryBus:
    """A bus inside one process: for tests, and for several nodes in one loop (`twin`)."""

    def __init__(self, wire: set[MemoryBus] | None = None) -> None:
        self._wire = wire if wire is not None else set()
        self._topics: set[str] = set()
        self._listeners: list[tuple[Hear, Lost]] = []

    def twin(self) -> MemoryBus:
        """Another node's end of the same bus."""
        return MemoryBus(self._wire)

    def publish(self, topic: str, payload: bytes) -> None:
        for end in tuple(self._wire):
            asyncio.get_running_loop().call_soon(end.deliver, topic, payload)

    async def subscribe(self, topic: str) -> None:
        self._topics.add(topic)

    async def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic)

    def listen(self, hear: Hear, lost: Lost) -> None:
        self._listeners.append((hear, lost))

    async def open(self) -> None:
        self._wire.add(self)

    async def close(self) -> None:
        self._wire.discard(self)

    def deliver(self, topic: str, payload: bytes) -> None:
        """Something came over the wire."""
        if topic in self._topics:
            for hear, _ in self._listeners:
                hear(topic, payload)


class RedisBus:
    """A bus over Redis publish/subscribe.

    Publishing queues; a writer sends what has piled up in one round trip. While Redis is away the oldest are let go:
    listeners are told that something was lost, and read it from the database.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: list[tuple[Hear, Lost]] = []
        self._topics: set[str] = {HOME}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._something = asyncio.Event()
        self._sending = asyncio.Lock()
        self._pubsub: PubSub | None = None
        self._tasks = Tasks("bus")

    def publish(self, topic: str, payload: bytes) -> None:
        self._waiting.append((topic, payload))
        self._something.set()

    def listen(self, hear: Hear, lost: Lost) -> None:
        self._listeners.append((hear, lost))

    async def subscribe(self, topic: str) -> None:
        self._topics.add(topic)
        confirmed = self._confirmed.setdefault(topic, asyncio.Event())
        pubsub = self._pubsub
        if pubsub is None:
            return
        try:
            await pubsub.subscribe(topic)
            await asyncio.wait_for(confirmed.wait(), CONFIRM_WITHIN)
        except (RedisError, OSError, TimeoutError):
            # The reader subscribes to all topics again when Redis is back, and says that something was lost.
            log.warning("bus: %s is not confirmed yet", topic)

    async def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic)
        self._confirmed.pop(topic, None)
        if self._pubsub is None:
            return
        try:
            await self._pubsub.unsubscribe(topic)
        except (RedisError, OSError):
            log.debug("bus: %s will be forgotten at the next connection", topic)

    async def open(self) -> None:
        self._tasks.start("reading", self._read)
        self._tasks.start("writing", self._write)
        confirmed = self._confirmed.setdefault(HOME, asyncio.Event())
        try:
            await asyncio.wait_for(confirmed.wait(), CONFIRM_WITHIN)
        except TimeoutError:
            log.warning("bus: Redis does not answer yet")

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._send_waiting(), CONFIRM_WITHIN)
        except (RedisError, OSError, TimeoutError):
            log.warning("bus: %d messages were not sent", len(self._waiting))
        await self._tasks.close()

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            try:
                await self._send_waiting()
            except (RedisError, OSError) as error:
                log.warning("bus: cannot publish: %s", error)
                await asyncio.sleep(0.2)

    async def _send_waiting(self) -> None:
        # One trip at a time: order is kept, and closing waits for the trip that is under way.
        async with self._sending:
            while self._waiting:
                count = min(len(self._waiting), MOST_IN_ONE_TRIP)
                batch = [self._waiting.popleft() for _ in range(count)]
                try:
                    async with self._redis.pipeline(transaction=False) as pipeline:
                        for topic, payload in batch:
                            pipeline.publish(topic, payload)
                        await pipeline.execute()
                except (RedisError, OSError):
                    # Perhaps it was heard, perhaps not. Who hears it twice drops the second.
                    room = MOST_WAITING - len(self._waiting)
                    self._waiting.extendleft(reversed(batch[max(0, len(batch) - room) :]))
                    raise
            self._something.clear()

    async def _read(self) -> None:
        async with self._redis.pubsub() as pubsub:
            try:
                topics = set(self._topics)
                await pubsub.subscribe(*topics)
                self._pubsub = pubsub
                if late := self._topics - topics:
                    # Asked for while the line was being made.
                    await pubsub.subscribe(*late)
                async for message in pubsub.listen():
                    self._heard(message["type"], message["channel"].decode(), message["data"])
            except (RedisError, OSError) as error:
                log.warning("bus: the line to Redis broke: %s", error)
            finally:
                self._pubsub = None

    def _heard(self, kind: str, topic: str, data: bytes) -> None:
        if kind == "message":
            for hear, _ in self._listeners:
                hear(topic, data)
        elif kind == "subscribe":
            confirmed = self._confirmed.setdefault(topic, asyncio.Event())
            if confirmed.is_set():
                # A second confirmation means that the line was down in between.
                self._say_lost(topic)
            confirmed.set()

    def _say_lost(self, topic: str) -> None:
        if topic == HOME:
            for _, lost in self._listeners:
                lost()
