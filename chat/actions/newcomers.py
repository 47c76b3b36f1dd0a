"""Whether a room takes somebody more: nobody while it is archived, and never more members than it may have."""

from __future__ import annotations

from chat.forbidden import Archived
from chat.members import Member
from chat.models import Room
from chat.node import Node
from helpers.errors import AppError

COUNTED = "SELECT count(*) FROM (SELECT 1 FROM memberships WHERE room_id = %s AND is_member LIMIT %s) counted"


class ClosedForGood(Archived):
    """Nobody joins a room that is archived."""

    message = (
        "#{room} is archived: nobody new comes in until an owner there opens it again by /unarchive. "
        "/list shows other rooms."
    )


class RoomFull(AppError):
    """The room has as many members as one may have on this site: `most`."""

    code = "room_full"
    message = (
        "#{room} is full: it has {most:,} members, and takes no more. "
        "Come again when somebody has left it, or /list shows other rooms."
    )
    status = 403

    def __init__(self, room: str, most: int) -> None:
        super().__init__(room=room, most=most)


class NoPlaceFor(RoomFull):
    """The same, told to who would bring somebody in."""

    message = (
        "#{room} is full: it has {most:,} members, and takes no more. "
        "Invite again when somebody has left it; a site admin can let rooms hold more."
    )


async def require_place(node: Node, room: Room, comer: Member, full: type[RoomFull] = RoomFull) -> None:
    """Let pass whom the room takes: who is a member stays one, and a site admin comes in everywhere.

    Members are counted, guests are not. What it says holds as long as the room is locked.
    Raises ClosedForGood, RoomFull.
    """
    if comer.is_member or comer.admin:
        return
    if room.set.archived:
        raise ClosedForGood(room.slug)
    most = node.limits.members
    if not comer.guest and await node.manager.value(COUNTED, room.id, most) >= most:
        raise full(room.slug, most)
