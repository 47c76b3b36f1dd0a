"""Questions to Redis over a line of their own, answered in their order.

This is a fast path for what is asked at every arrival. redis-py takes some 100 µs of a question, mostly for a pool,
retries and tasks that these have no use for. Here it is about 20.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as LineLost
from redis.exceptions import ResponseError

from helpers.outages import WAIT_FOR_REDIS
from helpers.resp import RedisLine


class Questions:
    """Asks where this client's connections go; the line is made when it is first needed, and again when it broke."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._line: RedisLine | None = None
        self._is_closed = False
        self._dialling = asyncio.Lock()
        self._asked: deque[asyncio.Future[Any]] = deque()

    async def run(self, script: str, keys: Sequence[str], *args: str) -> Any:
        """What a script answers. Raises RedisError, OSError, also where there is no answer within two seconds."""
        async with asyncio.timeout(WAIT_FOR_REDIS):
            # Redis knows a script it has run by its text.
            return await self._ask("EVAL", script, str(len(keys)), *keys, *args)

    def close(self) -> None:
        """Hang up; whoever asks later hears that the line is lost."""
        self._is_closed = True
        if self._line is not None:
            self._line.close()

    async def _ask(self, *command: str) -> Any:
        if self._line is None:
            await self._dial()
        assert self._line is not None
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        line = self._line
        line.send(*command)
        try:
            return await answer
        except asyncio.CancelledError:
            # Perhaps nobody is there any more: the next one makes a new line.
            line.close()
            raise

    async def _dial(self) -> None:
        async with self._dialling:
            if self._line is None:
                self._require_open()
                line = await RedisLine.dial(
                    self._redis, lambda _: None, self._answered, self._lost, within=WAIT_FOR_REDIS
                )
                try:
                    self._require_open()
                except LineLost:
                    line.close()
                    raise
                if line.is_closed:
                    # It broke before we came to know of it: nobody would tell us again.
                    raise LineLost("the line to Redis broke")
                self._line = line
                if database := self._redis.connection_pool.connection_kwargs.get("db"):
                    self._asked.append(asyncio.get_running_loop().create_future())
                    self._line.send("SELECT", str(database))

    def _require_open(self) -> None:
        if self._is_closed:
            # Asked by somebody who is late: a line made now would be nobody's to close.
            raise LineLost("the line to Redis is closed")

    def _answered(self, answer: Any) -> None:
        asked = self._asked.popleft()
        if asked.done():
            return
        if isinstance(answer, hiredis.ReplyError):
            asked.set_exception(ResponseError(str(answer)))
        else:
            asked.set_result(answer)

    def _lost(self) -> None:
        self._line = None
        asked, self._asked = self._asked, deque()
        for one in asked:
            if not one.done():
                one.set_exception(LineLost("the line to Redis broke"))
