"""The way back from what was done a short while ago."""

from __future__ import annotations

from accounts.names import name_key
from chat.actions.actors import actor_in
from chat.errors import NothingToUndo, UndoExpired
from chat.events import Undone
from chat.log import Answer, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.times import say_count

NEWEST = """SELECT c.seq, m.kind, c.undo_until, c.count
    FROM clears c JOIN messages m ON m.room_id = c.room_id AND m.seq = c.seq
    JOIN users u ON u.id = m.author_id
    WHERE c.room_id = %s AND c.undone_seq IS NULL AND (u.id = %s OR u.name_key = %s)
    ORDER BY c.seq DESC LIMIT 1"""


async def undo(
    node: Node, room: Room, member: Member, whose: str = "", request: Request | None = None
) -> Answer:
    """Take back the newest act here that can be: one's own, or as an owner somebody else's.

    Raises NothingToUndo, UndoExpired, NotAllowed.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        others = bool(whose) and name_key(whose) != name_key(actor.name)
        permission = Permission.UNDO_OTHERS if others else Permission.UNDO_OWN
        require(actor.role, permission, switches=log.room.set, room=log.room.slug, command="undo")
        row = await node.manager.row(
            NEWEST, room.id, None if others else actor.user_id, name_key(whose) if others else ""
        )
        if row is None:
            raise NothingToUndo
        seq, kind, undo_until, count = row
        if undo_until <= log.now:
            raise UndoExpired(undo_until)
        await log.record(Undone(by=actor.person, target=seq, act=kind, count=count))
        log.answer = f"Undone: {say_count(count, 'message')} back."
    return log.reply
