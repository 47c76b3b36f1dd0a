"""Passes: what another site signs for people of its own, so that they come in here; docs/embedding.md is for that site.

A pass is a JSON Web Token under HS256, good for minutes. Who shows one for the first time gets an account.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from accounts.actions import Newcomer, enrol
from accounts.errors import BadName, NameTaken
from accounts.models import User, user_columns, user_from
from accounts.names import INSIDE, LONGEST, LONGEST_TYPED, clean_name
from helpers.database import Manager

MOST_SECONDS = 3600
# Two clocks never quite agree.
LEEWAY = 30
MOST_PASS = 4096
NAMELESS = "visitor"
TRIES = 50

SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")
NOT_IN_NAME = re.compile(rf"[^\w{re.escape(INSIDE)}]+")
LOCK = "SELECT pg_advisory_xact_lock(%s::bigint)"
KNOWN = f"""
    SELECT {user_columns()} FROM users JOIN vouched ON vouched.user_id = users.id
    WHERE vouched.issuer = %s AND vouched.subject = %s
"""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00]+\Z")]
Moment = Annotated[float, msgspec.Meta(ge=0, le=2**40)]


@dataclass(frozen=True, slots=True)
class Gate:
    """By which passes people come in: the secret shared with the other site, and the name of this one."""

    secret: bytes
    audience: str


class Head(msgspec.Struct):
    """How a pass is signed: HS256, and nothing that a reader has to understand beside it."""

    alg: str
    crit: list[str] | None = None


class Claims(msgspec.Struct):
    """What a pass says: the site that signed it, who that is there for ever, and for whom and how long it is good.

    `name` is what they wish to be called. Times are seconds since 1970.
    """

    iss: Text
    sub: Text
    aud: str | list[str]
    exp: Moment
    nbf: Moment = 0
    iat: Moment = 0
    name: Annotated[str, msgspec.Meta(max_length=LONGEST_TYPED)] = ""


def claims_in(gate: Gate, signed: str, *, now: Callable[[], float] = time.time) -> Claims | None:
    """What a pass says; None where it is forged, meant for another site, run out, or good for longer than an hour."""
    parts = SHAPE.fullmatch(signed) if len(signed) <= MOST_PASS else None
    if parts is None:
        return None
    expected = hmac.new(gate.secret, f"{parts[1]}.{parts[2]}".encode(), hashlib.sha256).digest()
    try:
        if not hmac.compare_digest(_bytes(parts[3]), expected):
            return None
        head = msgspec.json.decode(_bytes(parts[1]), type=Head)
        claims = msgspec.json.decode(_bytes(parts[2]), type=Claims)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    meant = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    at = now()
    if head.alg != "HS256" or head.crit is not None or gate.audience not in meant:
        return None
    is_now = claims.exp > at and max(claims.nbf, claims.iat) <= at + LEEWAY
    return claims if is_now and claims.exp <= at + MOST_SECONDS + LEEWAY else None


async def user_of_pass(
    manager: Manager, gate: Gate, signed: str, *, now: Callable[[], float] = time.time
) -> User | None:
    """Who shows this pass: an account is made at first sight. None where it is no good, or the account rests.

    A pass may be shown again while it lasts. It never opens an account that was made here.
    """
    claims = claims_in(gate, signed, now=now)
    if claims is None:
        return None
    user = user_from(await manager.row(KNOWN, claims.iss, claims.sub))
    if user is None:
        user = await _first_sight(manager, claims)
    return None if user.is_suspended else user


async def _first_sight(manager: Manager, claims: Claims) -> User:
    async with manager.transaction():
        # Two sockets of one newcomer make one account.
        await manager.row(LOCK, _number(claims))
        known = user_from(await manager.row(KNOWN, claims.iss, claims.sub))
        if known is not None:
            return known
        user = await _enrol(manager, claims)
        await manager.execute(
            "INSERT INTO vouched (issuer, subject, user_id) VALUES (%s, %s, %s)",
            claims.iss,
            claims.sub,
            user.id,
        )
        return user


async def _enrol(manager: Manager, claims: Claims) -> User:
    for name in _names(claims):
        try:
            # Without a password: only a pass opens it.
            return await enrol(manager, Newcomer(name, None))
        except NameTaken:
            continue
    raise NameTaken(claims.name or NAMELESS)


def _names(claims: Claims) -> Iterator[str]:
    """The name as wished, else as near as may be; whoever has it already keeps it, and a number is put behind."""
    wished = unicodedata.normalize("NFKC", claims.name.encode("utf-8", "replace").decode())
    plain = NOT_IN_NAME.sub("-", wished).strip(INSIDE)[:LONGEST].strip(INSIDE)
    name = _clean(wished) or _clean(plain) or NAMELESS
    yield name
    for number in range(2, TRIES):
        yield f"{name[: LONGEST - 3].rstrip(INSIDE)}-{number}"
    yield f"{NAMELESS}-{_number(claims) & 0xFFFFFFFFFFFF:012x}"


def _clean(name: str) -> str:
    try:
        return clean_name(name)
    except BadName:
        return ""


def _number(claims: Claims) -> int:
    digest = hashlib.sha256(msgspec.json.encode([claims.iss, claims.sub])).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
