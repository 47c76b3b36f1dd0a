"""Messages kept in sight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chat.actions.actors import actor_in
from chat.actions.ruling import keep_act, require_rule
from chat.errors import Gone, NotSet
from chat.events import MessagePinned, MessageUnpinned
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.parts import PREVIEWED
from chat.policy import Permission
from helpers.errors import AppError

LAST = -1
MOST = 50
SHOWN = 80


class TooManyPins(AppError):
    """A room keeps only so many in sight."""

    code = "too_many"
    message = "There are {most} pins here already. Take one down first: /unpin link."
    status = 409

    def __init__(self) -> None:
        super().__init__(most=MOST)


@dataclass(frozen=True, slots=True)
class Pin:
    """A message that is kept in sight, with the beginning of its words."""

    seq: int
    author: str
    words: str
    by: str
    at: datetime


# What was removed or cleared is no pin any more.
LISTED = f"""SELECT p.seq, x.author_name, left({PREVIEWED}, %s), p.pinned_by, p.at FROM pins p
    JOIN messages x ON x.room_id = p.room_id AND x.seq = p.seq JOIN rooms r ON r.id = p.room_id
    WHERE p.room_id = %s AND x.gone_seq IS NULL AND x.seq > r.cleared_upto ORDER BY p.at DESC, p.seq DESC"""


async def pin(
    node: Node, room: Room, member: Member, target: int = LAST, request: Request | None = None
) -> Answer:
    """Keep a message in sight; `LAST` is the last one said. What is pinned already stays so: that is no refusal.

    Raises NotAllowed, Gone, TooManyPins.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.PIN, None, "pin")
        target = await _message(node, log, target)
        log.answer = "Pinned. /pins lists what is."
        if await _is_pinned(node, log, target):
            log.answer = "That message is pinned already."
        elif len(await node.manager.rows(LISTED, SHOWN, room.id)) >= MOST:
            raise TooManyPins
        else:
            pinned = await log.record(MessagePinned(by=actor.person, target=target))
            await keep_act(node, log, actor, pinned)
    return log.reply


async def unpin(
    node: Node, room: Room, member: Member, target: int, request: Request | None = None
) -> Answer:
    """Keep a message in sight no more. Raises NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.PIN, None, "unpin")
        if not await _is_pinned(node, log, target):
            raise NotSet("That message is not pinned. /pins lists those that are")
        unpinned = await log.record(MessageUnpinned(by=actor.person, target=target))
        await keep_act(node, log, actor, unpinned)
        log.answer = "The pin is taken down."
    return log.reply


async def pinned_in(node: Node, room: Room, member: Member) -> list[Pin]:
    """What is kept in sight here, the newest pin first; nothing from before one may read."""
    rows = await node.manager.rows(LISTED, SHOWN, room.id)
    return [Pin(*row) for row in rows if row[0] >= member.floor]


async def _is_pinned(node: Node, log: Log, target: int) -> bool:
    found = await node.manager.value(
        "SELECT 1 FROM pins WHERE room_id = %s AND seq = %s", log.room.id, target
    )
    return found is not None


async def _message(node: Node, log: Log, target: int) -> int:
    narrower = "" if target == LAST else "AND seq = %s"
    found: int | None = await node.manager.value(
        "SELECT seq FROM messages WHERE room_id = %s AND kind = 'message' AND gone_seq IS NULL AND seq > %s "
        f"{narrower} ORDER BY seq DESC LIMIT 1",
        log.room.id,
        log.room.cleared_upto,
        *([] if target == LAST else [target]),
    )
    if found is None:
        raise Gone
    return found
