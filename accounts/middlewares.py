"""Who asks: put on every request that needs it, and demanded or declined by two decorators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from accounts.errors import NotSignedIn, Rests
from accounts.keys import RESTS, USER
from accounts.models import User
from accounts.sessions import token_in, user_of_session
from accounts.tokens import require_token
from helpers.web import MANAGER, local_path, redirect, wants_json

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

SIGN_IN = "/login"
FOR_ANYBODY = ("/static/", "/hooks/", "/healthz", "/readyz")
# Whoever comes there is a guest, whatever they carry.
FOR_GUESTS = frozenset({"/chat", "/echo"})


@web.middleware
async def user_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put `USER` on the request: by its Bearer token, else by its session, else nobody.

    Addresses that are the same for everybody ask neither Redis nor the database.
    Raises `BadToken`, `Rests`, `Unavailable`.
    """
    for_all = request.path.startswith(FOR_ANYBODY) or request.path in FOR_GUESTS
    request[USER] = None if for_all else await _who_asks(request)
    return await handler(request)


async def _who_asks(request: web.Request) -> User | None:
    token = token_in(request)
    if token is None:
        return await user_of_session(request)
    return await require_token(request.config_dict[MANAGER], token)


def user_of(request: web.Request) -> User:
    """Who asks. Raises `NotSignedIn` where nobody is known."""
    user: User | None = request.get(USER)
    if user is None:
        raise Rests(request[RESTS]) if RESTS in request else NotSignedIn
    return user


def login_required(view: View) -> View:
    """Only for people signed in: others sign in first, and come back; programs get `NotSignedIn`."""

    @wraps(view)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.get(USER) is None:
            raise _to_sign_in(request)
        return await view(request)

    return guarded


def anonymous_required(view: View) -> View:
    """Only for people not signed in: others go where they wanted, or home."""

    @wraps(view)
    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.get(USER) is not None:
            raise redirect(local_path(request.query.get("next")) or "/")
        return await view(request)

    return guarded


def _to_sign_in(request: web.Request) -> Exception:
    if wants_json(request):
        return Rests(request[RESTS]) if RESTS in request else NotSignedIn()
    # A form that was sent cannot be sent again by going there: its page is where to go back to.
    wanted = local_path(request.raw_path) if request.method in ("GET", "HEAD") else None
    where = f"{SIGN_IN}?{urlencode({'next': wanted})}" if wanted and wanted != "/" else SIGN_IN
    return web.HTTPSeeOther(where)
