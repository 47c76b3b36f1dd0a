"""What somebody wants to be told of a room. It stands in no log; their own sockets hear of it, on every process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from chat.actions.actors import actor_in
from chat.errors import Already, NotSet
from chat.forbidden import NotAMember
from chat.log import Answer, Repeated, Request
from chat.members import Member, admit, find_room, member_in
from chat.models import Room
from chat.node import Node
from chat.notify import USUAL, Notify
from chat.policy import Permission, require
from chat.signals import NotifyMoved
from chat.times import say_until

WISHED = "SELECT notify, notify_until, notify_then FROM memberships WHERE room_id = %s AND user_id = %s AND is_member"
OF = {"all": "every message", "mentions": "what means you, and of nothing else", "none": "nothing"}

Change = Callable[[Notify, datetime, str], Notify]
"""From what holds now, the time, and the room's address, to what is to hold."""


async def shown(node: Node, room: Room, member: Member) -> str:
    """What somebody is told of this room, in words. Raises NotAMember."""
    wishes = await _wishes(node, room, member.user_id)
    return f"{_said(room.slug, wishes, datetime.now(UTC))} /notify all, mentions or none changes it."


async def set_level(
    node: Node, room: Room, member: Member, level: str, length: timedelta | None, request: Request
) -> Answer:
    """Be told of all, of mentions or of nothing here, for that long or until it is changed.

    Raises NotAllowed, NotAMember, Already.
    """

    def change(was: Notify, now: datetime, slug: str) -> Notify:
        before = was.then if was.until is not None or was.level == level else was.level
        if length is not None:
            return Notify(level, now + length, was.then if was.until is not None else was.level)
        if (was.level, was.until) == (level, None):
            raise Already(f"#{slug} tells you of {OF[level]} already")
        return Notify(level, None, before)

    return await _change(node, room, member, "", change, "notify", request)


async def toggle(node: Node, room: Room, member: Member, slug: str, request: Request) -> Answer:
    """Be told of nothing in a room, this one where no other is named; or again of what it was before.

    Raises NotAllowed, NoSuchRoom, Banned, Removed, NotAMember.
    """

    def change(was: Notify, now: datetime, slug: str) -> Notify:
        return _back(was) if was.level == "none" else Notify("none", None, was.level)

    return await _change(node, room, member, slug, change, "mute", request)


async def restore(node: Node, room: Room, member: Member, slug: str, request: Request) -> Answer:
    """Be told again of what it was before. Raises what `toggle` does, and NotSet."""

    def change(was: Notify, now: datetime, slug: str) -> Notify:
        if was.level != "none":
            raise NotSet(f"#{slug} is not muted for you. /mute does that")
        return _back(was)

    return await _change(node, room, member, slug, change, "unmute", request)


async def _change(
    node: Node, here: Room, member: Member, slug: str, change: Change, command: str, request: Request
) -> Answer:
    there = here if slug in ("", here.slug) else await find_room(node.manager, slug)
    try:
        async with node.journal.transaction(here.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            require(actor.role, Permission.NOTIFY, room=log.room.slug, command=command)
            if there.id != here.id:
                known = await member_in(node.manager, there.id, actor.user_id)
                assert known is not None
                admit(there, known)
            was = await _wishes(node, there, actor.user_id, " FOR UPDATE")
            wishes = change(was.at(log.now), log.now, there.slug)
            await node.manager.execute(
                "UPDATE memberships SET notify = %s, notify_until = %s, notify_then = %s "
                "WHERE room_id = %s AND user_id = %s",
                wishes.level,
                wishes.until,
                wishes.then or USUAL,
                there.id,
                actor.user_id,
            )
            log.answer = _said(there.slug, wishes, log.now)
            if wishes.level == "none":
                log.answer += f" /unmute{'' if there.id == here.id else f' #{there.slug}'} ends it."
    except Repeated:
        # Whoever kept it may have died before it was told; told again it changes nothing.
        _tell(node, there, member, (await _wishes(node, there, member.user_id)).at(datetime.now(UTC)))
        raise
    _tell(node, there, member, wishes)
    return log.reply


def _tell(node: Node, room: Room, member: Member, wishes: Notify) -> None:
    node.hub.audience.signal(NotifyMoved(member.user_id, room.id, room.slug, wishes))


async def _wishes(node: Node, room: Room, user_id: int, lock: str = "") -> Notify:
    row = await node.manager.row(WISHED + lock, room.id, user_id)
    if row is None:
        raise NotAMember(room.slug)
    level, until, then = row
    return Notify(level, until.astimezone(UTC) if until is not None else None, then)


def _back(was: Notify) -> Notify:
    return Notify(was.then if was.then not in ("", "none") else USUAL)


def _said(slug: str, wishes: Notify, now: datetime) -> str:
    wishes = wishes.at(now)
    said = f"#{slug} tells you of {OF[wishes.level]}"
    if wishes.until is None:
        return f"{said}."
    return f"{said} {say_until(wishes.until, now)}; then of {OF[wishes.then or USUAL]}."
