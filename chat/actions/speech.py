"""Who may post in a room and how often: locked, moderated, slow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chat.actions.actors import actor_in
from chat.actions.ruling import keep_act, require_rule
from chat.errors import Already, NotSet, UsageError
from chat.events import SettingsChanged
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission
from chat.times import say_duration

SHORTEST, LONGEST = timedelta(seconds=5), timedelta(hours=6)


async def lock(
    node: Node, room: Room, member: Member, reason: str = "", request: Request | None = None
) -> Answer:
    """Let only moderators post; all still read. Raises NotAllowed, Already."""
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.LOCK, None, "lock")
        if log.room.set.locked:
            raise Already(f"#{log.room.slug} is locked already. /unlock opens it")
        await _turn(node, log, actor, {"locked": True}, reason)
        log.answer = f"#{log.room.slug} is locked: only moderators can post. /unlock opens it."
    return log.reply


async def unlock(node: Node, room: Room, member: Member, request: Request | None = None) -> Answer:
    """Let everybody post again. Raises NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.LOCK, None, "unlock")
        if not log.room.set.locked:
            raise NotSet(f"#{log.room.slug} is not locked. /lock locks it")
        await _turn(node, log, actor, {"locked": False})
        log.answer = f"#{log.room.slug} is open again."
    return log.reply


async def set_moderated(
    node: Node, room: Room, member: Member, *, moderated: bool, request: Request | None = None
) -> Answer:
    """Let only those with a voice post, and moderators; or everybody again. Raises NotAllowed, Already, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.LOCK, None, "moderated")
        if moderated and log.room.set.moderated:
            raise Already(f"#{log.room.slug} is moderated already. /moderated off ends it")
        if not moderated and not log.room.set.moderated:
            raise NotSet(f"#{log.room.slug} is not moderated. /moderated on begins it")
        await _turn(node, log, actor, {"moderated": moderated})
        log.answer = (
            f"Only those with a voice can post in #{log.room.slug} now. /voice @user gives one."
            if moderated
            else f"Everybody can post in #{log.room.slug} again."
        )
    return log.reply


async def set_slow_mode(
    node: Node, room: Room, member: Member, pause: timedelta | None, request: Request | None = None
) -> Answer:
    """Ask every member for a pause between two posts, of 5 seconds to 6 hours; None ends it.

    Moderators, owners and bots need not wait. Raises UsageError, NotAllowed, Already, NotSet.
    """
    if pause is not None and not SHORTEST <= pause <= LONGEST:
        raise UsageError("/slowmode off|5s…6h", "/slowmode 30s")
    seconds = int(pause.total_seconds()) if pause else 0
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.SLOW_MODE, None, "slowmode")
        if not seconds and not log.room.set.slow_mode:
            raise NotSet(f"#{log.room.slug} is not slow. /slowmode 30s makes it so")
        if seconds == log.room.set.slow_mode:
            raise Already(
                f"The pause is {say_duration(timedelta(seconds=seconds))} already. /slowmode off ends it"
            )
        await _turn(node, log, actor, {"slow_mode": seconds})
        log.answer = (
            f"Everybody waits {say_duration(timedelta(seconds=seconds))} between two posts now. /slowmode off ends it."
            if seconds
            else "Nobody has to wait between two posts any more."
        )
    return log.reply


async def _turn(node: Node, log: Log, actor: Member, switches: dict[str, Any], reason: str = "") -> None:
    event = await log.record(SettingsChanged(by=actor.person, changed={"switches": switches}, reason=reason))
    await keep_act(node, log, actor, event, reason=reason)
