"""Who is here, over all processes: one expiring mark in Redis for each connection in a room."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from redis.asyncio import Redis

from chat.signals import NODES
from helpers.questions import Questions
from helpers.together import Together

EXPIRES = 90.0
EPOCH = "aiochat:{presence}:epoch"
LEADER = "aiochat:{presence}:sweeper"
MOST_IN_ONE_TRIP = 1_000

# The moment is Redis's own: a process whose clock is wrong must not see everybody else as gone.
NOW = "local time = redis.call('TIME') local now = time[1] + time[2] / 1000000\n"
# For each key a connection, which is there if the expiry before it is more than nothing.
MARK = f"""{NOW}
for i, key in ipairs(KEYS) do
    local lasts, connection = tonumber(ARGV[2 * i - 1]), ARGV[2 * i]
    if lasts > 0 then
        redis.call('ZADD', key, string.format('%.6f', now + lasts), connection)
        redis.call('PEXPIRE', key, math.floor(1000 * lasts))
    else
        redis.call('ZREM', key, connection)
    end
end
"""
COUNT = f"""{NOW}
local counts = {{}}
for i, key in ipairs(KEYS) do counts[i] = redis.call('ZCOUNT', key, string.format('%.6f', now), '+inf') end
return counts
"""

Mark = tuple[int, int, str]
"""Room, user, connection."""
ANYWHERE = 0
"""In the place of a room: the connection hears rooms in which its user is not."""


class Presence:
    """The marks of one process among everybody's; a mark not renewed expires.

    Whatever is marked at the same time goes in one trip, in the order in which it was said.
    """

    def __init__(self, redis: Redis, node: str, expires: float = EXPIRES) -> None:
        self._redis = redis
        self._node = node
        self._expires = expires
        self._questions = Questions(redis)
        self._marking: Together[tuple[list[Mark], bool], None] = Together(self._mark_all)
        self._counting = Together(self._count_all)

    def close(self) -> None:
        """Hang up."""
        self._questions.close()

    async def track(self, marks: Iterable[Mark]) -> None:
        """Say that these connections are there; said again it lasts longer. Raises RedisError, OSError."""
        await self._marking.ask((list(marks), True))

    async def untrack(self, marks: Iterable[Mark]) -> None:
        """Take the marks away. Raises RedisError, OSError."""
        await self._marking.ask((list(marks), False))

    async def count(self, here: list[tuple[int, int]]) -> list[int]:
        """How many connections each of these (room, user) has, over all processes."""
        return await self._counting.ask(here)

    async def _mark_all(self, asked: list[tuple[list[Mark], bool]]) -> list[None]:
        told = [(mark, self._expires if here else 0) for marks, here in asked for mark in marks]
        for begin in range(0, len(told), MOST_IN_ONE_TRIP):
            part = told[begin : begin + MOST_IN_ONE_TRIP]
            keys = [_key(room_id, user_id) for (room_id, user_id, _), _ in part]
            said = [(str(lasts), f"{self._node}/{connection}") for (_, _, connection), lasts in part]
            await self._questions.run(MARK, keys, *itertools.chain.from_iterable(said))
        return [None] * len(asked)

    async def _count_all(self, asked: list[list[tuple[int, int]]]) -> list[list[int]]:
        keys = [_key(room_id, user_id) for here in asked for room_id, user_id in here]
        counts: list[int] = []
        for begin in range(0, len(keys), MOST_IN_ONE_TRIP):
            counts += await self._questions.run(COUNT, keys[begin : begin + MOST_IN_ONE_TRIP])
        found = iter(counts)
        return [list(itertools.islice(found, len(here))) for here in asked]

    async def nodes(self, room_id: int, user_id: int) -> dict[str, int]:
        """The processes that hold connections of this user in this room, and how many each."""
        found: dict[str, int] = {}
        now = await self._now()
        marks: list[bytes] = await self._redis.zrangebyscore(_key(room_id, user_id), now, "+inf")  # type: ignore[assignment]
        for mark in marks:
            node = mark.decode().partition("/")[0]
            found[node] = found.get(node, 0) + 1
        return found

    async def processes(self) -> int:
        """How many processes hear what is told to all of them. Raises RedisError, OSError."""
        ((_, count),) = await self._redis.pubsub_numsub(NODES)
        return int(count)

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
