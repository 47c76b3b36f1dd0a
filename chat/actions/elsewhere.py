"""Another room, named by what is typed in this one."""

from __future__ import annotations

from chat.errors import NoSuchRoom
from chat.log import Request
from chat.members import find_room
from chat.models import Room
from chat.node import Node


async def room_meant(node: Node, here: Room, user_id: int, slug: str, request: Request | None) -> Room:
    """The room of that address; whether one may know of it is not asked.

    Raises NoSuchRoom; and Repeated where this request was answered before: the room may be gone since, or by it.
    """
    try:
        return await find_room(node.manager, slug)
    except NoSuchRoom:
        async with node.journal.transaction(here.id, user_id, request):
            raise
