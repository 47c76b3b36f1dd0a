"""How much one person may do at once, over all processes together."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from helpers.questions import Questions
from helpers.throttle import TokenBucket

log = logging.getLogger(__name__)

MOST_BUCKETS = 10_000
MOST_IN_ONE_TRIP = 500

# For each key the moment at which nothing is owed any more. Nobody owes more than a burst: what two processes let pass
# at the same moment is not to be waited for twice.
COUNT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local owed = {}
for i, key in ipairs(KEYS) do
    local free = math.max(now, tonumber(redis.call('GET', key) or 0)) + ARGV[i + 2] / rate
    free = math.min(free, now + burst / rate)
    redis.call('SET', key, string.format('%.6f', free), 'PX', math.ceil(1000 * (free - now)) + 1)
    owed[i] = string.format('%.6f', (free - now) * rate)
end
return owed
"""


class Flood:
    """Lets each user do `burst` things at once and then `rate` a second; `limits` says both, in this order.

    It is decided here and at once, for nobody's words are to wait for Redis. What was let pass is counted there every
    `every` seconds, together with what the other processes let pass, and comes off what is left here. Without Redis
    each process counts for itself.
    """

    def __init__(self, redis: Redis, limits: Callable[[], tuple[float, float]], every: float) -> None:
        self._limits = limits
        self._every = every
        self._questions = Questions(redis)
        self._buckets: dict[int, TokenBucket] = {}
        self._taken: dict[int, int] = {}
        self._is_alone = False

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, user_id: int) -> float:
        """Count one thing done; or count nothing, and return the seconds to wait."""
        bucket = self._buckets.get(user_id)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.clear()
            burst, rate = self._limits()
            bucket = self._buckets[user_id] = TokenBucket(rate, burst)
        wait = bucket.take()
        if not wait:
            self._taken[user_id] = self._taken.get(user_id, 0) + 1
        return wait

    async def keep_counting(self) -> None:
        """Count together with the other processes, for as long as it runs."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.count_together()
                self._is_alone = False
            except (RedisError, OSError) as error:
                if not self._is_alone:
                    log.warning("flood: this process counts alone: %s", error)
                self._is_alone = True

    async def count_together(self) -> None:
        """Tell what was taken here since the last time, and learn what was elsewhere. Raises RedisError, OSError."""
        told, self._taken = self._taken, {}
        burst, rate = map(str, self._limits())
        users = iter(told)
        while some := list(itertools.islice(users, MOST_IN_ONE_TRIP)):
            keys = [f"aiochat:{{flood}}:{user_id}" for user_id in some]
            counts = [str(told[user_id]) for user_id in some]
            owed = await self._questions.run(COUNT, keys, rate, burst, *counts)
            for user_id, tokens in zip(some, owed, strict=True):
                if user_id in self._buckets:
                    self._buckets[user_id].owe(float(tokens) + self._taken.get(user_id, 0))

    def close(self) -> None:
        """Hang up."""
        self._questions.close()
