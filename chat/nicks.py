"""Names held while a connection lives: one process at a time has a name in a room, and a dead one loses it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, cast

from redis.asyncio import Redis

from helpers.outages import redis_answers

# Longer than a mark of presence: who crashed is called gone before their name is free.
EXPIRES = 120.0

TAKE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
LET_GO = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

Held = tuple[int, str]
"""A room and the folded name held there."""


class NickClaims:
    """The names this process holds, among those of all processes.

    A claim is one expiring key in Redis for a room and a folded name, which says who holds it. It is had by whoever
    set it first, renewed by `renew` while this process lives, and free `expires` seconds after the last time.
    Holding the same name twice is holding it once. Nothing here knows of accounts: whoever claims asks for those.
    """

    def __init__(self, redis: Redis, expires: float = EXPIRES) -> None:
        self._redis = redis
        self._expires = expires
        self._held: dict[Held, str] = {}
        # Not while all are renewed, or one that is let go would come back.
        self._renewing = asyncio.Lock()

    async def claim(self, room_id: int, name: str, owner: str) -> bool:
        """Hold a folded name in a room; False where somebody else does. Raises `Unavailable`."""
        async with redis_answers():
            taken = await self._take(self._redis, (room_id, name), owner)
        if taken:
            self._held[room_id, name] = owner
        return bool(taken)

    async def release(self, room_id: int, name: str, owner: str) -> None:
        """Let a name go; what is another's stays theirs. Raises `Unavailable`: then it expires by itself."""
        async with self._renewing:
            if self._held.get((room_id, name)) == owner:
                del self._held[room_id, name]
            async with redis_answers():
                await cast("Any", self._redis).eval(LET_GO, 1, _key(room_id, name), owner)

    async def renew(self) -> list[tuple[Held, str]]:
        """Hold everything longer, and again what Redis forgot. What somebody else has now is lost, and returned
        with its owner here. Raises `Unavailable`."""
        async with self._renewing:
            held = list(self._held.items())
            if not held:
                return []
            async with redis_answers(), self._redis.pipeline(transaction=False) as pipeline:
                for which, owner in held:
                    self._take(pipeline, which, owner)
                answers = await pipeline.execute()
            lost = [one for one, kept in zip(held, answers, strict=True) if not kept]
            for which, _ in lost:
                self._held.pop(which, None)
            return lost

    @property
    def held(self) -> dict[Held, str]:
        """Every name held here, and by whom."""
        return dict(self._held)

    def _take(self, redis: Any, which: Held, owner: str) -> Any:
        return redis.eval(TAKE, 1, _key(*which), owner, int(1000 * self._expires))


def _key(room_id: int, name: str) -> str:
    # Hashed, because names may hold anything.
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"aiochat:{{room:{room_id}}}:nick:{digest}"
