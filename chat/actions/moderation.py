"""Ruling a room: showing people out, giving ranks, clearing."""

from __future__ import annotations

import logging
from datetime import timedelta

import msgspec
from redis.exceptions import RedisError

from accounts.names import name_key
from chat.actions.actors import actor_in
from chat.comings import leave
from chat.errors import Already, LastOwner, NotHere, NotSet
from chat.events import MemberKicked, RoleChanged, RoomCleared
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, require
from chat.signals import Belongs
from chat.times import say_count, say_moment

logger = logging.getLogger(__name__)


async def kick(
    node: Node, room: Room, member: Member, nick: str, reason: str = "", request: Request | None = None
) -> Answer:
    """Show somebody out, in every tab and process. They may come back after a minute; ban() is for those who may not.

    Returns when every process has let them go, or after a second. Raises NotFound, NotHere, NotAllowed, RankTooHigh.
    """
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        # Twice: who may show nobody out need not learn who has an account.
        _require(log, actor, Permission.KICK, None, "kill")
        target = await log.named(nick)
        _require(log, actor, Permission.KICK, target, "kill")
        if not target.is_member and target.present_since is None:
            raise NotHere(target.name, log.room.slug)
        until = log.now + timedelta(seconds=node.limits.kick)
        kicked = await log.record(
            MemberKicked(by=actor.person, user=target.person, reason=reason, until=until)
        )
        if target.present_since is not None and log.room.set.comings_and_goings:
            await leave(log, target.person, target.present_since)
        log.answer = f"Removed @{target.name}. They can come back in {node.limits.kick} s."
    if log.room.set.private:
        # Their sockets in other rooms must not go on hearing how much is said here.
        node.hub.audience.signal(Belongs(target.user_id, room.id, False))
    silent = await _see_out(node, room.id, target.user_id, kicked.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def _see_out(node: Node, room_id: int, user_id: int, seq: int) -> str:
    """Wait until every process with sockets of theirs has heard; what to say of those that did not."""
    try:
        nodes = await node.presence.nodes(room_id, user_id)
    except (RedisError, OSError) as error:
        logger.warning("moderation: who holds sockets of user %d is not known: %s", user_id, error)
        return " Redis does not answer: other processes follow as soon as they read the log."
    silent = await node.hub.confirm(room_id, seq, nodes)
    return " One process has not answered yet; it follows when it reads the log." if silent else ""


async def clear(
    node: Node, room: Room, member: Member, reason: str = "", request: Request | None = None
) -> Answer:
    """Hide everything said so far, for all, at once. One row, whatever the number; /undo brings it back for a while.

    Raises NotAllowed.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        _require(log, actor, Permission.CLEAR, None, "clear")
        count = log.room.last_ordinal - log.room.cleared_ordinal
        undo_until = log.now + timedelta(seconds=node.limits.undo)
        await log.record(
            RoomCleared(
                by=actor.person,
                upto=log.room.last_seq,
                count=count,
                undo_until=undo_until,
                reason=reason[: node.limits.reason],
            )
        )
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

    Raises NotFound, NotHere, NotAllowed, RankTooHigh, ThatIsYou, Already, NotSet, LastOwner.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        if name_key(nick) != name_key(actor.name):
            _require(log, actor, Permission.SET_ROLE, None, command)
        target = await log.named(nick)
        oneself = target.user_id == actor.user_id
        _require(log, actor, Permission.SET_ROLE, target, command, to=role)
        if not target.is_member:
            raise NotHere(target.name, log.room.slug)
        if command == "op" and target.rank >= role:
            raise Already(f"@{target.name} is {target.rank.one} already")
        if command == "deop" and target.rank <= role:
            raise NotSet(f"@{target.name} is {target.rank.one}")
        if target.rank is Role.OWNER and await _owners(node, log) == 1:
            raise LastOwner
        await log.record(RoleChanged(by=actor.person, user=target.person, role=role.word))
        log.answer = f"{'You are' if oneself else f'@{target.name} is'} {role.one} of #{log.room.slug} now."
        if oneself:
            log.answer += " Only another owner can change that."
    return log.reply


async def _owners(node: Node, log: Log) -> int:
    count: int = await node.manager.value(
        "SELECT count(*) FROM memberships WHERE room_id = %s AND role = %s AND is_member",
        log.room.id,
        Role.OWNER,
    )
    return count


def _require(
    log: Log,
    actor: Member,
    permission: Permission,
    target: Member | None,
    command: str,
    to: Role | None = None,
) -> None:
    oneself = target is not None and target.user_id == actor.user_id
    require(
        actor.role,
        permission,
        over=None if target is None or oneself else target.role,
        oneself=oneself,
        to=to,
        switches=log.room.set,
        room=log.room.slug,
        command=command,
        name=target.name if target else "",
    )
