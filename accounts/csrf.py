"""A form is believed only with the token its session was given; a script, only from a page of ours."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session import get_session

from accounts.errors import BadCsrf
from accounts.forms import read_fields
from accounts.keys import SECRET
from accounts.storage import COOKIE, ID
from helpers.middlewares import SAFE_METHODS, WELCOMES, is_own_origin

FIELD = "csrf"
HEADER = "X-CSRF-Token"
# What a page of any site may send without asking first.
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


async def csrf_token(request: web.Request) -> str:
    """The token for the forms of a page. A visitor without a session gets a cookie to tie it to, and no more.

    Raises `Unavailable`.
    """
    session = await get_session(request)
    came_with = _cookie(request)
    if session.new and session.empty and came_with is not None:
        # Nothing will be kept, so the cookie stays; forms in other tabs stay good with it.
        return _token(request, came_with)
    if session.new and session.empty:
        session.changed()
    return _token(request, str(session.identity))


@web.middleware
async def csrf_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what changes something in the name of a cookie, unless a page of ours asks.

    A form needs the token of its session, in the field `csrf` or in the header. JSON needs that header, or an
    `Origin` of our own. A request with a Bearer token carries no cookie's rights and passes; so does one to an
    address that ignores cookies, and lets pages of any site in.
    Raises `BadCsrf`, `BadForm`.
    """
    if request.method not in SAFE_METHODS and request.match_info.http_exception is None:
        bearer = request.headers.get("Authorization", "").lower().startswith("bearer ")
        open_to_all = getattr(request.match_info.handler, WELCOMES, None) == "any"
        if not bearer and not open_to_all and not await _is_ours(request):
            raise BadCsrf
    return await handler(request)


async def _is_ours(request: web.Request) -> bool:
    header = request.headers.get(HEADER)
    if header is not None:
        return _fits(request, header)
    if not _is_form(request):
        origin = request.headers.get("Origin")
        # Without a cookie there is nothing a foreign page could borrow.
        return _cookie(request) is None if origin is None else is_own_origin(request, origin)
    token = (await read_fields(request)).get(FIELD)
    return isinstance(token, str) and _fits(request, token)


def _is_form(request: web.Request) -> bool:
    given = request.headers.get("Content-Type")
    if given is None:
        return request.method == "POST"
    return request.content_type in FORM_TYPES


def _fits(request: web.Request, token: str) -> bool:
    identity = _cookie(request)
    return identity is not None and hmac.compare_digest(
        _token(request, identity).encode(), token.encode("utf-8", "replace")
    )


def _token(request: web.Request, identity: str) -> str:
    return hmac.new(request.config_dict[SECRET], b"csrf:" + identity.encode(), hashlib.sha256).hexdigest()


def _cookie(request: web.Request) -> str | None:
    cookie = request.cookies.get(COOKIE)
    return cookie if cookie and ID.fullmatch(cookie) else None
