"""The whole site, and a few addresses more to try the doors on."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from accounts.csrf import csrf_token
from accounts.keys import USER
from accounts.middlewares import login_required, user_of
from accounts.sessions import session_ref
from accounts.storage import end_session
from aiochat import main
from aiochat.settings import Settings
from helpers.middlewares import welcomes_origins
from helpers.web import REDIS, flash, json_response


async def who(request: web.Request) -> web.StreamResponse:
    """Says who asks."""
    user = request[USER]
    return json_response({"name": None if user is None else user.name, "session": session_ref(request)})


@login_required
async def members_only(request: web.Request) -> web.StreamResponse:
    """Opens for people with an account."""
    return web.Response(text=user_of(request).name)


async def write(request: web.Request) -> web.StreamResponse:
    """Changes something."""
    return json_response({"done": True})


async def say(request: web.Request) -> web.StreamResponse:
    """Flashes what it is given."""
    await flash(request, request.query["text"], "error")
    return web.Response(text="said")


async def token(request: web.Request) -> web.StreamResponse:
    """Tells the token of this session's forms."""
    return web.Response(text=await csrf_token(request))


async def say_late(request: web.Request) -> web.StreamResponse:
    """Flashes into a session that another process ends at that moment."""
    await get_session(request)
    await end_session(request.app[REDIS], session_ref(request) or "")
    return await say(request)


async def socket(request: web.Request) -> web.StreamResponse:
    """A socket that says hello."""
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    await opened.send_str("hello")
    await opened.close()
    return opened


async def stumbling_socket(request: web.Request) -> web.StreamResponse:
    """A socket that fails after it has opened."""
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    raise RuntimeError("a secret of ours")


async def stumble(request: web.Request) -> web.StreamResponse:
    """Fails."""
    raise RuntimeError("a secret of ours")


@welcomes_origins("any")
async def open_socket(request: web.Request) -> web.StreamResponse:
    """A socket that knows no cookies."""
    return await socket(request)


@welcomes_origins("allowed")
async def half_open_socket(request: web.Request) -> web.StreamResponse:
    """A socket for the pages the settings name."""
    return await socket(request)


def create_app(settings: Settings) -> web.Application:
    """The site, with these."""
    app = main.create_app(settings)
    app.add_routes(
        [
            web.get("/try/who", who),
            web.get("/try/members", members_only),
            web.post("/try/members", members_only),
            web.get("/api/try/members", members_only),
            web.route("*", "/try/write", write),
            web.get("/try/say", say),
            web.get("/try/csrf", token),
            web.get("/try/say/late", say_late),
            web.get("/try/ws", socket),
            web.get("/try/ws/any", open_socket),
            web.get("/try/ws/allowed", half_open_socket),
            web.get("/try/ws/stumbles", stumbling_socket),
            web.get("/try/stumble", stumble),
            web.get("/api/try/stumble", stumble),
        ]
    )
    return app
