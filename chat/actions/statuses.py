"""What somebody says of themselves. It stands in no room's log, and all who share a room with them see it at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from chat.actions.actors import actor_in
from chat.errors import NotSet
from chat.events import Person
from chat.forbidden import Muted
from chat.lines import one_line
from chat.log import Answer, Log, Repeated, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.signals import StatusMoved
from chat.status import AWAY, DND, Status
from chat.statuses import STATUS_COLUMNS, status_of
from chat.times import say_until

MOST_WORDS = 100
"""In characters: it stands in one line beside a name."""

KNOWN = f"SELECT s.version, {STATUS_COLUMNS} FROM statuses s WHERE s.user_id = %s"
# Of two who begin at once, on two devices, the second waits, and changes what the first has kept.
BEGIN = "INSERT INTO statuses (user_id, version) VALUES (%s, 0) ON CONFLICT DO NOTHING"
KEEP = """UPDATE statuses SET presence = %s, why = %s, until = %s, emoji = %s, text = %s, text_until = %s,
    version = version + 1 WHERE user_id = %s"""
# What somebody says of themselves stands in the member list of every room of theirs.
MUTED = """SELECT m.room_id, r.slug, m.muted_until, m.muted_reason FROM memberships m JOIN rooms r ON r.id = m.room_id
    WHERE m.user_id = %s AND m.muted_until > %s AND (m.is_member OR m.present_since IS NOT NULL)
    ORDER BY m.room_id = %s DESC, m.muted_until DESC LIMIT 1"""
SHARED = """SELECT m.room_id FROM memberships m WHERE m.user_id = %s AND (m.is_member OR m.present_since IS NOT NULL)"""

Change = Callable[[Status, datetime], tuple[Status, str]]
"""From what holds now, and the time, to what is to hold, and what is answered."""


async def away(node: Node, room: Room, member: Member, why: str, request: Request) -> Answer:
    """Show somebody as away, and why. Raises TooLong, Unreadable, and Muted where the muted say why."""
    why = _one_line(why)

    def change(was: Status, now: datetime) -> tuple[Status, str]:
        status = msgspec.structs.replace(was, presence=AWAY, why=why, until=None)
        return status, f"You are away{f': {why}' if why else ''}. /back ends it."

    return await _change(node, room, member, change, Permission.READ, "away", request, says=why)


async def dnd(node: Node, room: Room, member: Member, length: timedelta | None, request: Request) -> Answer:
    """Let nothing disturb somebody, for that long or until they are back."""

    def change(was: Status, now: datetime) -> tuple[Status, str]:
        until = now + length if length is not None else None
        status = msgspec.structs.replace(was, presence=DND, why="", until=until)
        return status, f"Nothing disturbs you{f' {say_until(until, now)}' if until else ''}. /back ends it."

    return await _change(node, room, member, change, Permission.READ, "dnd", request)


async def back(node: Node, room: Room, member: Member, request: Request) -> Answer:
    """Show somebody as back. Raises NotSet where they were not away and might be disturbed."""

    def change(was: Status, now: datetime) -> tuple[Status, str]:
        if not was.presence:
            raise NotSet("You are not away. /away says that you are")
        return was.without_presence(), "You are back."

    return await _change(node, room, member, change, Permission.READ, "back", request)


async def set_text(
    node: Node,
    room: Room,
    member: Member,
    emoji: str,
    text: str,
    length: timedelta | None,
    request: Request,
) -> Answer:
    """Tell the others something, for that long or until it is changed.

    Raises NotAllowed, Muted, TooLong, Unreadable.
    """
    text = _one_line(text)

    def change(was: Status, now: datetime) -> tuple[Status, str]:
        until = now + length if length is not None else None
        status = msgspec.structs.replace(was, emoji=emoji, text=text, text_until=until)
        said = f"{emoji} {text}".strip()
        return status, f"Your status{f' {say_until(until, now)}' if until else ''}: {said}"

    return await _change(
        node, room, member, change, Permission.SET_STATUS, "status", request, says=emoji + text
    )


async def clear_text(node: Node, room: Room, member: Member, request: Request) -> Answer:
    """Tell nothing any more. Raises NotAllowed, NotSet."""

    def change(was: Status, now: datetime) -> tuple[Status, str]:
        if not (was.emoji or was.text):
            raise NotSet("You have no status. /status gives you one")
        return was.without_text(), "Your status is empty now."

    return await _change(node, room, member, change, Permission.SET_STATUS, "status", request)


async def _change(
    node: Node,
    room: Room,
    member: Member,
    change: Change,
    permission: Permission,
    command: str,
    request: Request,
    says: str = "",
) -> Answer:
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            require(actor.role, permission, switches=log.room.set, room=log.room.slug, command=command)
            if says:
                await _require_unmuted(node, log, actor)
            await node.manager.execute(BEGIN, actor.user_id)
            row = await node.manager.row(f"{KNOWN} FOR UPDATE", actor.user_id)
            assert row is not None
            was = status_of(list(row[1:])).at(log.now)
            status, log.answer = change(was, log.now)
            await node.manager.execute(
                KEEP,
                status.presence,
                status.why,
                status.until,
                status.emoji,
                status.text,
                status.text_until,
                actor.user_id,
            )
    except Repeated:
        # Whoever kept it may have died before it was told; told again it changes nothing.
        await _tell(node, member.person)
        raise
    await _tell(node, actor.person)
    return log.reply


async def _require_unmuted(node: Node, log: Log, actor: Member) -> None:
    row = await node.manager.row(MUTED, actor.user_id, log.now, log.room.id)
    if row is not None:
        room_id, slug, until, reason = row
        raise Muted(until, reason=reason, room="" if room_id == log.room.id else slug, now=log.now)


async def _tell(node: Node, person: Person) -> None:
    row = await node.manager.row(KNOWN, person.id)
    if row is not None:
        rooms = [room_id for (room_id,) in await node.manager.rows(SHARED, person.id)]
        node.hub.tell_status(StatusMoved(person, row[0], status_of(list(row[1:])), rooms))


def _one_line(text: str) -> str:
    return one_line(text, MOST_WORDS) if text.strip() else ""
