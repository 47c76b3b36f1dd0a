"""The reader of a room's log: pages of what the room shows, and everything since a number."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from chat.events import NO_PARTS, RECORDED, Person, RecordedEvent, Undone, Unforeseen
from helpers.codec import BadFrame
from helpers.database import Manager

log = logging.getLogger(__name__)

SHOWN = """m.kind, m.seq, m.at, m.author_id, m.author_name, m.author_guest, m.body::text, m.edited_seq IS NOT NULL,
    (w.gone_seq IS NOT NULL OR w.seq <= r.cleared_upto),
    CASE WHEN w.gone_seq IS NULL AND w.seq > r.cleared_upto THEN w.text END,
    CASE WHEN w.gone_seq IS NULL AND w.seq > r.cleared_upto THEN w.parts::text END,
    CASE WHEN m.kind = 'message' AND m.nonce NOT LIKE '~%%' THEN m.nonce END,
    (SELECT g.author_name FROM messages g WHERE g.room_id = m.room_id AND g.seq = w.gone_seq)"""
# `w` is the entry whose words are shown: a message's own, or for an edit those of its target as they stand now.
SOURCE = """FROM messages m JOIN rooms r ON r.id = m.room_id
    LEFT JOIN messages w ON w.room_id = m.room_id AND w.seq = CASE m.kind WHEN 'message' THEN m.seq
        WHEN 'edited' THEN (m.body->>'target')::bigint WHEN 'undone' THEN (m.body->>'message')::bigint END"""
# Entries a reader of the page has no use for: what they changed is shown where it was changed.
UNSEEN = "('edited', 'removed', 'audit')"
# Where what is cleared ends is looked up first: asked of each entry, a page would read all that was ever cleared.
VISIBLE = f"m.kind NOT IN {UNSEEN} AND m.seq > (SELECT x.cleared_upto FROM rooms x WHERE x.id = %s)"
PAGE = 50
MOST = 200
FURTHEST_BEHIND = 500


class Page(msgspec.Struct, frozen=True):
    """Some of the log, oldest first. `complete` says that nothing lies beyond it in the direction asked."""

    entries: list[RecordedEvent]
    complete: bool


class History:
    """Reads logs. Numbers below a reader's `floor` do not exist for them."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def since(self, room_id: int, after: int, upto: int, floor: int = 1) -> list[RecordedEvent]:
        """Every entry after one number and up to another, as the words stand now."""
        rows = await self._manager.rows(
            f"SELECT {SHOWN} {SOURCE} WHERE m.room_id = %s AND m.seq > %s AND m.seq <= %s AND m.seq >= %s "
            "ORDER BY m.seq",
            room_id,
            after,
            upto,
            floor,
        )
        return [event_of(row) for row in rows]

    async def page(
        self,
        room_id: int,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = PAGE,
        floor: int = 1,
    ) -> Page:
        """The page that is asked for; without a number the latest."""
        if before is not None:
            return await self.before(room_id, before, limit, floor)
        if after is not None:
            return await self.after(room_id, after, limit, floor)
        if around is not None:
            return await self.around(room_id, around, limit, floor)
        return await self.latest(room_id, limit, floor)

    async def latest(self, room_id: int, limit: int = PAGE, floor: int = 1) -> Page:
        """The end of the log."""
        return await self._back(room_id, None, limit, floor)

    async def before(self, room_id: int, seq: int, limit: int = PAGE, floor: int = 1) -> Page:
        """What came before a number."""
        return await self._back(room_id, seq, limit, floor)

    async def after(self, room_id: int, seq: int, limit: int = PAGE, floor: int = 1) -> Page:
        """What came after a number."""
        rows = await self._manager.rows(
            f"SELECT {SHOWN} {SOURCE} WHERE m.room_id = %s AND m.seq > %s AND m.seq >= %s AND {VISIBLE} "
            "ORDER BY m.seq LIMIT %s",
            room_id,
            seq,
            floor,
            room_id,
            limit + 1,
        )
        return Page(_entries(rows[:limit], floor), complete=len(rows) <= limit)

    async def words(self, room_id: int, before: int, limit: int, floor: int = 1) -> Page:
        """The last messages before a number that can be read still, and nothing beside messages."""
        rows = await self._manager.rows(
            f"SELECT {SHOWN} {SOURCE} WHERE m.room_id = %s AND m.seq < %s AND m.seq >= %s AND m.kind = 'message' "
            "AND m.gone_seq IS NULL AND m.seq > (SELECT x.cleared_upto FROM rooms x WHERE x.id = %s) "
            "ORDER BY m.seq DESC LIMIT %s",
            room_id,
            before,
            floor,
            room_id,
            limit + 1,
        )
        entries = [event_of(row) for row in rows[:limit]]
        entries.reverse()
        return Page(entries, complete=len(rows) <= limit)

    async def around(self, room_id: int, seq: int, limit: int = PAGE, floor: int = 1) -> Page:
        """A page with this number in its middle; complete when it reaches the end of the log."""
        before = await self.before(room_id, seq, limit // 2, floor)
        after = await self.after(room_id, seq - 1, limit - limit // 2, floor)
        return Page([*before.entries, *after.entries], complete=after.complete)

    async def _back(self, room_id: int, seq: int | None, limit: int, floor: int) -> Page:
        bound = "" if seq is None else "AND m.seq < %s "
        rows = await self._manager.rows(
            f"SELECT {SHOWN} {SOURCE} WHERE m.room_id = %s {bound}AND m.seq >= %s AND {VISIBLE} "
            "ORDER BY m.seq DESC LIMIT %s",
            *([room_id] if seq is None else [room_id, seq]),
            floor,
            room_id,
            limit + 1,
        )
        entries = _entries(rows[:limit], floor)
        entries.reverse()
        return Page(entries, complete=len(rows) <= limit)


def _entries(rows: list[tuple[Any, ...]], floor: int) -> list[RecordedEvent]:
    """The events of some rows that can be read here, without the words of a message that lies below the floor and was
    brought back.
    """
    events = [event_of(row) for row in rows]
    return [
        msgspec.structs.replace(one, message=0, text=None, parts=NO_PARTS)
        if isinstance(one, Undone) and 0 < one.message < floor
        else one
        for one in events
        if not isinstance(one, Unforeseen)
    ]


def event_of(row: tuple[Any, ...]) -> RecordedEvent:
    """The event a row of `SHOWN` tells of. One that cannot be read must not keep a room from all that follows it."""
    kind, seq, at, author_id, author_name, author_guest, body, edited, gone, text, parts, nonce, gone_by = row
    fields: dict[str, Any] = msgspec.json.decode(body)
    fields |= {"type": kind, "seq": seq, "at": at, "nonce": nonce or ""}
    fields["by"] = {"id": author_id, "name": author_name, "guest": author_guest}
    if kind in ("message", "edited", "undone"):
        fields["text"] = text
        if parts is not None:
            fields["parts"] = msgspec.Raw(parts.encode())
        if kind != "undone":
            fields["gone"] = bool(gone)
        if kind == "message":
            fields |= {"edited": edited, "gone_by": gone_by or ""}
    try:
        return RECORDED.decode(msgspec.json.encode(fields))
    except BadFrame as error:
        log.warning("history: entry %d is not understood: %s", seq, error)
        return Unforeseen(seq=seq, at=at, by=Person(author_id, author_name, author_guest), act=kind)
