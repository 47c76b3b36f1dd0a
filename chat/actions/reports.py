"""What members report, and the queue in which moderators look at it. The author is not told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chat.actions.actors import actor_in
from chat.actions.ruling import require_room, require_rule
from chat.errors import Already, Gone, NotSet, ThatIsYou
from chat.events import Audited
from chat.log import Answer, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, may, require

MOST = 100
SHOWN = 500

OPEN = """SELECT p.seq, a.name, left(x.text, %s), x.at, (x.gone_seq IS NOT NULL OR x.seq <= r.cleared_upto),
        array_agg(u.name ORDER BY p.id), array_agg(p.reason ORDER BY p.id)
    FROM reports p JOIN rooms r ON r.id = p.room_id JOIN users u ON u.id = p.by_id
    JOIN messages x ON x.room_id = p.room_id AND x.seq = p.seq JOIN users a ON a.id = x.author_id
    WHERE p.room_id = %s AND p.resolved_at IS NULL
    GROUP BY p.seq, a.name, x.text, x.at, x.gone_seq, x.seq, r.cleared_upto ORDER BY min(p.id) LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Report:
    """A message that somebody reported, with who did and why; `words` is None where it is shown no more."""

    seq: int
    author: str
    words: str | None
    at: datetime
    by: list[str]
    reasons: list[str]


async def report(
    node: Node, room: Room, member: Member, target: int, reason: str = "", request: Request | None = None
) -> Answer:
    """Show a message to the moderators. Raises NotAllowed, Gone, ThatIsYou, Already."""
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.REPORT, None, "report")
        author_id = await node.manager.value(
            "SELECT author_id FROM messages WHERE room_id = %s AND seq = %s AND kind = 'message' "
            "AND gone_seq IS NULL AND seq > %s AND seq >= %s",
            log.room.id,
            target,
            log.room.cleared_upto,
            actor.floor,
        )
        if author_id is None:
            raise Gone
        if author_id == actor.user_id:
            raise ThatIsYou(command="report")
        made = await node.manager.value(
            "INSERT INTO reports (room_id, seq, by_id, reason) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING RETURNING id",
            log.room.id,
            target,
            actor.user_id,
            reason,
        )
        if made is None:
            raise Already("You have reported that message already. Moderators see it in /reports")
        await log.record(Audited(by=actor.person, act="report", facts={"target": target, "reason": reason}))
        log.answer = "Reported. The moderators see it, its author does not."
    return log.reply


async def reported_in(node: Node, room: Room, member: Member) -> list[Report]:
    """What waits for the moderators, the oldest first. Raises NotAllowed, DirectRoom."""
    require_room(room)
    require(member.role, Permission.SEE_AUDIT, switches=room.set, room=room.slug, command="reports")
    rows = await node.manager.rows(OPEN, SHOWN, room.id, MOST)
    return [
        Report(seq, author, None if gone else words, at, by, reasons)
        for seq, author, words, at, gone, by, reasons in rows
    ]


async def open_in(node: Node, room: Room, member: Member) -> list[int]:
    """The numbers of the reported messages that wait; none for who may not see them, for pages that point there."""
    if not may(member.role, Permission.SEE_AUDIT, room.set):
        return []
    sql = "SELECT DISTINCT seq FROM reports WHERE room_id = %s AND resolved_at IS NULL ORDER BY seq LIMIT %s"
    return [seq for (seq,) in await node.manager.rows(sql, room.id, MOST)]


async def resolve(
    node: Node, room: Room, member: Member, target: int, request: Request | None = None
) -> Answer:
    """Say that the reports of a message were looked at. Raises NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.SEE_AUDIT, None, "resolve")
        done = await node.manager.rows(
            "UPDATE reports SET resolved_at = now(), resolved_by = %s "
            "WHERE room_id = %s AND seq = %s AND resolved_at IS NULL RETURNING id",
            actor.name,
            log.room.id,
            target,
        )
        if not done:
            raise NotSet("No report of that message waits. /reports lists those that do")
        await log.record(Audited(by=actor.person, act="resolved", facts={"target": target}))
        log.answer = "Resolved."
    return log.reply
