"""What stands before every door: who really calls, from where, and how a refusal is told."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from helpers.database import DatabaseDown, is_lost
from helpers.errors import AppError
from helpers.outages import Unavailable, is_redis_away
from helpers.web import json_response, render_page, wants_json

log = logging.getLogger(__name__)

H = TypeVar("H", bound=Callable[..., Any])
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
USUAL_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
ERROR_PAGE = "error.html"
INTERNAL = "The fault is on this side, and it has been written down."
# As nginx calls it in its log.
CLIENT_GONE = 499
PREPARED = web.RequestKey("prepared", web.StreamResponse)
OWN_ORIGINS = web.AppKey("own_origins", frozenset[str])
ALLOWED_ORIGINS = web.AppKey("allowed_origins", frozenset[str])
WELCOMES = "welcomes_origins"
STRAIGHT = "opens_sockets"


class ForeignOrigin(AppError):
    """A page of another site asks in somebody's name."""

    code = "foreign_origin"
    message = "This came from a page of another site, and was not done. Do it on a page of this one."
    status = 403


def proxy_middleware(trusted: Iterable[str | Network]) -> Middleware:
    """Believe `X-Forwarded-For` and `X-Forwarded-Proto` from these networks, and from nobody else.

    `unix` stands for a unix socket. Sets `request.remote`, `request.scheme` and so `request.secure`.
    Raises `ValueError` for what is no network.
    """
    given = list(trusted)
    unix = "unix" in given
    networks = [ipaddress.ip_network(network, strict=False) for network in given if network != "unix"]

    def is_trusted(address: str | None) -> bool:
        if not address:
            return unix
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in networks)

    # No coroutine, for it only passes on: one would stay beside every socket for as long as that lives.
    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        if not is_trusted(request.remote):
            return handler(request)
        said: dict[str, str] = {}
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        # From the right: every proxy adds whom it saw, and what stands left of the first stranger is hearsay.
        for hop in (hop.strip() for hop in reversed(hops)):
            if not _is_address(hop):
                break
            said["remote"] = hop
            if not is_trusted(hop):
                break
        scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            said["scheme"] = scheme
        return handler(request.clone(**said) if said else request)  # type: ignore[arg-type]

    return middleware


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def site_of(origin: str) -> tuple[str, int | None] | None:
    """Host and port of an origin or a URL, the usual port filled in; None for what is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in USUAL_PORTS:
        return None
    return parts.hostname.rstrip("."), port or USUAL_PORTS[parts.scheme]


def is_own_origin(request: web.Request, origin: str) -> bool:
    """Whether this `Origin` is the site itself: where the request went to, or the public address."""
    site = site_of(origin)
    if site is None:
        return False
    scheme = urlsplit(origin).scheme
    # Whoever ends TLS before us need not say so: the host decides, read under the scheme of the page.
    own = {site_of(f"{scheme}://{request.headers.get('Host', '')}")}
    own.update(site_of(known) for known in request.config_dict.get(OWN_ORIGINS, ()))
    return site in own


def welcomes_origins(which: str) -> Callable[[H], H]:
    """Mark a handler that ignores cookies: it lets in `"any"` origin, or those the settings `"allowed"`."""

    def mark(handler: H) -> H:
        setattr(handler, WELCOMES, which)
        return handler

    return mark


@web.middleware
async def origin_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what changes something, and every socket, when a page of another site asks.

    A request without `Origin` is no page in a browser, and passes. Raises `ForeignOrigin`.
    """
    _require_welcome_origin(request)
    return await handler(request)


def _require_welcome_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is None or (request.method in SAFE_METHODS and not _is_handshake(request)):
        return
    welcome = getattr(request.match_info.handler, WELCOMES, None)
    allowed = welcome == "any" or (
        welcome == "allowed" and origin.rstrip("/") in request.config_dict.get(ALLOWED_ORIGINS, ())
    )
    if not allowed and not is_own_origin(request, origin):
        raise ForeignOrigin


