"""What may be done to an account, whoever asks: the only place that decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import peewee

from accounts import passwords
from accounts.errors import BadCredentials, NameTaken, NoSuchUser, WrongPassword
from accounts.events import SignedOut, SignedOutEverywhere, Suspended, encode, user_topic
from accounts.models import User, user_columns, user_from
from accounts.names import clean_name, fold, name_key
from accounts.passwords import require_password
from accounts.rests import why_rests
from helpers.bus import Bus
from helpers.database import Manager

SYSTEM_ID = 0
NAME_RESTS_DAYS = 30
# Or one account could take every good name away from the others.
MOST_RESTING = 5

BY_ID = f"SELECT {user_columns()} FROM users WHERE id = %s"
BY_IDS = f"SELECT {user_columns()} FROM users WHERE id = ANY (%s::bigint[])"
BY_NAME = f"SELECT {user_columns()} FROM users WHERE name_key = %s AND NOT is_guest"
LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 41))"
RESTS = "SELECT user_id FROM reserved_names WHERE name_key = %s AND until > now()"
INSERT = f"""
    INSERT INTO users (name, name_key, password_hash, is_admin, is_bot, email) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (name_key) WHERE NOT is_guest DO NOTHING RETURNING {user_columns()}
"""
SET_PASSWORD = f"""
    UPDATE users SET password_hash = %s, session_epoch = session_epoch + 1
    WHERE id = %s AND (%s::text IS NULL OR password_hash = %s)
    RETURNING {user_columns()}
"""
RESERVE = """
    INSERT INTO reserved_names (name_key, user_id, until) VALUES (%s, %s, now() + %s * interval '1 day')
    ON CONFLICT (name_key) DO UPDATE SET user_id = excluded.user_id, until = excluded.until
