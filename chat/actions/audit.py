"""What was done in a room by those who rule it: read again from the rows that every act leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.names import name_key
from chat.actions.ruling import require_room
from chat.actions.undo import OVERTAKEN
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require

MOST = 200
USUAL = 20
# What people take back of their own words is nobody's business.
LISTED = f"""SELECT a.seq, a.at, a.actor_name, a.as_admin, a.act, a.line, a.target_name, a.reason, a.undone_by,
        a.undone_seq IS NOT NULL,
        a.undone_seq IS NULL AND a.undo_until > now() AND NOT EXISTS (SELECT FROM acts n WHERE n.room_id = a.room_id
            AND n.actor_id = a.actor_id AND n.seq > a.seq AND n.undone_seq IS NULL AND n.undo_until > now())
        AND NOT {OVERTAKEN}
    FROM acts a WHERE a.room_id = %s AND NOT (a.act = 'removed' AND a.target_id IS NOT DISTINCT FROM a.actor_id)
        AND (%s OR a.seq < %s) AND (%s OR a.act = %s) AND (%s OR EXISTS (SELECT FROM users u WHERE u.name_key = %s
            AND u.id IN (a.actor_id, a.target_id)))
    ORDER BY a.seq DESC LIMIT %s"""
WORDS = {
    "kicked": "removed",
    "banned": "banned",
    "unbanned": "let back in",
    "muted": "muted",
    "unmuted": "let speak again",
    "role": "changed the rank of",
    "topic": "set the topic",
    "settings": "changed the settings",
    "cleared": "cleared the room",
    "purged": "removed messages",
    "removed": "removed a message of",
    "pinned": "pinned a message",
    "unpinned": "took a pin down",
}


@dataclass(frozen=True, slots=True)
class Done:
    """One act: who, whether only by being an admin of the site, what they typed, to whom, why, and who took it back.

    `line` is empty where it was done by a button. Words of messages and codes of invitations are in none of it.
    """

    seq: int
    at: datetime
    actor: str
    as_admin: bool
    act: str
    line: str
    target: str
    reason: str
    undone_by: str
    undone: bool
    undoable: bool
    """Whether it is the newest act of its actor that can be taken back now."""

    @property
    def typed(self) -> str:
        """What was typed, or in words what was done."""
        if self.line:
            return self.line
        to = f" @{self.target}" if self.target else ""
        return f"{WORDS.get(self.act, self.act)}{to}{f': {self.reason}' if self.reason else ''}"


async def done_in(
    node: Node,
    room: Room,
    member: Member,
    most: int = USUAL,
    nick: str = "",
    *,
    act: str = "",
    before: int | None = None,
    permission: Permission = Permission.SEE_AUDIT,
) -> list[Done]:
    """The newest acts in a room, the newest first.

    `nick` narrows them to those by somebody or against them, `act` to one kind, a key of `WORDS`.
    Raises NotAllowed, DirectRoom.
    """
    # Moderators may type /log; who lacks more than that lacks no command.
    command = "log" if permission is Permission.SEE_AUDIT else ""
    require_room(room)
    require(member.role, permission, switches=room.set, room=room.slug, command=command)
    rows = await node.manager.rows(
        LISTED,
        room.id,
        before is None,
        before or 0,
        not act,
        act,
        not nick,
        name_key(nick.removeprefix("@")),
        min(most, MOST + 1),
    )
    return [Done(*row) for row in rows]


async def actor_of(node: Node, room: Room, seq: int) -> str:
    """Who did the act of that number, by the name of today; empty where there is none."""
    sql = "SELECT u.name FROM acts a JOIN users u ON u.id = a.actor_id WHERE a.room_id = %s AND a.seq = %s"
    return str(await node.manager.value(sql, room.id, seq) or "")