def _is_handshake(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def opens_sockets(handler: H) -> H:
    """Mark a handler whose handshakes go to it straight. It finds out by itself who asks."""
    setattr(handler, STRAIGHT, True)
    return handler


@web.middleware
def straight_middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Handshakes pass by all that is for pages and forms: every coroutine in between would wait beside the socket for
    as long as it lives. Raises `ForeignOrigin`.
    """
    door = request.match_info.handler
    if not getattr(door, STRAIGHT, False) or not _is_handshake(request):
        return handler(request)
    _require_welcome_origin(request)
    return door(request)


async def remember_prepared(request: web.Request, response: web.StreamResponse) -> None:
    """For `app.on_response_prepare`: an error after the answer has begun must not begin another."""
    request[PREPARED] = response


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell every refusal in one shape: JSON to programs, a page to people.

    What nobody expected is logged once, and not shown.
    """
    try:
        return await handler(request)
    except AppError as error:
        return await _tell(request, error)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        return await _tell_http(request, answer)
    except Exception as error:
        if isinstance(error, ConnectionResetError) and request.transport is None:
            # Whoever asked has gone before the answer: nobody's fault, and nobody reads this.
            return web.Response(status=CLIENT_GONE)
        if is_lost(error):
            log.warning("%s %s: the database is away: %s", request.method, _where(request), error)
            return await _tell(request, DatabaseDown(retry_after=5))
        if is_redis_away(error):
            log.warning("%s %s: Redis is away: %s", request.method, _where(request), error)
            return await _tell(request, Unavailable())
        log.exception("%s %s failed", request.method, _where(request))
        begun: web.StreamResponse | None = request.get(PREPARED)
        told = {"code": "internal", "message": INTERNAL, "temporary": True}
        return begun if begun is not None else await _answer(request, 500, told, {}, None)


def _where(request: web.Request) -> str:
    """The path, for the log, without what it holds of secrets, nor anything that could begin a line of its own."""
    path = request.path
    for name in ("secret", "token"):
        value = request.match_info.get(name)
        path = path.replace(value, "…") if value else path
    return "".join(letter if letter.isprintable() else f"%{ord(letter):02X}" for letter in path)


async def _tell(request: web.Request, error: AppError) -> web.StreamResponse:
    begun: web.StreamResponse | None = request.get(PREPARED)
    if begun is not None:
        log.warning(
            "%s %s was refused after its answer began: %s", request.method, _where(request), error.code
        )
        return begun
    headers: dict[str, str] = {}
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return await _answer(request, error.status, error.told(), headers, error.text)


async def _tell_http(request: web.Request, answer: web.HTTPException) -> web.StreamResponse:
    kept = {name: value for name, value in answer.headers.items() if name.lower() in ("allow", "retry-after")}
    code = answer.reason.lower().replace(" ", "_")
    told = {"code": code, "message": f"{answer.reason}.", "temporary": answer.status in (429, 503)}
    return await _answer(request, answer.status, told, kept, None)


async def _answer(
    request: web.Request, status: int, told: dict[str, Any], headers: dict[str, str], sentence: str | None
) -> web.StreamResponse:
    if wants_json(request):
        return json_response({"error": told}, status, headers)
    page = await _page(request, status, sentence)
    page.headers.update(headers)
    return page


async def _page(request: web.Request, status: int, sentence: str | None) -> web.Response:
    try:
        aiohttp_jinja2.get_env(request.app).get_template(ERROR_PAGE)
        return await render_page(request, ERROR_PAGE, {"status": status, "message": sentence}, status=status)
    except (RuntimeError, jinja2.TemplateError, AppError):
        log.debug("no page for %s, plain words instead", status, exc_info=True)
    except Exception:
        # The page itself met the same outage; people still get the sentence.
        log.exception("the page for %s failed", status)
    return web.Response(status=status, text=sentence or f"{status}: that did not work.")
