"""`POST /hooks/<slug>/<secret>`: words from a program outside, in plain text or JSON, by one line of curl."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from chat.actions import hooks, messages
from chat.input import require_patience
from chat.keys import KNOCKS, NODE
from chat.log import Nonce, Request, digest, new_nonce
from chat.parts import tidy
from helpers.errors import AppError
from helpers.middlewares import welcomes_origins
from helpers.throttle import address_key
from helpers.web import BadParameter, json_response, read_body, read_json

# What `curl -d` sends when nothing is said is a form by name only: its body is taken as it stands.
PLAIN = frozenset({"text/plain", "application/x-www-form-urlencoded", "application/octet-stream"})


class WrongType(AppError):
    """A body that is neither plain text nor JSON."""

    code = "wrong_type"
    message = "Send plain text, or JSON with Content-Type: application/json. {type} is not taken here."
    status = 415

    def __init__(self, kind: str) -> None:
        super().__init__(type=kind[:60])


class NotUtf8(AppError):
    """Bytes that are no text."""

    code = "bad_request"
    message = "The text must be UTF-8. Nothing was posted."

    def __init__(self) -> None:
        super().__init__(field="text")


class Told(msgspec.Struct):
    """What a hook is told in JSON."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    nonce: Nonce | None = None


@welcomes_origins("any")
async def post(request: web.Request) -> web.StreamResponse:
    """201 with the number, or 200 where the same nonce was posted before. Cookies and tokens play no part.

    Raises NoSuchHook, WrongType, NotUtf8, BadJson, BadFrame, TooLarge, TooFast, RateLimited, and what the room refuses.
    """
    node = request.config_dict[NODE]
    request.config_dict[KNOCKS].require(address_key(request.remote))
    room, bot = await hooks.caller(node, request.match_info["slug"], request.match_info["secret"])
    told = await _read(request, node.limits.frame)
    text = tidy(told.text, node.limits.text)
    require_patience(node, bot.user_id)
    answer = await messages.post(
        node, room, bot, text, Request(told.nonce or new_nonce(), digest("hook", text))
    )
    fields: dict[str, Any] = {"seq": answer.seq, "at": answer.at}
    if answer.duplicate:
        fields["duplicate"] = True
    return json_response(fields, status=200 if answer.duplicate else 201)


async def _read(request: web.Request, limit: int) -> Told:
    charset = request.charset
    if charset is not None and charset.lower().replace("-", "") not in {"utf8", "usascii"}:
        raise NotUtf8
    nonce = _nonce(request)
    if request.content_type == "application/json":
        told = await read_json(request, Told, limit=limit)
        return Told(told.text, told.nonce or nonce)
    if request.content_type not in PLAIN:
        raise WrongType(request.content_type)
    try:
        return Told((await read_body(request, limit)).decode(), nonce)
    except UnicodeDecodeError as error:
        raise NotUtf8 from error


def _nonce(request: web.Request) -> str | None:
    given = request.query.get("nonce")
    try:
        return msgspec.convert(given, Nonce | None)
    except msgspec.ValidationError as error:
        allowed = "1 to 64 letters, digits or _ . : -"
        raise BadParameter(field="nonce", allowed=allowed) from error