"""
LET_GO = """
    DELETE FROM reserved_names WHERE user_id = %s AND name_key NOT IN
        (SELECT name_key FROM reserved_names WHERE user_id = %s ORDER BY until DESC, name_key LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody about to register: a clean name, the hash of a password (None: cannot sign in), perhaps an address."""

    name: str
    password_hash: str | None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Renaming:
    """What a rename came to."""

    user_id: int
    was: str
    name: str


async def load_user(manager: Manager, user_id: int) -> User | None:
    """The user of this number."""
    return user_from(await manager.row(BY_ID, user_id))


async def load_users(manager: Manager, user_ids: list[int]) -> list[User | None]:
    """The users of these numbers, in their order."""
    rows = await manager.rows(BY_IDS, user_ids)
    found = {row[0]: user_from(row) for row in rows}
    return [found.get(user_id) for user_id in user_ids]


async def find_user(manager: Manager, name: str) -> User | None:
    """The account of this name, however it is spelled; no guests."""
    return user_from(await manager.row(BY_NAME, name_key(name)))


async def list_users(manager: Manager) -> list[User]:
    """The accounts by name, bots included, guests and the house itself not."""
    rows = await manager.rows(
        f"SELECT {user_columns()} FROM users WHERE NOT is_guest AND id <> %s ORDER BY name_key",
        SYSTEM_ID,
    )
    return [user for user in map(user_from, rows) if user is not None]


def require_newcomer(name: str, password: str) -> None:
    """Refuse what can never be an account, before anything is counted or hashed. Raises `BadName`, `BadPassword`."""
    require_password(password, name=clean_name(name))


async def newcomer(name: str, password: str | None) -> Newcomer:
    """Tidy the name and hash the password, before any transaction: hashing takes its time.

    Raises `BadName`, `BadPassword`, `Busy`.
    """
    if password is None:
        return Newcomer(clean_name(name), None)
    require_newcomer(name, password)
    return Newcomer(clean_name(name), await passwords.PASSWORDS.hash(password))


async def enrol(manager: Manager, comer: Newcomer, *, is_admin: bool = False, is_bot: bool = False) -> User:
    """Make the account; inside an open transaction it is part of that. Raises `NameTaken`."""
    key = fold(comer.name)
    async with manager.transaction():
        await manager.row(LOCK_NAME, key)
        if await manager.row(RESTS, key) is not None:
            raise NameTaken(comer.name)
        row = await manager.row(INSERT, comer.name, key, comer.password_hash, is_admin, is_bot, comer.email)
        user = user_from(row)
        if user is None:
            raise NameTaken(comer.name)
        return user


async def register(
    manager: Manager, name: str, password: str | None, *, is_admin: bool = False, is_bot: bool = False
) -> User:
    """Make an account, all in one. Raises `BadName`, `BadPassword`, `NameTaken`, `Busy`."""
    return await enrol(manager, await newcomer(name, password), is_admin=is_admin, is_bot=is_bot)


async def check_credentials(manager: Manager, name: str, password: str) -> User:
    """The user who has this name and password. Raises `BadCredentials`, `Suspended`, `Busy`."""
    user = await find_user(manager, name)
    kept: str | None = user.password_hash if user is not None else None
    if not await passwords.PASSWORDS.matches(kept, password) or user is None or kept is None:
        raise BadCredentials
    if user.is_suspended:
        raise await why_rests(manager, user)
    if passwords.PASSWORDS.is_outdated(kept):
        fresh = await passwords.PASSWORDS.hash(password)
        await manager.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s", fresh, user.id, kept
        )
    return user


async def change_password(manager: Manager, bus: Bus, user: User, old: str, new: str) -> User:
    """Change one's own password; every session ends, and whoever asked signs in anew with the user returned.

    Raises `WrongPassword`, `BadPassword`, `Busy`.
    """
    if not await passwords.PASSWORDS.matches(user.password_hash, old):
        raise WrongPassword
    require_password(new, name=user.name, field="new")
    changed = await keep_password(manager, user, await passwords.PASSWORDS.hash(new), was=user.password_hash)
    if changed is None:
        # Another change came first, and the old password was its to give up.
        raise WrongPassword
    end_everywhere(bus, changed)
    return changed


async def set_password(manager: Manager, bus: Bus, user: User, new: str) -> User:
    """Give an account a new password; every session ends. Raises `BadPassword`, `NoSuchUser`, `Busy`."""
    require_password(new, name=user.name)
    changed = await keep_password(manager, user, await passwords.PASSWORDS.hash(new))
    if changed is None:
        raise NoSuchUser(name=user.name)
    end_everywhere(bus, changed)
    return changed


async def keep_password(manager: Manager, user: User, made: str, *, was: str | None = None) -> User | None:
    """Keep the hash of a new password; part of the open transaction where there is one. None for who is gone, and where
    the hash is not what it `was`.
    """
    return user_from(await manager.row(SET_PASSWORD, made, user.id, was, was))


def end_everywhere(bus: Bus, user: User) -> None:
    """Tell that every session of theirs has ended. After the commit."""
    bus.publish(user_topic(user.id), encode(SignedOutEverywhere(user.id)))


async def rename(manager: Manager, user_id: int, wanted: str) -> Renaming:
    """Give an account another name; the old one rests 30 days, and only its last bearer may take it back.

    Of many old names only the latest five rest.
    Part of the open transaction where there is one. Raises `BadName`, `NameTaken`, `NoSuchUser`.
    """
    name = clean_name(wanted)
    key = fold(name)
    try:
        async with manager.transaction():
            found = await manager.row("SELECT name, name_key FROM users WHERE id = %s FOR UPDATE", user_id)
            if found is None:
                raise NoSuchUser(name=user_id)
            was, old_key = found
            # Always in the same order, so that two who swap names do not wait for each other.
            for each in sorted({key, old_key}):
                await manager.row(LOCK_NAME, each)
            rests = await manager.row(RESTS, key)
            if rests is not None and rests[0] != user_id:
                raise NameTaken(name)
            await manager.execute(
                "UPDATE users SET name = %s, name_key = %s WHERE id = %s", name, key, user_id
            )
            if key != old_key:
                await manager.execute(RESERVE, old_key, user_id, NAME_RESTS_DAYS)
                await manager.execute("DELETE FROM reserved_names WHERE name_key = %s", key)
                await manager.execute(LET_GO, user_id, user_id, MOST_RESTING)
    except peewee.IntegrityError as error:
        raise NameTaken(name) from error
    return Renaming(user_id, was, name)


async def suspend(manager: Manager, user_ids: list[int], until: datetime | None) -> None:
    """Let accounts rest until then, or end their rest with None. Their sessions end: see `tell_suspended`."""
    await manager.execute(
        "UPDATE users SET suspended_until = %s, session_epoch = session_epoch + 1 WHERE id = ANY (%s::bigint[])",
        until,
        user_ids,
    )


def tell_suspended(bus: Bus, user_id: int) -> None:
    """Tell every process that an account rests; to be done once that is committed."""
    bus.publish(user_topic(user_id), encode(Suspended(user_id)))


async def set_email(manager: Manager, user_id: int, email: str | None) -> None:
    """Keep another address for an account, or with None none."""
    await manager.execute("UPDATE users SET email = %s WHERE id = %s", email, user_id)


async def promote(manager: Manager, user_id: int, *, is_admin: bool = True) -> None:
    """Make somebody an admin of the site, or no longer one. Raises `NoSuchUser`."""
    changed = await manager.row(
        "UPDATE users SET is_admin = %s WHERE id = %s RETURNING id", is_admin, user_id
    )
    if changed is None:
        raise NoSuchUser(name=user_id)


def sign_out(bus: Bus, user_id: int, session: str) -> None:
    """Tell every process that this session ended; `session` is its ref."""
    bus.publish(user_topic(user_id), encode(SignedOut(session)))


async def sign_out_everywhere(manager: Manager, bus: Bus, user_id: int) -> User:
    """End every session of this account, at once and in every process. Raises `NoSuchUser`."""
    row = await manager.row(
        f"UPDATE users SET session_epoch = session_epoch + 1 WHERE id = %s RETURNING {user_columns()}",
        user_id,
    )
    user = user_from(row)
    if user is None:
        raise NoSuchUser(name=user_id)
    bus.publish(user_topic(user_id), encode(SignedOutEverywhere(user_id)))
    return user
