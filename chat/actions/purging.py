"""Hiding many words at once: the last ones of a room, somebody's, or all from one message on."""

from __future__ import annotations

from datetime import datetime, timedelta

from chat.actions.actors import actor_in
from chat.actions.ruling import keep_act, require_rule
from chat.errors import Gone, NotSet
from chat.events import MessagesPurged
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role
from chat.times import say_count, say_moment

MOST = 100
"""Messages that one /purge hides."""
MOST_OF_ONE = 1_000
"""Of somebody who is banned."""

# Of each message the rank that its author has now: nobody hides the words of their equals.
WORDS = """SELECT x.seq, CASE WHEN u.is_admin THEN 5 WHEN m.is_member THEN m.role WHEN u.is_guest THEN 1 ELSE 2 END,
        x.author_id
    FROM messages x JOIN users u ON u.id = x.author_id
    LEFT JOIN memberships m ON m.room_id = x.room_id AND m.user_id = x.author_id
    WHERE x.room_id = %s AND x.kind = 'message' AND x.gone_seq IS NULL AND x.seq > %s {narrower}
    ORDER BY x.seq DESC LIMIT %s"""


async def purge_last(
    node: Node, room: Room, member: Member, count: int, request: Request | None = None
) -> Answer:
    """Hide the last messages of the room, up to 100. Raises NotAllowed, NotSet where there is nothing to hide."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.PURGE, None, "purge")
        found = await _words(node, log, "", min(count, MOST))
        await _purge(node, log, actor, found)
    return log.reply


async def purge_from(
    node: Node, room: Room, member: Member, start: int, request: Request | None = None
) -> Answer:
    """Hide a message and all after it, up to 100 of them. Raises NotAllowed, Gone."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.PURGE, None, "purge")
        found = await _words(node, log, "AND x.seq >= %s", MOST + 1, start)
        if len(found) > MOST:
            raise NotSet(f"More than {MOST} messages have come since that one. /purge @user hides somebody's")
        if not found or found[-1][0] != start:
            raise Gone
        await _purge(node, log, actor, found)
    return log.reply


async def purge_of(
    node: Node,
    room: Room,
    member: Member,
    nick: str,
    much: int | timedelta | None = None,
    request: Request | None = None,
) -> Answer:
    """Hide somebody's last messages: so many, or those of so long; without either up to 100.

    Raises NotFound, NotAllowed, RankTooHigh, NotSet.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.PURGE, None, "purge")
        target = await log.named(nick)
        if target.user_id != actor.user_id:
            require_rule(log, actor, Permission.PURGE, target, "purge")
        since = log.now - much if isinstance(much, timedelta) else None
        most = much if isinstance(much, int) else MOST
        targets = await words_of(node, log, target.user_id, since=since, most=most)
        await _purge(node, log, actor, [(seq, Role.GUEST, target.user_id) for seq in targets], target)
    return log.reply


async def words_of(
    node: Node, log: Log, user_id: int, *, since: datetime | None = None, most: int = MOST_OF_ONE
) -> list[int]:
    """The numbers of somebody's last messages that are there to be read, of a time if `since` is given."""
    narrower = "AND x.author_id = %s" + (" AND x.at >= %s" if since else "")
    found = await _words(node, log, narrower, most, user_id, *([since] if since else []))
    return [seq for seq, _, _ in found]


async def hide(
    node: Node,
    log: Log,
    actor: Member,
    targets: list[int],
    reason: str = "",
    target: Member | None = None,
) -> MessagesPurged | None:
    """Record that these messages are hidden together; nothing where there are none."""
    if not targets:
        return None
    return await log.record(
        MessagesPurged(
            by=actor.person,
            targets=sorted(targets),
            count=len(targets),
            undo_until=log.now + timedelta(seconds=node.limits.undo),
            reason=reason,
            user=target.person if target else None,
        )
    )


async def _words(
    node: Node, log: Log, narrower: str, most: int, *values: object
) -> list[tuple[int, int, int]]:
    return await node.manager.rows(
        WORDS.format(narrower=narrower), log.room.id, log.room.cleared_upto, *values, most
    )


async def _purge(
    node: Node,
    log: Log,
    actor: Member,
    found: list[tuple[int, int, int]],
    target: Member | None = None,
) -> None:
    mine = [seq for seq, rank, author in found if rank < actor.role or author == actor.user_id]
    if any(rank >= actor.rank and author != actor.user_id for _, rank, author in found):
        # By their own rank here they could not have hidden all of these.
        log.as_admin = actor.admin
    purged = await hide(node, log, actor, mine, target=target)
    stay = len(found) - len(mine)
    others = (
        f" {say_count(stay, 'message')} of your rank or above {'stays' if stay == 1 else 'stay'}."
        if stay
        else ""
    )
    if purged is None:
        raise NotSet(f"There is nothing to remove.{others}")
    await keep_act(
        node,
        log,
        actor,
        purged,
        target=target,
        before={"count": purged.count},
        undoable=True,
    )
    log.answer = (
        f"Removed {say_count(purged.count, 'message')}. /undo brings them back until "
        f"{say_moment(purged.undo_until, log.now)}.{others}"
    )
