"""Hooks: addresses with a secret in them, by which a program outside posts into one room under a name of its own."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import msgspec

from accounts.actions import Newcomer, enrol, find_user
from accounts.errors import NameTaken, Suspended
from accounts.models import User
from accounts.names import clean_name, name_key
from chat.actions.actors import actor_in
from chat.actions.newcomers import NoPlaceFor, require_place
from chat.actions.ruling import require_here, require_room
from chat.errors import Already, NotSet
from chat.events import MemberAdded, MemberRemovedSelf
from chat.forbidden import Archived, Muted
from chat.log import Answer, Log, Request
from chat.members import (
    MEMBER_COLUMNS,
    ROOM_COLUMNS,
    ROOM_FIELDS,
    Member,
    admit,
    member_in,
    member_of,
    room_of,
)
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.signals import Belongs
from helpers.errors import AppError

MOST = 20
MOST_NAMES = 50

# When a hook was last used is written down once a minute, in the same trip that asks whose it is.
WHOSE = f"""
    WITH hook AS (
        SELECT h.id, h.room_id, h.user_id, h.created_by, h.last_used_at FROM hooks h JOIN rooms o ON o.id = h.room_id
        WHERE h.secret_hash = %s AND h.revoked_at IS NULL
          AND (o.slug = %s OR EXISTS (SELECT FROM room_slugs s WHERE s.slug = %s AND s.room_id = o.id))
    ), touched AS (
        UPDATE hooks SET last_used_at = now() FROM hook
        WHERE hooks.id = hook.id
          AND (hook.last_used_at IS NULL OR hook.last_used_at < now() - interval '1 minute')
    )
    SELECT hook.created_by,
        (SELECT m.suspended_until FROM users m WHERE m.id = hook.created_by AND m.suspended_until > now()),
        {ROOM_COLUMNS}, {MEMBER_COLUMNS} FROM hook JOIN rooms r ON r.id = hook.room_id
    JOIN users u ON u.id = hook.user_id LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = u.id
"""


class NoSuchHook(AppError):
    """The address is unknown, of another room, or revoked: all are told alike."""

    code = "no_such_hook"
    message = (
        "This hook is not good any more, or never was. An owner of the room can make another with /hook."
    )
    status = 404


class TooManyHooks(AppError):
    """A room holds only so many at once."""

    code = "too_many"
    message = "There are {most} hooks here already. End one first: /hook revoke name."
    status = 409

    def __init__(self) -> None:
        super().__init__(most=MOST)


class TooManyNames(AppError):
    """Names of bots stay theirs, and nobody claims more than so many."""

    code = "too_many"
    message = "Your hooks have had {most} names by now. Take one of those again: /hook make name."
    status = 409

    def __init__(self) -> None:
        super().__init__(most=MOST_NAMES)


@dataclass(frozen=True, slots=True)
class Hook:
    """What may be shown of a hook once its address was given away. `by` made it."""

    name: str
    by: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Made:
    """A new hook: its bot's name, and the path to post to, shown now and never again."""

    name: str
    path: str
    answer: Answer


async def make(node: Node, room: Room, member: Member, name: str, request: Request | None = None) -> Made:
    """A new hook for a room; its bot, who has that name, becomes a member. `name` may be that of an earlier hook here,
    or of another one made by the same owner.

    Raises NotAllowed, BadName, NameTaken, Already, TooManyHooks, TooManyNames, Archived, NoPlaceFor.
    """
    comer = Newcomer(clean_name(name), None)
    secret = secrets.token_urlsafe(32)
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await _owner_in(log, member)
        if log.room.set.archived:
            raise Archived(log.room.slug)
        bot = await _bot(node, log, actor, comer)
        await _require_one_more(node, log, bot)
        await node.manager.execute(
            "INSERT INTO hooks (room_id, user_id, secret_hash, created_by) VALUES (%s, %s, %s, %s)",
            room.id,
            bot.id,
            _hash(secret),
            actor.user_id,
        )
        there = await log.member(bot.id)
        if not there.is_member:
            await require_place(node, log.room, there, full=NoPlaceFor)
            await log.record(MemberAdded(by=actor.person, user=there.person))
        # The receipt is kept, and a secret is not: a repeat is told how to come to a new one.
        log.answer = (
            f"The hook {bot.name} was made, and its address shown once. /hook revoke {bot.name} ends it."
        )
        slug = log.room.slug
    node.hub.audience.signal(Belongs(bot.id, room.id, True))
    return Made(bot.name, f"/hooks/{slug}/{secret}", log.reply)


