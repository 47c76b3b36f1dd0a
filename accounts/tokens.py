"""Keys for those without cookies: API tokens that last until revoked, and signed ones that last minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from accounts.actions import load_user, sign_out
from accounts.errors import BadToken, NoLabel, Rests, TooManyTokens
from accounts.models import User, user_columns, user_from
from accounts.passes import Gate, user_of_pass
from accounts.refs import ref_of_hash, token_hash
from accounts.rests import why_rests
from helpers.bus import Bus
from helpers.database import Manager

PREFIX = "ach_"
SHAPE = re.compile(r"ach_[A-Za-z0-9_-]{43}")
MOST_LABEL = 64
MOST_TOKENS = 20
SIGNED_SECONDS = 120
SOCKET = "socket"

# When a token was last used is written down once a minute, in the same trip that asks whose it is.
WHOSE = f"""
    WITH token AS (
        SELECT id, user_id, last_used_at FROM api_tokens WHERE token_hash = %s AND revoked_at IS NULL
    ), touched AS (
        UPDATE api_tokens SET last_used_at = now() FROM token
        WHERE api_tokens.id = token.id
          AND (token.last_used_at IS NULL OR token.last_used_at < now() - interval '1 minute')
    )
    SELECT {user_columns()} FROM users JOIN token ON token.user_id = users.id
"""


@dataclass(frozen=True, slots=True)
class TokenCard:
    """What may be shown of an API token once it was given away."""

    id: int
    label: str
    created_at: datetime
    last_used_at: datetime | None


async def create_token(manager: Manager, user_id: int, label: str = "") -> str:
    """A new API token for this user: shown now, and never again."""
    token = PREFIX + secrets.token_urlsafe(32)
    await manager.execute(
        "INSERT INTO api_tokens (user_id, label, token_hash) VALUES (%s, %s, %s)",
        user_id,
        label.replace("\0", "")[:MOST_LABEL],
        token_hash(token),
    )
    return token


async def make_token(manager: Manager, user_id: int, label: str) -> str:
    """The same for oneself: named, and not too many. Raises `NoLabel`, `TooManyTokens`."""
    label = " ".join(label.replace("\0", "").split())
    if not label:
        raise NoLabel
    if len(await list_tokens(manager, user_id)) >= MOST_TOKENS:
        raise TooManyTokens(MOST_TOKENS)
    return await create_token(manager, user_id, label)


async def require_token(manager: Manager, token: str) -> User:
    """Whose API token this is. Raises `BadToken`; and `Rests`, which says why, where it is good and its user rests."""
    user = await _whose(manager, token)
    if user is None:
        raise BadToken
    if user.is_suspended:
        raise Rests(await why_rests(manager, user))
    return user


async def user_of_token(manager: Manager, token: str) -> User | None:
    """Whose API token this is; nobody's when it is unknown or revoked, or its user rests."""
    user = await _whose(manager, token)
    return None if user is None or user.is_suspended else user


async def _whose(manager: Manager, token: str) -> User | None:
    return user_from(await manager.row(WHOSE, token_hash(token))) if SHAPE.fullmatch(token) else None


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose key was shown. One that `lasts` is good until revoked, another until its user signs out everywhere."""

    user: User
    lasts: bool


async def user_of_key(manager: Manager, secret: bytes, key: str, gate: Gate | None = None) -> Shown | None:
    """Whose key this is, of whatever kind: the one place where a socket asks that takes keys in its frames.

    With a `gate` a pass that another site signed is a key too, and makes an account at first sight.
    None where it is unknown, revoked, forged, run out, or its user rests.
    """
    user = await user_of_token(manager, key)
    if user is not None:
        return Shown(user, lasts=True)
    user = await user_of_signed(manager, secret, key, SOCKET)
    if user is None and gate is not None:
        user = await user_of_pass(manager, gate, key)
    return None if user is None else Shown(user, lasts=False)


async def list_tokens(manager: Manager, user_id: int) -> list[TokenCard]:
    """The tokens of a user that are still good, oldest first."""
    rows = await manager.rows(
        "SELECT id, label, created_at, last_used_at FROM api_tokens"
        " WHERE user_id = %s AND revoked_at IS NULL ORDER BY id",
        user_id,
    )
    return [TokenCard(*row) for row in rows]


async def revoke_token(manager: Manager, bus: Bus, user_id: int, token_id: int) -> bool:
    """End one token of this user, and every socket that came in by it; whether there was such a one."""
    row = await manager.row(
        "UPDATE api_tokens SET revoked_at = now()"
        " WHERE id = %s AND user_id = %s AND revoked_at IS NULL RETURNING token_hash",
        token_id,
        user_id,
    )
    if row is None:
        return False
    sign_out(bus, user_id, ref_of_hash(bytes(row[0])))
    return True


def sign(
    secret: bytes,
    user: User,
    purpose: str,
    *,
    seconds: int = SIGNED_SECONDS,
    now: Callable[[], float] = time.time,
) -> str:
    """A token for one purpose, good for so many seconds and until the user signs out everywhere."""
    claims = f"{user.id}.{user.session_epoch}.{int(now()) + seconds}"
    return f"{claims}.{_signature(secret, purpose, claims)}"


async def user_of_signed(
    manager: Manager, secret: bytes, token: str, purpose: str, *, now: Callable[[], float] = time.time
) -> User | None:
    """Whose signed token this is; nobody's when it is forged, meant for something else, or run out."""
    claims, _, signature = token.rpartition(".")
    if not token.isascii() or not re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,9}\.[0-9]{1,12}", claims):
        return None
    if not hmac.compare_digest(signature, _signature(secret, purpose, claims)):
        return None
    user_id, epoch, until = (int(part) for part in claims.split("."))
    if until < now():
        return None
    user = await load_user(manager, user_id)
    return None if user is None or user.session_epoch != epoch or user.is_suspended else user


def _signature(secret: bytes, purpose: str, claims: str) -> str:
    digest = hmac.new(secret, f"token:{purpose}:{claims}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
