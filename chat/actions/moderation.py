"""Ruling a room: showing people out, giving ranks, clearing."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from accounts.names import name_key
from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.ruling import keep_act, named_over, require_rule
from chat.comings import leave
from chat.errors import Already, LastOwner, NoBot, NoGuest, NotHere, NotSet
from chat.events import MemberKicked, RoleChanged, RoomCleared
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role
from chat.signals import Belongs
from chat.times import say_count, say_moment, say_until


async def kick(
    node: Node, room: Room, member: Member, nick: str, reason: str = "", request: Request | None = None
) -> Answer:
    """Show somebody out, in every tab and process. They may come back after a minute; ban() is for those who may not.

    Returns when every process has let them go, or after a second. Raises NotFound, NotHere, NotAllowed, RankTooHigh.
    """
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.KICK, nick, "kill")
        if not target.is_member and target.present_since is None:
            raise NotHere(target.name, log.room.slug, _hint(target, log))
        until = log.now + timedelta(seconds=node.limits.kick)
        kicked = await log.record(
            MemberKicked(by=actor.person, user=target.person, reason=reason, until=until)
        )
        if target.present_since is not None and log.room.set.comings_and_goings:
            await leave(log, target.person, target.present_since)
        await keep_act(node, log, actor, kicked, target=target, reason=reason)
        back = f"They can come back in {node.limits.kick} s. /ban keeps them out."
        if log.room.set.private:
            back = "Only an invitation brings them back."
        log.answer = f"Removed @{target.name}. {back}"
    if log.room.set.private:
        # Their sockets in other rooms must not go on hearing how much is said here.
        slug = log.room.slug if target.is_member else ""
        node.hub.audience.signal(Belongs(target.user_id, room.id, False, slug, log.room.title))
    silent = await heard_everywhere(node, room.id, target.user_id, kicked.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


def _hint(target: Member, log: Log) -> str:
    if target.banned_until is not None and target.banned_until > log.now:
        return f"They are banned {say_until(target.banned_until, log.now)}."
    return "Use /ban to keep them out."


async def clear(
    node: Node, room: Room, member: Member, reason: str = "", request: Request | None = None
) -> Answer:
    """Hide everything said so far, for all, at once. One row, whatever the number; /undo brings it back for a while.

    Raises NotAllowed.
    """
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.CLEAR, None, "clear")
        count = log.room.last_ordinal - log.room.cleared_ordinal
        undo_until = log.now + timedelta(seconds=node.limits.undo)
        cleared = await log.record(
            RoomCleared(
                by=actor.person, upto=log.room.last_seq, count=count, undo_until=undo_until, reason=reason
            )
        )
        before = {"count": count}
        await keep_act(node, log, actor, cleared, reason=reason, before=before, undoable=True)
        log.answer = (
            f"Cleared: {say_count(count, 'message')}. /undo brings them back until {say_moment(undo_until)}."
        )
    return log.reply


async def set_role(
    node: Node,
    room: Room,
    member: Member,
    nick: str,
    role: Role,
    request: Request | None = None,
    *,
    command: str,
) -> Answer:
    """Give a member another rank, or step down oneself. The last owner stays one.

    Raises NotFound, NotHere, NoGuest, NoBot, NotAllowed, RankTooHigh, ThatIsYou, Already, NotSet, LastOwner.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        if name_key(nick) != name_key(actor.name):
            require_rule(log, actor, Permission.SET_ROLE, None, command)
        target = await log.named(nick)
        oneself = target.user_id == actor.user_id
        if command == "owner" and target.rank is Role.OWNER and not oneself:
            raise Already(f"@{target.name} is an owner already")
        require_rule(log, actor, Permission.SET_ROLE, target, command, to=role)
        if target.guest:
            raise NoGuest(target.name)
        if not target.is_member:
            raise NotHere(target.name, log.room.slug)
        if command in ("op", "owner") and target.rank >= role:
            raise Already(f"@{target.name} is {target.rank.one} already")
        if command == "deop" and target.rank <= role:
            raise NotSet(f"@{target.name} is {target.rank.one}")
        if role is Role.OWNER:
            await require_person(node, target)
        if target.rank is Role.OWNER and await owners_of(node, log) == 1:
            raise LastOwner
        changed = await log.record(RoleChanged(by=actor.person, user=target.person, role=role.word))
        before = {"role": int(target.rank)}
        await keep_act(node, log, actor, changed, target=target, before=before, undoable=True)
        log.answer = f"{'You are' if oneself else f'@{target.name} is'} {role.one} of #{log.room.slug} now."
        if oneself:
            log.answer += " Only another owner can change that, or you by /undo."
    silent = await heard_everywhere(node, room.id, target.user_id, changed.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def require_person(node: Node, target: Member) -> None:
    """Refuse the bot of a hook. Raises NoBot."""
    if await node.manager.value("SELECT is_bot FROM users WHERE id = %s", target.user_id):
        raise NoBot(target.name)


async def owners_of(node: Node, log: Log) -> int:
    """How many own the room: the last one stays."""
    count: int = await node.manager.value(
        "SELECT count(*) FROM memberships WHERE room_id = %s AND role = %s AND is_member",
        log.room.id,
        Role.OWNER,
    )
    return count
