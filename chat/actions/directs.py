"""Conversations of two: a room that only those two can be in, and that can never become another."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import msgspec

from chat.actions import messages
from chat.actions.ignored import is_ignored
from chat.actions.membership import mark_read
from chat.errors import ThatIsYou
from chat.log import Answer, Request
from chat.members import ROOM_COLUMNS, Member, member_in, named_in, room_of
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, Switches, require
from chat.signals import Belongs
from helpers.errors import AppError

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 42))"
FOUND = f"""SELECT {ROOM_COLUMNS} FROM direct_rooms d JOIN rooms r ON r.id = d.room_id
    WHERE d.low = %s AND d.high = %s"""


class GuestAlone(AppError):
    """A guest has no account that a conversation could be kept with."""

    code = "no_guest"
    message = (
        "@{name} is a guest: only people with an account are spoken with alone. Mention them here instead."
    )
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


async def send(node: Node, room: Room, member: Member, nick: str, text: str, request: Request) -> Answer:
    """Say something to one person alone, or with no text only open the conversation; the answer leads there.

    Whether they read it, or want to, nobody is told. Raises NotAllowed, NotFound, ThatIsYou, GuestAlone, and what
    refuses words.
    """
    require(member.role, Permission.DIRECT, room=room.slug, command="msg")
    other = await named_in(node.manager, room.id, nick)
    if other.user_id == member.user_id:
        raise ThatIsYou(command="msg")
    if other.guest:
        # Whoever came by that name next would read what was said to the one before.
        raise GuestAlone(other.name)
    direct = await _room_of(node, member.user_id, other.user_id)
    where = f"/rooms/{direct.slug}"
    if not text:
        return Answer(at=datetime.now(UTC), text=f"You and @{other.name}: {where}")
    oneself = await member_in(node.manager, direct.id, member.user_id)
    assert oneself is not None
    said = await messages.post(node, direct, oneself, text, request)
    if oneself.read_seq >= said.seq - 1:
        # Who has read all that was said before need not read their own words.
        await mark_read(node, direct, member.user_id, said.seq)
    # Its number is one of another room.
    return msgspec.structs.replace(said, seq=0, text=f"Said to @{other.name} alone: {where}")


async def _room_of(node: Node, one: int, other: int) -> Room:
    low, high = sorted((one, other))
    async with node.manager.transaction():
        # Both may ask at the same moment, in two processes.
        await node.manager.row(LOCK, f"direct/{low}/{high}")
        row = await node.manager.row(FOUND, low, high)
        if row is not None:
            return room_of(row)
        made = await node.manager.row(
            "INSERT INTO rooms AS r (slug, title, kind, switches, created_by) "
            f"VALUES (%s, '', 'direct', %s::jsonb, %s) RETURNING {ROOM_COLUMNS}",
            f"d-{secrets.token_hex(12)}",
            msgspec.json.encode(Switches(private=True).told()).decode(),
            one,
        )
        assert made is not None
        room = room_of(made)
        for user_id in (low, high):
            await node.manager.execute(
                "INSERT INTO memberships (room_id, user_id, role) VALUES (%s, %s, %s)",
                room.id,
                user_id,
                Role.MEMBER,
            )
        await node.manager.execute(
            "INSERT INTO direct_rooms (low, high, room_id) VALUES (%s, %s, %s)", low, high, room.id
        )
    node.hub.audience.signal(Belongs(one, room.id, True))
    if not await is_ignored(node, other, one):
        # Who ignores the other is not disturbed by a new room; it is told of when they listen again.
        node.hub.audience.signal(Belongs(other, room.id, True))
    return room


async def tell_of_room(node: Node, user_id: int, other: int) -> None:
    """Tell somebody of their conversation with another, if there is one."""
    low, high = sorted((user_id, other))
    row = await node.manager.row(FOUND, low, high)
    if row is not None:
        node.hub.audience.signal(Belongs(user_id, room_of(row).id, True))
