"""From settings as they are written to settings that name servers which answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import peewee

from aiochat import embedded, reach
from aiochat.migrate import migrate
from aiochat.settings import Settings
from aiochat.trouble import Trouble


@contextmanager
def started(settings: Settings, say: Callable[[str], None], *, migrating: bool = True) -> Iterator[Settings]:
    """Settings whose servers answer inside this block and whose tables are as they should be, or without `migrating`
    as they are.

    Servers that are not named are our own, and run as long as the block. Raises `Trouble`.
    """
    with ExitStack() as stack:
        if settings.database_url is not None:
            reach.wait_for_database(settings.database_url, settings.start_timeout)
        if settings.redis_url is not None:
            reach.wait_for_redis(settings.redis_url, settings.start_timeout)
        if settings.embeds:
            settings = stack.enter_context(_with_own_servers(settings, say))
        assert settings.database_url is not None
        try:
            if migrating:
                migrate(settings.database_url)
        except peewee.PeeweeException as error:
            raise Trouble(f"PostgreSQL refuses to make the tables: {str(error).splitlines()[0]}.") from error
        yield settings


@contextmanager
def _with_own_servers(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    data_dir = settings.data_dir.absolute()
    own_database, own_redis = settings.database_url is None, settings.redis_url is None
    with embedded.running(data_dir, database=own_database, redis=own_redis) as servers:
        if servers.home != str(data_dir):
            say(f"The data are in {servers.home}: only root may enter {data_dir}.")
        yield replace(
            settings,
            database_url=settings.database_url or servers.database_url,
            redis_url=settings.redis_url or servers.redis_url,
            secret_key=settings.secret_key or embedded.secret_key(data_dir),
            guests=settings.welcomes_guests,
        )
