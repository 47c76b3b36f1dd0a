"""What every act of a moderator has in common: the rank rule, and the row it leaves for /log and /undo."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from chat.errors import DirectRoom
from chat.events import Recorded
from chat.forbidden import Muted
from chat.log import Log
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, require
from helpers.errors import AppError

KEEP = """INSERT INTO acts (room_id, seq, at, actor_id, actor_name, as_admin, act, line, target_id, target_name, reason,
    before, undo_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s)"""
MOST_LINE = 1_000


class MutedReason(Muted):
    """Who is muted may rule, but all read a reason: it is words of theirs."""

    message = "You are muted {until}{because}, and all read a reason. Do it without one, or wait until then."


def require_rule(
    log: Log,
    actor: Member,
    permission: Permission,
    target: Member | None,
    command: str,
    to: Role | None = None,
) -> None:
    """Let pass who may do this to whom, as both are now, under the lock. Raises NotAllowed, RankTooHigh, ThatIsYou,
    DirectRoom.
    """
    if permission is not Permission.RULE_SITE:
        require_room(log.room)
    oneself = target is not None and target.user_id == actor.user_id
    require_here(
        log,
        actor,
        permission,
        over=None if target is None or oneself else target.role,
        oneself=oneself,
        to=to,
        command=command,
        name=target.name if target else "",
    )
    require_room(log.room)


def require_room(room: Room) -> None:
    """Refuse what is done in rooms alone: between two nobody rules, not even an admin who is one of them.

    Raises DirectRoom.
    """
    if room.kind != "room":
        raise DirectRoom


def require_here(log: Log, actor: Member, permission: Permission, **how: Any) -> None:
    """The policy's `require`, for the room as it is under the lock.

    Where an admin of the site passes who by their own rank here would not, all they record here says so.
    Raises NotAllowed, ThatIsYou, RankTooHigh.
    """
    how |= {"switches": log.room.set, "room": log.room.slug}
    require(actor.role, permission, **how)
    if actor.admin:
        try:
            require(actor.rank, permission, **how)
        except AppError:
            log.as_admin = True


async def named_over(log: Log, actor: Member, permission: Permission, nick: str, command: str) -> Member:
    """Whom an act is meant for. Who may do it to nobody need not learn who has an account.

    Raises NotFound, NotAllowed, RankTooHigh, ThatIsYou.
    """
    require_rule(log, actor, permission, None, command)
    target = await log.named(nick)
    require_rule(log, actor, permission, target, command)
    return target


async def keep_act(
    node: Node,
    log: Log,
    actor: Member,
    event: Recorded,
    *,
    target: Member | None = None,
    reason: str = "",
    before: dict[str, Any] | None = None,
    undoable: bool = False,
) -> None:
    """Write an act down in the log of moderation: never words of messages, never a code of an invitation.

    `before` is what was so before, by which it can be undone while it is `undoable`: for `limits.undo` seconds.
    Raises MutedReason, and nothing of the act stays.
    """
    if reason and actor.muted_until is not None and actor.muted_until > log.now:
        raise MutedReason(actor.muted_until, reason=actor.muted_reason, now=log.now)
    line = log.request.line if log.request else ""
    await node.manager.execute(
        KEEP,
        log.room.id,
        event.seq,
        log.now,
        actor.user_id,
        actor.name,
        event.as_admin,
        event.kind,
        line[:MOST_LINE],
        target.user_id if target else None,
        target.name if target else "",
        reason,
        msgspec.json.encode(before or {}).decode(),
        log.now + timedelta(seconds=node.limits.undo) if undoable else None,
    )
