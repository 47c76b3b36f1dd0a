"""A line to Redis without a task in between: what is written goes out at once, what comes is handed on as it comes.

This is a fast path for the bus, which tells every process of every commit. redis-py takes some 90 µs to publish and 60
to hear, mostly for what the bus has no use for: a pool, retries, a task woken for each. Here it is a few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection
from redis.exceptions import ConnectionError as LineLost
from redis.exceptions import ResponseError

Command = tuple[str | bytes, ...]


class RedisLine(asyncio.Protocol):
    """One connection that speaks RESP3: `pushed` is given what Redis sends of itself, `answered` every other answer.

    `lost` is called once, when it is over.
    """

    def __init__(
        self, pushed: Callable[[list[Any]], None], answered: Callable[[Any], None], lost: Callable[[], None]
    ) -> None:
        self._pushed = pushed
        self._answered = answered
        self._lost = lost
        self._reader = hiredis.Reader()
        self._greeting: asyncio.Future[None] | None = None
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def dial(
        cls,
        redis: Redis,
        pushed: Callable[[list[Any]], None],
        answered: Callable[[Any], None],
        lost: Callable[[], None],
        *,
        within: float,
    ) -> RedisLine:
        """A line to where this client's connections go, made within so many seconds. Raises RedisError, OSError."""
        loop = asyncio.get_running_loop()
        line = cls(pushed, answered, lost)
        how = redis.connection_pool.connection_kwargs
        try:
            async with asyncio.timeout(within):
                if "path" in how:
                    await loop.create_unix_connection(lambda: line, how["path"])
                else:
                    host, port = how.get("host", "localhost"), int(how.get("port", 6379))
                    await loop.create_connection(lambda: line, host, port, ssl=_tls(redis))
                await line._greet(how.get("username"), how.get("password"))
        except TimeoutError as error:
            line.close()
            raise LineLost("Redis did not answer in time") from error
        except BaseException:
            line.close()
            raise
        return line

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._transport is None

    def send(self, *command: str | bytes) -> None:
        """Write a command. Its answer comes when it comes."""
        if self._transport is not None:
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def _greet(self, user: str | None, password: str | None) -> None:
        self._greeting = asyncio.get_running_loop().create_future()
        who = ("AUTH", user or "default", password) if password else ()
        self.send("HELLO", "3", *who)
        await self._greeting

    # -- what the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, but do the same.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._take(answer)
        except hiredis.ProtocolError:
            # What follows cannot be told apart any more.
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._greeting is not None and not self._greeting.done():
            self._greeting.set_exception(error or LineLost("Redis hung up"))
        elif self._greeting is not None:
            self._lost()

    def _take(self, answer: Any) -> None:
        if isinstance(answer, hiredis.PushNotification):
            self._pushed(answer)
        elif self._greeting is not None and not self._greeting.done():
            if isinstance(answer, hiredis.ReplyError):
                self._greeting.set_exception(ResponseError(str(answer)))
            else:
                self._greeting.set_result(None)
        else:
            self._answered(answer)


def _tls(redis: Redis) -> Any:
    pool = redis.connection_pool
    if not issubclass(pool.connection_class, SSLConnection):
        return None
    connection = pool.make_connection()  # type: ignore[no-untyped-call]
    return connection.ssl_context.get()
