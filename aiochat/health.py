"""Whether this process lives, and whether it can work: for whoever watches and restarts."""

from __future__ import annotations

import asyncio

from aiohttp import web
from redis.exceptions import RedisError

from helpers.database import DatabaseDown
from helpers.web import MANAGER, REDIS, json_response

ANSWER_WITHIN = 2.0


async def healthz(request: web.Request) -> web.StreamResponse:
    """This process runs and answers; to a WebSocket too, by which `aiochat doctor` knows that proxies pass them."""
    socket = web.WebSocketResponse(timeout=ANSWER_WITHIN)
    if socket.can_prepare(request):
        await socket.prepare(request)
        await socket.send_str("ok")
        await socket.close()
        return socket
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """The database and Redis answer too; else 503, with which one does not."""
    database, redis = await asyncio.gather(_database_answers(request), _redis_answers(request))
    told = {
        "status": "ok" if database and redis else "unavailable",
        "database": "ok" if database else "unavailable",
        "redis": "ok" if redis else "unavailable",
    }
    return json_response(told, 200 if database and redis else 503)


async def _database_answers(request: web.Request) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await request.app[MANAGER].check()
    except (DatabaseDown, TimeoutError):
        return False
    return True


async def _redis_answers(request: web.Request) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await request.app[REDIS].ping()
    except (RedisError, OSError):
        return False
    return True
