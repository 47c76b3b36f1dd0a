"""Who is here, over all processes: one expiring mark in Redis for each connection in a room."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis

EXPIRES = 90.0
EPOCH = "aiochat:{presence}:epoch"
LEADER = "aiochat:{presence}:sweeper"

Mark = tuple[int, int, str]
"""Room, user, connection."""


class Presence:
    """The marks of one process among everybody's; a mark not renewed expires.

    Moments are Redis's own: a process whose clock is wrong must not see everybody else as gone.
    """

    def __init__(self, redis: Redis, node: str, expires: float = EXPIRES) -> None:
        self._redis = redis
        self._node = node
        self._expires = expires

    async def track(self, marks: Iterable[Mark]) -> None:
        """Say that these connections are there; said again it lasts longer."""
        marks = list(marks)
        if not marks:
            return
        until = await self._now() + self._expires
        async with self._redis.pipeline(transaction=False) as pipeline:
            for room_id, user_id, connection in marks:
                key = _key(room_id, user_id)
                pipeline.zadd(key, {f"{self._node}/{connection}": until})
                pipeline.pexpire(key, int(1000 * self._expires))
            await pipeline.execute()

    async def untrack(self, marks: Iterable[Mark]) -> None:
        """Take the marks away."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for room_id, user_id, connection in marks:
                pipeline.zrem(_key(room_id, user_id), f"{self._node}/{connection}")
            await pipeline.execute()

    async def count(self, here: list[tuple[int, int]]) -> list[int]:
        """How many connections each of these (room, user) has, over all processes."""
        if not here:
            return []
        now = await self._now()
        async with self._redis.pipeline(transaction=False) as pipeline:
            for room_id, user_id in here:
                pipeline.zcount(_key(room_id, user_id), now, "+inf")
            counts: list[int] = await pipeline.execute()
        return counts

    async def nodes(self, room_id: int, user_id: int) -> dict[str, int]:
        """The processes that hold connections of this user in this room, and how many each."""
        found: dict[str, int] = {}
        now = await self._now()
        marks: list[bytes] = await self._redis.zrangebyscore(_key(room_id, user_id), now, "+inf")  # type: ignore[assignment]
        for mark in marks:
            node = mark.decode().partition("/")[0]
            found[node] = found.get(node, 0) + 1
        return found

    async def is_known(self) -> bool:
        """False, once, when Redis has forgotten everything: then all marks are to be made again."""
        return not await self._redis.set(EPOCH, self._node, nx=True)

    async def leads(self, seconds: float) -> bool:
        """Whether this process is the one that sweeps now; it stays so while it asks again within that time."""
        if await self._redis.set(LEADER, self._node, nx=True, px=int(1000 * seconds)):
            return True
        if await self._redis.get(LEADER) != self._node.encode():
            return False
        await self._redis.pexpire(LEADER, int(1000 * seconds))
        return True

    async def _now(self) -> float:
        seconds, micros = await self._redis.time()
        return float(seconds + micros / 1e6)


def _key(room_id: int, user_id: int) -> str:
    return f"aiochat:{{room:{room_id}}}:here:{user_id}"
