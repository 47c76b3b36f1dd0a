"""When Redis is away, whoever needed it hears so soon, in one sentence, and may try again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from helpers.errors import AppError

WAIT_FOR_REDIS = 2.0
TRY_AGAIN_AFTER = 5


class Unavailable(AppError):
    """A store behind this process does not answer."""

    code = "unavailable"
    message = "The chat cannot reach its own store. Nothing is lost; try again in a few seconds."
    status = 503
    temporary = True

    def __init__(self, *, retry_after: int = TRY_AGAIN_AFTER) -> None:
        super().__init__(retry_after=retry_after)


@asynccontextmanager
async def redis_answers(within: float = WAIT_FOR_REDIS) -> AsyncIterator[None]:
    """Ask Redis something inside. Raises `Unavailable` when it does not answer `within` so many seconds."""
    try:
        # The client's own patience, with its retries, is longer than a person's.
        async with asyncio.timeout(within):
            yield
    except (RedisError, OSError) as error:
        raise Unavailable from error


def is_redis_away(error: BaseException) -> bool:
    """Whether this error means that Redis cannot be reached, not that it was asked something wrong."""
    return isinstance(error, RedisConnectionError | RedisTimeoutError)
