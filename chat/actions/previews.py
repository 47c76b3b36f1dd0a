"""All rooms of one person at a glance: how much is unread in each, and what was said there last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chat.actions.rooms import TITLE
from chat.node import Node
from chat.parts import PREVIEWED
from chat.unread import HIDDEN, MENTIONS

MOST = 500
PREVIEWS = f"""SELECT r.id, r.uuid, r.slug, {TITLE}, r.topic, coalesce((r.switches->>'private')::boolean, false),
    r.last_seq, m.read_seq, greatest(0, r.last_ordinal - greatest(m.read_ordinal, r.cleared_ordinal) - {HIDDEN}),
    {MENTIONS},
    l.seq, l.author_name, l.at, l.text, l.body->>'style'
    FROM memberships m JOIN rooms r ON r.id = m.room_id LEFT JOIN LATERAL (SELECT x.seq, x.author_name, x.at,
        {PREVIEWED} AS text, x.body FROM messages x WHERE x.room_id = r.id AND x.kind = 'message' AND x.gone_seq IS NULL
        AND x.seq > r.cleared_upto AND x.seq >= m.floor ORDER BY x.seq DESC LIMIT 1) l ON true
    WHERE m.user_id = %s AND m.is_member
        AND coalesce(greatest(m.out_until, m.banned_until), '-infinity') < clock_timestamp()
    ORDER BY r.last_at DESC, r.id LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said last in a room."""

    seq: int
    name: str
    at: datetime
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One of somebody's rooms: `head` is the last number of its log, `read` how far they have read."""

    id: int
    uuid: UUID
    slug: str
    title: str
    topic: str
    private: bool
    head: int
    read: int
    unread: int
    mentions: int
    last: Said | None


async def previews(node: Node, user_id: int) -> list[Preview]:
    """The rooms somebody is a member of and may enter now, the liveliest first."""
    rows = await node.manager.rows(PREVIEWS, user_id, MOST)
    return [Preview(*(*row[:10], _said(*row[10:]))) for row in rows]


def _said(seq: int | None, name: str, at: datetime, text: str, style: str | None) -> Said | None:
    return None if seq is None else Said(seq, name, at, text, style or "")
