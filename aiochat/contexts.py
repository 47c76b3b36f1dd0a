"""What opens when the site starts and closes when it stops, in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from accounts.actions import load_users
from accounts.cookies import Carried
from accounts.keys import SITE_CARD, USERS
from accounts.site import SiteCard
from accounts.storage import KEPT, Kept
from aiochat import __version__
from aiochat.settings import Settings
from aiochat.welcome import address
from chat.keys import NODE
from chat.models import MODELS
from chat.node import Limits, Node
from helpers.bus import RedisBus
from helpers.database import Manager
from helpers.together import Together
from helpers.web import BUS, MANAGER, REDIS

SETTINGS = web.AppKey("settings", Settings)
REDIS_CONNECTIONS = 50
A_DAY = 86400
WAIT_FOR_REDIS = 2.0


async def database(app: web.Application) -> AsyncIterator[None]:
    """The door to PostgreSQL."""
    url = app[SETTINGS].database_url
    assert url is not None, "servers of our own are started before the site"
    async with Manager(url, max_size=app[SETTINGS].pool_size) as manager:
        app[MANAGER] = manager
        app[USERS] = Together(partial(load_users, manager))
        app[SITE_CARD] = SiteCard(manager)
        yield


async def redis(app: web.Application) -> AsyncIterator[None]:
    """The line to Redis, and the bus on it."""
    url = app[SETTINGS].redis_url
    assert url is not None, "servers of our own are started before the site"
    async with connect_redis(url) as client:
        app[REDIS] = client
        app[KEPT] = kept = kept_by(app[SETTINGS], client)
        app[BUS] = bus = RedisBus(client)
        await bus.open()
        try:
            yield
        finally:
            await bus.close()
            kept.close()


async def node(app: web.Application) -> AsyncIterator[None]:
    """What lives in this process: rooms, sockets, the journal."""
    settings = app[SETTINGS]
    limits = Limits(
        text=settings.text_limit,
        connections=settings.connections,
        members=settings.room_members,
        burst=settings.post_burst,
        rate=settings.post_rate,
        authenticate=settings.authenticate_within,
        rooms_by_all=settings.rooms_by == "everybody",
        new_names=settings.new_names,
    )
    app[MANAGER].bind(MODELS)
    async with Node(app[MANAGER], app[BUS], app[REDIS], limits) as opened:
        opened.public_url = address(settings)
        opened.version = __version__
        app[NODE] = opened
        yield


async def let_go(app: web.Application) -> None:
    """Tell every socket that the site restarts, before anything behind it closes."""
    await app[NODE].let_go()


def kept_by(settings: Settings, client: Redis) -> Kept:
    """Who knows of sessions whether they last."""
    if settings.session_store == "cookie":
        return Carried()
    return Kept(client, settings.session_days * A_DAY)


def connect_redis(url: str) -> Redis:
    """A client that connects at first use, waits for a free line, and soon says so when Redis is away."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS,
        timeout=WAIT_FOR_REDIS,
        socket_connect_timeout=WAIT_FOR_REDIS,
        retry=Retry(ExponentialBackoff(cap=0.1), 1),
    )
    return Redis.from_pool(pool)
