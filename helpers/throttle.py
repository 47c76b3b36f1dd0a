"""How often something may be done: a bucket for one process, a count in Redis for all of them together."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from helpers.errors import AppError
from helpers.outages import redis_answers

Clock = Callable[[], float]

# Reaching the limit begins the pause anew, so that a pause is as long as it is said to be.
COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 or count == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

GIVE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('DECR', KEYS[1]) end"


class RateLimited(AppError):
    """Too often. `retry_after` are the seconds until it may be tried again."""

    code = "rate_limited"
    message = "Too many tries. The next one counts in {pause}."
    status = 429
    temporary = True

    def __init__(self, retry_after: float, **facts: Any) -> None:
        seconds = max(1, math.ceil(retry_after))
        super().__init__(retry_after=seconds, pause=spoken_pause(seconds), **facts)


class TokenBucket:
    """Lets `burst` through at once and then `rate` a second. `clock` gives seconds that never go back."""

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self, tokens: float = 1.0) -> float:
        """Take, and return 0; or take nothing, and return the seconds until there will be enough."""
        self._fill()
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self._rate

    def owe(self, tokens: float) -> None:
        """Have no more left than when so many were just taken from a full one."""
        self._fill()
        self._tokens = min(self._tokens, self._burst - tokens)

    def _fill(self) -> None:
        now = self._clock()
        passed = now - self._filled_at
        if passed > 0:
            filled = self._tokens + passed * self._rate
            self._tokens = min(self._burst, filled)
            self._filled_at = now

    def require(self, tokens: float = 1.0) -> None:
        """Take. Raises `RateLimited`."""
        wait = self.take(tokens)
        if wait:
            raise RateLimited(wait)


class Buckets:
    """A token bucket for each key, in this process. Where there are too many keys, all of them begin anew."""

    def __init__(
        self, rate: float, burst: float, *, most: int = 10_000, clock: Clock = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._clock = clock
        self._of: dict[str, TokenBucket] = {}

    def require(self, key: str) -> None:
        """Take one token of this key's. Raises `RateLimited`."""
        bucket = self._of.get(key)
        if bucket is None:
            if len(self._of) >= self._most:
                self._of.clear()
            bucket = self._of[key] = TokenBucket(self._rate, self._burst, self._clock)
        bucket.require()


@dataclass(frozen=True, slots=True)
class Tries:
    """Where a count stands after a try: how many more are `left`, and the seconds until it is forgotten."""

    left: int
    retry_after: float
    refused: bool


class Throttle:
    """At most `limit` tries for a key within `seconds`, counted in Redis by every process together."""

    def __init__(self, name: str, *, limit: int, seconds: float) -> None:
        self.name = name
        self.limit = limit
        self.seconds = seconds

    async def count(self, redis: Redis, key: str) -> Tries:
        """Count one try, also a refused one. Raises `Unavailable`: nothing is let through uncounted."""
        async with redis_answers():
            ask = cast("Any", redis).eval
            answer = await ask(COUNT, 1, self._key(key), self.limit, int(self.seconds * 1000))
        count, milliseconds = int(answer[0]), int(answer[1])
        return Tries(max(0, self.limit - count), max(0, milliseconds) / 1000, count > self.limit)

    async def require(self, redis: Redis, key: str) -> Tries:
        """Count one try. Raises `RateLimited` beyond the limit, and `Unavailable`."""
        tries = await self.count(redis, key)
        if tries.refused:
            raise RateLimited(tries.retry_after)
        return tries

    async def give_back(self, redis: Redis, key: str) -> None:
        """Take back one try that was counted: it was no bad one. Raises `Unavailable`."""
        async with redis_answers():
            await cast("Any", redis).eval(GIVE_BACK, 1, self._key(key))

    async def forget(self, redis: Redis, key: str) -> None:
        """Begin anew for this key. Raises `Unavailable`."""
        async with redis_answers():
            await redis.delete(self._key(key))

    def _key(self, key: str) -> str:
        # Hashed, because names and addresses may hold anything, and are nobody's business.
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"aiochat:{{{self.name}:{digest}}}"


def address_key(remote: str | None) -> str:
    """What counts as one address: an IPv4 address, an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return remote or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def spoken_pause(seconds: float) -> str:
    """A pause as a person would say it: `40 seconds`, `3 minutes`."""
    if seconds <= 90:
        whole = max(1, math.ceil(seconds))
        return "1 second" if whole == 1 else f"{whole} seconds"
    if seconds <= 90 * 60:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{math.ceil(seconds / 3600)} hours"
