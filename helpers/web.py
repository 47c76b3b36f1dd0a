"""What every door of the site shares: keys of the application, JSON, paging, pages, redirects, flashes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import aiohttp_jinja2
import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError
from aiohttp_session import get_session
from redis.asyncio import Redis

from helpers.bus import Bus
from helpers.codec import bad_frame
from helpers.database import Manager
from helpers.errors import AppError

T = TypeVar("T")
PageContext = Callable[[web.Request], Awaitable[Mapping[str, Any]]]

MANAGER = web.AppKey("manager", Manager)
REDIS: web.AppKey[Redis] = web.AppKey("redis", Redis)
BUS: web.AppKey[Bus] = web.AppKey("bus", Bus)
PAGE_CONTEXTS = web.AppKey("page_contexts", tuple[PageContext, ...])

FLASHES = "flashes"
MOST_FLASHES = 5
MOST_PATH = 2000
BIGGEST = 2**63 - 1
UNWANTED_IN_PATH = re.compile(r"[\x00-\x20\x7f\\]")


class BadJson(AppError):
    """The body is not the JSON that was expected."""

    code = "bad_json"
    message = "The body must be JSON: {problem}."


class BadBody(AppError):
    """The body is not encoded as its headers say."""

    code = "bad_request"
    message = "The body is not what its Content-Encoding and Transfer-Encoding say. Send it as it is."


class TooLarge(AppError):
    """The body is larger than this address takes."""

    code = "too_large"
    message = "That is more than the {limit} bytes taken here. Send it in parts."
    status = 413


class BadParameter(AppError):
    """A parameter of the address cannot be read."""

    code = "bad_parameter"
    message = "The parameter {field} must be {allowed}."


class NotFound(AppError):
    """What was asked for is not there, or not for whoever asks."""

    code = "not_found"
    message = "There is nothing here. Look at how the address is written."
    status = 404


def found(value: T | None) -> T:
    """The value. Raises `NotFound` where there is none."""
    if value is None:
        raise NotFound
    return value


async def read_json(request: web.Request, kind: type[T], *, limit: int = 65536) -> T:
    """The body of a request as a `kind`, usually a `msgspec.Struct`; at most `limit` bytes.

    Raises `BadJson`, `BadBody`, `TooLarge`, and `BadFrame` naming the field that does not fit.
    """
    if request.content_type != "application/json":
        raise BadJson(problem="send it with Content-Type: application/json")
    body = await read_body(request, limit)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise bad_frame(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadJson(problem="it cannot be read") from error
    except RecursionError as error:
        raise BadJson(problem="it is nested too deeply") from error


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body of a request as it came, at most `limit` bytes. Raises `TooLarge`, `BadBody`."""
    if (request.content_length or 0) > limit:
        raise TooLarge(limit=limit)
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit=limit)
    except RequestPayloadError as error:
        raise BadBody from error
    return bytes(body)


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON; dataclasses, structs, dates and uuids included. No cache keeps it."""
    body = msgspec.json.encode(data)
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=body, status=status, content_type="application/json", headers=kept)


def wants_json(request: web.Request) -> bool:
    """Whether a program asks: the API, a hook, a socket's handshake, or whoever prefers JSON to a page."""
    if (
        request.path.startswith(("/api/", "/hooks/"))
        or request.headers.get("Upgrade", "").lower() == "websocket"
    ):
        return True
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a numbered list is asked for; at most one of the three numbers is given."""

    limit: int
    before: int | None = None
    after: int | None = None
    around: int | None = None

    def asked(self) -> dict[str, int]:
        """What was given, by name."""
        numbers = {"before": self.before, "after": self.after, "around": self.around}
        return {
            "limit": self.limit,
            **{name: number for name, number in numbers.items() if number is not None},
        }


def read_paging(request: web.Request, *, usual: int = 50, most: int = 200) -> Paging:
    """`?before= | after= | around=` and `limit=`. Raises `BadParameter`."""
    given = {name: read_number(request, name) for name in ("before", "after", "around")}
    asked = [name for name, number in given.items() if number is not None]
    if len(asked) > 1:
        raise BadParameter(field=asked[1], allowed=f"given without {asked[0]}")
    limit = read_number(request, "limit")
    if limit == 0:
        raise BadParameter(field="limit", allowed=f"a number from 1 to {most}")
    return Paging(limit=min(limit or usual, most), **given)


def read_number(request: web.Request, name: str) -> int | None:
    """A whole number from the address, None where it is not given. Raises `BadParameter`."""
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= BIGGEST):
        raise BadParameter(field=name, allowed="a whole number, 0 or more")
    return int(text)


def local_path(wanted: str | None) -> str | None:
    """`wanted` if it is a path on this site, else None.

    Browsers read a backslash as a slash and drop control characters: neither may stand in it, encoded or not.
    """
    if not wanted or len(wanted) > MOST_PATH or not wanted.isascii():
        return None
    seen = unquote(wanted.partition("?")[0])
    if not wanted.startswith("/") or seen.startswith("//") or UNWANTED_IN_PATH.search(wanted):
        return None
    return None if UNWANTED_IN_PATH.search(seen.replace(" ", "")) else wanted


def redirect(path: str) -> web.HTTPSeeOther:
    """To raise: go to `path` on this site by GET. What is no local path leads to `/`."""
    return web.HTTPSeeOther(local_path(path) or "/")


async def flash(request: web.Request, text: str, level: str = "info") -> None:
    """Say `text` once, on the next page this person sees. Levels: info, good, warning, error."""
    session = await get_session(request)
    session[FLASHES] = [*_kept_flashes(session.get(FLASHES)), [level, text]][-MOST_FLASHES:]


async def take_flashes(request: web.Request) -> list[tuple[str, str]]:
    """What is to be said on this page, oldest first; it is said once."""
    session = await get_session(request)
    if FLASHES not in session:
        return []
    return [(level, text) for level, text in _kept_flashes(session.pop(FLASHES))]


def _kept_flashes(stored: Any) -> list[list[str]]:
    if not isinstance(stored, list):
        return []
    return [line for line in stored if isinstance(line, list) and [type(word) for word in line] == [str, str]]


async def render_page(
    request: web.Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> web.Response:
    """A page, with what every page shows (`PAGE_CONTEXTS`) gathered only now, when a page is really made."""
    everywhere: dict[str, Any] = {"request": request}
    for gather in request.config_dict.get(PAGE_CONTEXTS, ()):
        everywhere.update(await gather(request))
    everywhere.update(context or {})
    response = aiohttp_jinja2.render_template(template, request, everywhere, status=status)
    # A page is made for one person: no cache may give it to another.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
