"""Bytes from any process to every process, by topic. It only tells: what must not be lost is read from PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from helpers.resp import RedisLine
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

Hear = Callable[[str, bytes], None]
Lost = Callable[[], None]

MOST_WAITING = 10_000
CONFIRM_WITHIN = 2.0
AGAIN_AFTER = 0.2
HOME = "aiochat:{bus}"


class Bus(Protocol):
    """What the hub and the journal need of a bus."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell every process that listens to `topic`, this one included. Never waits, never fails."""

    async def subscribe(self, topic: str) -> None:
        """Hear `topic` from now on; returns when that is true, or after two seconds without an answer.

        With a star at its end it stands for every topic that begins so.
        """

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
        if topic in self._topics or any(
            topic.startswith(each[:-1]) for each in self._topics if is_many(each)
        ):
            for hear, _ in self._listeners:
                hear(topic, payload)


def is_many(topic: str) -> bool:
    """Whether it stands for all topics that begin so."""
    return topic.endswith("*")


class RedisBus:
    """A bus over Redis publish/subscribe, on a line of its own.

    What is published while Redis is away, and what it has not answered when the line broke, is sent when it is back;
    beyond `MOST_WAITING` the oldest is let go. Listeners are told that something was lost, and read it from the
    database.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: list[tuple[Hear, Lost]] = []
        self._topics: set[str] = {HOME}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._unanswered: deque[tuple[str, bytes]] = deque()
        self._line: RedisLine | None = None
        self._broken = asyncio.Event()
        self._quiet = asyncio.Event()
        self._tasks = Tasks("bus")

    def publish(self, topic: str, payload: bytes) -> None:
        self._quiet.clear()
        if self._line is None or len(self._unanswered) >= MOST_WAITING:
            self._waiting.append((topic, payload))
        else:
            self._unanswered.append((topic, payload))
            self._line.send("PUBLISH", topic, payload)

    def listen(self, hear: Hear, lost: Lost) -> None:
        self._listeners.append((hear, lost))

    async def subscribe(self, topic: str) -> None:
        self._topics.add(topic)
        confirmed = self._confirmed.setdefault(topic, asyncio.Event())
        if self._line is None:
            return
        _subscribe(self._line, {topic})
        try:
            await asyncio.wait_for(confirmed.wait(), CONFIRM_WITHIN)
        except TimeoutError:
            # All topics are asked for again when Redis is back, and it is said that something was lost.
            log.warning("bus: %s is not confirmed yet", topic)

    async def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic)
        self._confirmed.pop(topic, None)
        if self._line is not None:
            self._line.send("PUNSUBSCRIBE" if is_many(topic) else "UNSUBSCRIBE", topic)

    async def open(self) -> None:
        self._tasks.start("line", self._keep)
        confirmed = self._confirmed.setdefault(HOME, asyncio.Event())
        try:
            await asyncio.wait_for(confirmed.wait(), CONFIRM_WITHIN)
        except TimeoutError:
            log.warning("bus: Redis does not answer yet")

    async def close(self) -> None:
        if self._waiting or self._unanswered:
            try:
                await asyncio.wait_for(self._quiet.wait(), CONFIRM_WITHIN)
            except TimeoutError:
                log.warning("bus: %d messages were not sent", len(self._waiting) + len(self._unanswered))
        await self._tasks.close()

    async def _keep(self) -> None:
        while True:
            try:
                await self._live()
            except (RedisError, OSError) as error:
                log.warning("bus: no line to Redis: %s", error)
            await asyncio.sleep(AGAIN_AFTER)

    async def _live(self) -> None:
        self._broken.clear()
        line = await RedisLine.dial(
            self._redis, self._heard, self._answered, self._broken.set, within=CONFIRM_WITHIN
        )
        try:
            _subscribe(line, self._topics)
            self._line = line
            # Perhaps it was heard, perhaps not. Who hears it twice drops the second.
            again = [*self._unanswered, *self._waiting][-MOST_WAITING:]
            self._unanswered.clear()
            self._waiting.clear()
            for topic, payload in again:
                self.publish(topic, payload)
            await self._broken.wait()
            log.warning("bus: the line to Redis broke")
        finally:
            self._line = None
            line.close()

    def _answered(self, answer: Any) -> None:
        if self._unanswered:
            # Only an error may answer anything else.
            self._unanswered.popleft()
        if self._waiting and self._line is not None:
            self.publish(*self._waiting.popleft())
        if not self._unanswered and not self._waiting:
            self._quiet.set()
        if isinstance(answer, Exception):
            log.warning("bus: not published: %s", answer)

    def _heard(self, pushed: list[Any]) -> None:
        kind, *_, name, data = pushed
        if kind in (b"message", b"pmessage"):
            topic = name.decode()
            for hear, _ in self._listeners:
                hear(topic, data)
        elif kind in (b"subscribe", b"psubscribe"):
            topic = name.decode()
            confirmed = self._confirmed.setdefault(topic, asyncio.Event())
            if confirmed.is_set():
                # A second confirmation means that the line was down in between.
                self._say_lost(topic)
            confirmed.set()

    def _say_lost(self, topic: str) -> None:
        if topic == HOME:
            for _, lost in self._listeners:
                lost()


def _subscribe(line: RedisLine, topics: set[str]) -> None:
    patterns = set(filter(is_many, topics))
    if patterns:
        line.send("PSUBSCRIBE", *patterns)
    if topics - patterns:
        line.send("SUBSCRIBE", *(topics - patterns))
