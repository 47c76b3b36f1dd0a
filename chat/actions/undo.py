"""The way back from what was done a short while ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from accounts.names import name_key
from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.moderation import owners_of
from chat.actions.returning import return_settings
from chat.actions.ruling import require_here
from chat.errors import LastOwner, NothingToUndo, NotTheNewest, UndoExpired
from chat.events import (
    MemberAdded,
    MemberBanned,
    MemberMuted,
    MemberUnbanned,
    MemberUnmuted,
    RoleChanged,
    TopicChanged,
    Undone,
)
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, may
from chat.signals import Belongs
from chat.times import say_count

# Whether a later act that stands has decided the same anew: taking this one back would undo that one, whoever did it.
# What was removed and then cleared with all the rest is not to be read again by a way round the clearing.
OVERTAKEN = """EXISTS (SELECT FROM acts l
    WHERE l.room_id = a.room_id AND l.seq > a.seq AND l.undone_seq IS NULL AND CASE
    WHEN a.act IN ('banned', 'muted') THEN l.act = a.act AND l.target_id = a.target_id
    WHEN a.act = 'role' THEN l.act IN ('role', 'banned') AND l.before ? 'role' AND l.target_id = a.target_id
    WHEN a.act IN ('removed', 'purged') THEN l.act = 'cleared'
    WHEN a.act = 'topic' THEN l.act = 'topic'
    WHEN a.act = 'settings' THEN l.act = 'settings' AND (
        (a.before - 'switches') ?| ARRAY(SELECT jsonb_object_keys(l.before - 'switches'))
        OR (a.before->'switches') ?| ARRAY(SELECT jsonb_object_keys(l.before->'switches')))
    END)"""
NEWEST = f"""SELECT a.seq, a.act, a.undo_until, a.before, a.target_id, a.actor_id
    FROM acts a JOIN users u ON u.id = a.actor_id
    WHERE a.room_id = %s AND a.undo_until IS NOT NULL AND a.undone_seq IS NULL AND (u.id = %s OR u.name_key = %s)
        AND NOT {OVERTAKEN}
    ORDER BY a.seq DESC LIMIT 20"""
NEEDS = {
    "cleared": Permission.CLEAR,
    "purged": Permission.PURGE,
    "removed": Permission.REMOVE_OTHERS,
    "banned": Permission.BAN,
    "muted": Permission.MUTE,
    "role": Permission.SET_ROLE,
    "topic": Permission.SET_TOPIC,
    "settings": Permission.SETTINGS,
}
"""Who may do it may take it back: a moderator of before may not."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be undone, and what was so `before` it."""

    seq: int
    kind: str
    until: datetime
    before: dict[str, Any]
    target_id: int | None
    actor_id: int