async def listed(node: Node, room: Room, member: Member) -> list[Hook]:
    """The hooks of a room that are good, by name. Raises NotAllowed, DirectRoom."""
    require_room(room)
    require(member.role, Permission.SETTINGS, room=room.slug, command="hook")
    rows = await node.manager.rows(
        "SELECT u.name, coalesce(b.name, ''), h.created_at, h.last_used_at FROM hooks h "
        "JOIN users u ON u.id = h.user_id LEFT JOIN users b ON b.id = h.created_by "
        "WHERE h.room_id = %s AND h.revoked_at IS NULL ORDER BY u.name_key",
        room.id,
    )
    return [Hook(*row) for row in rows]


async def revoke(node: Node, room: Room, member: Member, name: str, request: Request | None = None) -> Answer:
    """End the hook of that name at once; its bot is a member no more. Raises NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        await _owner_in(log, member)
        row = await node.manager.row(
            "UPDATE hooks h SET revoked_at = now() FROM users u WHERE h.user_id = u.id AND h.room_id = %s "
            "AND u.name_key = %s AND h.revoked_at IS NULL RETURNING u.id, u.name",
            room.id,
            name_key(name.removeprefix("@")),
        )
        if row is None:
            raise NotSet("There is no hook of that name here. /hook list names those that are")
        bot = await log.member(row[0])
        if bot.is_member:
            await log.record(MemberRemovedSelf(by=bot.person, user=bot.person))
        log.answer = f"The hook {bot.name} is ended. What it said stays."
    node.hub.audience.signal(Belongs(bot.user_id, room.id, False))
    return log.reply


async def caller(node: Node, slug: str, secret: str) -> tuple[Room, Member]:
    """The room a hook leads to and the bot it posts as; also at an address the room once had.

    It says no more than whoever made it could: the address is not a way back in. Raises NoSuchHook, and what keeps its
    maker out or silent: Suspended, Banned, Removed, NoSuchRoom, Muted.
    """
    if "\0" in slug:
        # PostgreSQL's text cannot hold it, not even to look for it.
        raise NoSuchHook
    row = await node.manager.row(WHOSE, _hash(secret), slug, slug)
    if row is None:
        raise NoSuchHook
    maker_id, rests_until, *rest = row
    if rests_until is not None:
        # The bot itself may go on by a hook that somebody else made.
        raise Suspended(rests_until)
    room = room_of(tuple(rest[: len(ROOM_FIELDS)]))
    maker = await member_in(node.manager, room.id, maker_id)
    if maker is not None:
        admit(room, maker)
        if maker.muted_until is not None and maker.is_muted:
            raise Muted(maker.muted_until, reason=maker.muted_reason)
    return room, member_of(room.id, tuple(rest[len(ROOM_FIELDS) :]))


def shown(made: Made, site: str) -> Answer:
    """What to tell whoever made it: the whole address, with a line to try it. `site` is where this one is, if known."""
    address = f"{site}{made.path}"
    text = f"{made.name} posts here by this address, shown only now:\n{address}\nTry: curl -d 'It works' {address}"
    return msgspec.structs.replace(made.answer, text=text)


async def _owner_in(log: Log, member: Member) -> Member:
    actor = await actor_in(log, member.user_id)
    require_room(log.room)
    require_here(log, actor, Permission.SETTINGS, command="hook")
    return actor


async def _bot(node: Node, log: Log, actor: Member, comer: Newcomer) -> User:
    """The bot of that name if it is one of a hook of theirs or of this room; else a new one.

    Raises NameTaken, TooManyNames.
    """
    known = await find_user(node.manager, comer.name)
    if known is None:
        # A hook that is ended leaves its name behind, taken for ever: making and ending them has an end, too.
        names = "SELECT count(DISTINCT user_id) FROM hooks WHERE created_by = %s"
        if await node.manager.value(names, actor.user_id) >= MOST_NAMES:
            raise TooManyNames
        return await enrol(node.manager, comer, is_bot=True)
    theirs = known.is_bot and await node.manager.value(
        "SELECT 1 FROM hooks WHERE user_id = %s AND (created_by = %s OR room_id = %s) LIMIT 1",
        known.id,
        actor.user_id,
        log.room.id,
    )
    if not theirs:
        raise NameTaken(comer.name)
    return known


async def _require_one_more(node: Node, log: Log, bot: User) -> None:
    good = await node.manager.rows(
        "SELECT user_id FROM hooks WHERE room_id = %s AND revoked_at IS NULL", log.room.id
    )
    if (bot.id,) in good:
        raise Already(f"There is a hook {bot.name} here already. /hook revoke {bot.name} ends it")
    if len(good) >= MOST:
        raise TooManyHooks


def _hash(secret: str) -> bytes:
    # The secret is random enough that a plain hash cannot be turned back.
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
