"""Belonging to a room: becoming a member, and how far one has read."""

from __future__ import annotations

from accounts.actions import rename
from accounts.errors import NameTaken
from accounts.names import LONGEST
from chat.actions.actors import actor_in
from chat.errors import Already, Conflict, TooLong
from chat.events import MemberAdded, Renamed
from chat.log import Answer, Request
from chat.members import Member, admit
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.signals import Belongs, ReadMoved


async def join(node: Node, room: Room, member: Member) -> Member:
    """Make somebody a member of a public room; who is one already stays one.

    Raises NoSuchRoom, Banned, Removed.
    """
    if member.is_member:
        return member
    async with node.journal.transaction(room.id) as log:
        member = await log.member(member.user_id)
        admit(log.room, member)
        if not member.is_member and not member.guest:
            await log.record(MemberAdded(by=member.person, user=member.person))
            member = await log.member(member.user_id)
    node.hub.audience.signal(Belongs(member.user_id, room.id, member.is_member))
    return member


async def mark_read(node: Node, room: Room, user_id: int, seq: int) -> None:
    """Move a read mark forward, never back; the user's own sockets are told."""
    row = await node.manager.row(
        "UPDATE memberships m SET read_seq = greatest(m.read_seq, least(%s, r.last_seq)), read_ordinal = "
        "greatest(m.read_ordinal, coalesce((SELECT x.ordinal FROM messages x WHERE x.room_id = m.room_id "
        "AND x.seq <= %s AND x.ordinal IS NOT NULL ORDER BY x.seq DESC LIMIT 1), 0)) "
        "FROM rooms r WHERE r.id = m.room_id AND m.room_id = %s AND m.user_id = %s AND m.read_seq < %s "
        "RETURNING m.read_seq, m.read_ordinal",
        seq,
        seq,
        room.id,
        user_id,
        seq,
    )
    if row is not None:
        node.hub.audience.signal(ReadMoved(user_id, room.id, room.slug, *row))


async def change_name(
    node: Node, room: Room, member: Member, name: str, request: Request | None = None
) -> Answer:
    """Call an account otherwise, everywhere; every room where it is present records that.

    Raises NotAllowed, BadName, TooLong, Conflict, Already.
    """
    if len(name) > LONGEST:
        raise TooLong(len(name), LONGEST, "name")
    rows = await node.manager.rows(
        "SELECT room_id FROM memberships WHERE user_id = %s AND present_since IS NOT NULL", member.user_id
    )
    rooms = [room.id, *(room_id for (room_id,) in rows if room_id != room.id)]
    async with node.journal.transactions(rooms, member.user_id, request) as logs:
        actor = await actor_in(logs[room.id], member.user_id)
        require(actor.role, Permission.RENAME_SELF, room=room.slug, command="nick")
        try:
            renaming = await rename(node.manager, member.user_id, name)
        except NameTaken as error:
            raise Conflict(field="name") from error
        if renaming.name == renaming.was:
            raise Already(f"You are called {renaming.name} already")
        for log in logs.values():
            renamed = await log.member(member.user_id)
            await log.record(Renamed(by=renamed.person, user=renamed.person, was=renaming.was))
        logs[room.id].answer = f"You are called {renaming.name} now. {renaming.was} stays yours for 30 days."
    return logs[room.id].reply