async def undo(
    node: Node,
    room: Room,
    member: Member,
    whose: str = "",
    request: Request | None = None,
    *,
    meant: int | None = None,
) -> Answer:
    """Take back the newest act here that can be: one's own, or as an owner somebody else's.

    What another act has overtaken since then is passed over. The entries that follow say what is so again.
    `meant` is the number of the act that the caller looks at: where it is not the newest any more, nothing is done.
    Raises NothingToUndo, NotTheNewest, UndoExpired, NotAllowed, RankTooHigh, LastOwner.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        others = bool(whose) and name_key(whose) != name_key(actor.name)
        permission = Permission.UNDO_OTHERS if others else Permission.UNDO_OWN
        require_here(log, actor, permission, command="undo")
        act, target = await _newest(node, log, actor, whose if others else "")
        if meant is not None and act.seq != meant:
            raise NotTheNewest
        if act.until <= log.now:
            raise UndoExpired(act.until, log.now)
        _require_still(log, actor, act, target)
        undoing = _Undoing(node, log, actor, act, target)
        await undoing.run()
        await node.manager.execute(
            "UPDATE acts SET undone_seq = %s, undone_by = %s WHERE room_id = %s AND seq = %s",
            log.events[0].seq,
            actor.name,
            log.room.id,
            act.seq,
        )
        log.answer = f"Undone: {undoing.said}."
    silent = ""
    if target is not None:
        if undoing.is_member_again:
            node.hub.audience.signal(Belongs(target.user_id, room.id, True))
        silent = await heard_everywhere(node, room.id, target.user_id, log.events[-1].seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def _newest(node: Node, log: Log, actor: Member, whose: str) -> tuple[Act, Member | None]:
    rows = await node.manager.rows(
        NEWEST,
        log.room.id,
        None if whose else actor.user_id,
        name_key(whose.removeprefix("@")) if whose else "",
    )
    for row in rows:
        act = Act(*row)
        target = await log.member(act.target_id) if act.target_id is not None else None
        # What somebody took back of their own is theirs alone to say again.
        is_theirs = whose and act.kind == "removed" and act.actor_id == act.target_id
        if not is_theirs and _stands(log, act, target):
            return act, target
    raise NothingToUndo


def _stands(log: Log, act: Act, target: Member | None) -> bool:
    """Whether what the act brought about is so still."""
    match act.kind, target:
        case "banned", Member(banned_until=until):
            return until is not None and until > log.now
        case "muted", Member(muted_until=until):
            return until is not None and until > log.now
        case "role", Member(is_member=is_member, rank=rank):
            return is_member and int(rank) != act.before["role"]
        case _:
            return True


def _require_still(log: Log, actor: Member, act: Act, target: Member | None) -> None:
    """Refuse who could not do it now. Who stepped down, or took back their own words, may think better of it."""
    if act.kind in ("role", "removed") and act.actor_id == act.target_id == actor.user_id:
        return
    require_here(log, actor, NEEDS[act.kind], command="undo")
    if target is not None and actor.user_id not in (target.user_id, act.actor_id):
        require_here(log, actor, NEEDS[act.kind], over=target.role, name=target.name)


@dataclass(slots=True)
class _Undoing:
    """One act on its way back."""

    node: Node
    log: Log
    actor: Member
    act: Act
    target: Member | None
    said: str = ""
    is_member_again: bool = False

    async def run(self) -> None:
        by = self.actor.person
        match self.act.kind, self.target:
            case "cleared" | "purged", _:
                await self._words(self.act.seq, self.act.kind, self.act.before.get("count", 0))
            case "removed", _:
                await self._one_message()
            case "banned", Member() as target:
                await self.log.record(Undone(by=by, target=self.act.seq, act="banned"))
                await self._unban(target)
            case "muted", Member() as target:
                await self.log.record(Undone(by=by, target=self.act.seq, act="muted"))
                await self._unmute(target)
            case "role", Member() as target:
                await self._role(target)
            case "topic", _:
                await self.log.record(Undone(by=by, target=self.act.seq, act="topic"))
                await self.log.record(TopicChanged(by=by, topic=self.act.before["topic"]))
                self.said = "the topic is what it was"
            case _:
                await self.log.record(Undone(by=by, target=self.act.seq, act=self.act.kind))
                await return_settings(self.node, self.log, self.actor, self.act.before)
                self.said = "the room is as it was"

    async def _words(self, seq: int, kind: str, count: int) -> None:
        await self.log.record(Undone(by=self.actor.person, target=seq, act=kind, count=count))
        self.said = f"{say_count(count, 'message')} back"

    async def _one_message(self) -> None:
        row = await self.node.manager.row(
            "SELECT seq, text, parts::text FROM messages WHERE room_id = %s AND gone_seq = %s",
            self.log.room.id,
            self.act.seq,
        )
        if row is None:
            raise NothingToUndo
        seq, text, parts = row
        await self.log.record(
            Undone(
                by=self.actor.person,
                target=self.act.seq,
                act="removed",
                message=seq,
                text=text,
                parts=msgspec.Raw((parts or "[]").encode()),
                count=1,
            )
        )
        self.said = "1 message back"

    async def _unban(self, target: Member) -> None:
        by, user, before = self.actor.person, target.person, self.act.before
        until = _moment(before["banned_until"])
        if until is not None and until > self.log.now:
            await self.log.record(MemberBanned(by=by, user=user, until=until, reason=before["reason"]))
            self.said = f"@{target.name} is banned as before"
            return
        await self.log.record(MemberUnbanned(by=by, user=user))
        if before["is_member"] and not target.guest:
            await self.log.record(MemberAdded(by=by, user=user))
            self.is_member_again = True
            rank = Role(before["role"])
            # Nobody gives back a rank above their own: only an owner could.
            if rank > Role.MEMBER and may(self.actor.role, Permission.SET_ROLE, self.log.room.set):
                await self.log.record(RoleChanged(by=by, user=user, role=rank.word))
        self.said = f"@{target.name} may come back"
        if purged := before.get("purged"):
            words = before.get("count", 0)
            await self.log.record(Undone(by=by, target=purged, act="purged", count=words))
            self.said += f", {say_count(words, 'message')} back"

    async def _unmute(self, target: Member) -> None:
        by, user, before = self.actor.person, target.person, self.act.before
        until = _moment(before["muted_until"])
        if until is not None and until > self.log.now:
            await self.log.record(MemberMuted(by=by, user=user, until=until, reason=before["reason"]))
            self.said = f"@{target.name} is muted as before"
        else:
            await self.log.record(MemberUnmuted(by=by, user=user))
            self.said = f"@{target.name} may speak again"

    async def _role(self, target: Member) -> None:
        rank = Role(self.act.before["role"])
        if target.rank is Role.OWNER and rank < Role.OWNER and await owners_of(self.node, self.log) == 1:
            raise LastOwner
        by = self.actor.person
        await self.log.record(Undone(by=by, target=self.act.seq, act="role"))
        await self.log.record(RoleChanged(by=by, user=target.person, role=rank.word))
        self.said = f"@{target.name} is {rank.one} again"


def _moment(kept: str | None) -> datetime | None:
    return datetime.fromisoformat(kept).astimezone(UTC) if kept else None
