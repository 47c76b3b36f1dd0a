"""Waiting, for a bounded time, for servers that are not ours to start."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import redis

from aiochat.trouble import Trouble
from aiochat.values import mask
from helpers.database import AIOPG

PAUSE = 0.2


class Unreachable(Trouble):
    """A server did not answer in time: which one, and why."""


def wait_for_database(url: str, within: float) -> None:
    """Return when PostgreSQL lets us in. Raises `Unreachable` after so many seconds."""
    address = url.replace(AIOPG, "postgresql://", 1)

    def ask(patience: float) -> None:
        psycopg.connect(address, connect_timeout=max(2, round(patience))).close()

    _wait(f"PostgreSQL at {mask(url)}", ask, within)


def wait_for_redis(url: str, within: float) -> None:
    """Return when Redis answers. Raises `Unreachable` after so many seconds."""

    def ask(patience: float) -> None:
        client = redis.Redis.from_url(
            url, socket_connect_timeout=patience, socket_timeout=patience, retry=None
        )
        try:
            client.ping()
        finally:
            client.close()

    _wait(f"Redis at {mask(url)}", ask, within)


def _wait(what: str, ask: Callable[[float], None], within: float) -> None:
    until = time.monotonic() + within
    while True:
        try:
            ask(max(0.1, until - time.monotonic()))
        except (psycopg.Error, redis.RedisError, OSError, ValueError) as error:
            if time.monotonic() + PAUSE > until:
                raise Unreachable(f"{what} does not answer within {within:g} s: {_reason(error)}") from error
            time.sleep(PAUSE)
        else:
            return


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).removeprefix("connection failed: ").rstrip(".") + "."
