"""Links for somebody who has lost their password: good once, for a few hours, handed over by an admin."""

from __future__ import annotations

import hashlib
import secrets

from accounts import passwords
from accounts.actions import end_everywhere, keep_password
from accounts.models import User, user_columns, user_from
from accounts.passwords import require_password
from helpers.bus import Bus
from helpers.database import Manager
from helpers.errors import AppError

HOURS = 4
WHOSE = f"""SELECT {user_columns("u")} FROM sign_in_links l JOIN users u ON u.id = l.user_id
    WHERE l.token_hash = %s AND l.used_at IS NULL AND l.expires_at > now()"""


class NoSignInLink(AppError):
    """The link is unknown, was used, or is too old: all are told alike."""

    code = "no_sign_in_link"
    message = "This link is not good any more. Ask whoever runs this chat for a new one."
    status = 404


async def make_link(manager: Manager, user_id: int, made_by: int) -> str:
    """A new link's token; those made for the same account before are good no more. Part of an open transaction."""
    token = secrets.token_urlsafe(32)
    await manager.execute("DELETE FROM sign_in_links WHERE user_id = %s OR expires_at < now()", user_id)
    await manager.execute(
        "INSERT INTO sign_in_links (token_hash, user_id, made_by, expires_at) "
        "VALUES (%s, %s, %s, now() + %s * interval '1 hour')",
        _hash(token),
        user_id,
        made_by,
        HOURS,
    )
    return token


async def whose_link(manager: Manager, token: str) -> User:
    """For whom this link is. Raises `NoSignInLink`."""
    user = user_from(await manager.row(WHOSE, _hash(token)))
    if user is None or user.is_suspended:
        raise NoSignInLink
    return user


async def use_link(manager: Manager, bus: Bus, token: str, password: str) -> User:
    """Give the account a new password; every session of it ends, and the link is good no more.

    Raises `NoSignInLink`, `BadPassword`, `Busy`.
    """
    user = await whose_link(manager, token)
    require_password(password, name=user.name)
    # Made before the link is used up, for it may be refused.
    made = await passwords.PASSWORDS.hash(password)
    async with manager.transaction():
        used = await manager.row(
            "UPDATE sign_in_links SET used_at = now() WHERE token_hash = %s AND used_at IS NULL RETURNING user_id",
            _hash(token),
        )
        changed = await keep_password(manager, user, made) if used is not None else None
        if changed is None:
            raise NoSignInLink
    end_everywhere(bus, changed)
    return changed


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
