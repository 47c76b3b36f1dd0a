"""Letting somebody read but not speak: muted for a time, and who may speak where only the voiced may."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.ruling import keep_act, named_over
from chat.errors import Already, NotHere, NotSet
from chat.events import MemberMuted, MemberUnmuted, RoleChanged
from chat.log import Answer, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission
from chat.times import say_until

USUAL = timedelta(minutes=10)


async def mute(
    node: Node,
    room: Room,
    member: Member,
    nick: str,
    length: timedelta | None = None,
    reason: str = "",
    request: Request | None = None,
) -> Answer:
    """Let somebody read but not speak, for ten minutes if nothing else is said; also who is away or never came.

    Who is muted already gets another length, if one is given. Returns when every process knows.
    Raises NotFound, NotAllowed, RankTooHigh, ThatIsYou, Already.
    """
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.MUTE, nick, "mute")
        is_muted = target.muted_until is not None and target.muted_until > log.now
        if is_muted and length is None and target.muted_until is not None:
            raise Already(
                f"@{target.name} is already muted {say_until(target.muted_until, log.now)}; "
                "run /mute again with a length to change it"
            )
        until = log.now + (length or USUAL)
        muted = await log.record(MemberMuted(by=actor.person, user=target.person, until=until, reason=reason))
        before = {"muted_until": target.muted_until, "reason": target.muted_reason}
        await keep_act(
            node,
            log,
            actor,
            muted,
            target=target,
            reason=reason,
            before=before,
            undoable=True,
        )
        log.answer = f"Muted @{target.name} {say_until(until, log.now)}. /unmute @{target.name} ends it."
    silent = await heard_everywhere(node, room.id, target.user_id, muted.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def unmute(node: Node, room: Room, member: Member, nick: str, request: Request | None = None) -> Answer:
    """Let somebody speak again. Raises NotFound, NotAllowed, RankTooHigh, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.MUTE, nick, "unmute")
        if target.muted_until is None or target.muted_until <= log.now:
            raise NotSet(f"@{target.name} is not muted. /mute @{target.name} 10m does that")
        unmuted = await log.record(MemberUnmuted(by=actor.person, user=target.person))
        await keep_act(node, log, actor, unmuted, target=target)
        log.answer = f"@{target.name} may speak again."
    return log.reply


async def set_voice(
    node: Node, room: Room, member: Member, nick: str, *, voiced: bool, request: Request | None = None
) -> Answer:
    """Give or take the right to speak where only the voiced may. It is a flag of the membership, not a rank.

    Raises NotFound, NotHere, NotAllowed, RankTooHigh, ThatIsYou, Already, NotSet.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        command = "voice" if voiced else "devoice"
        target = await named_over(log, actor, Permission.VOICE, nick, command)
        if not target.is_member and target.present_since is None:
            raise NotHere(target.name, log.room.slug)
        if voiced and target.voiced:
            raise Already(f"@{target.name} has a voice already. /devoice @{target.name} takes it")
        if not voiced and not target.voiced:
            raise NotSet(f"@{target.name} has no voice of their own to take. /voice @{target.name} gives one")
        changed = await log.record(
            RoleChanged(by=actor.person, user=target.person, role=target.rank.word, voiced=voiced)
        )
        await keep_act(node, log, actor, changed, target=target)
        log.answer = f"@{target.name} has a voice in #{log.room.slug} now."
        if not voiced:
            log.answer = f"@{target.name} has no voice in #{log.room.slug} now."
        if not log.room.set.moderated:
            log.answer += " It counts once the room is moderated: /moderated on."
    silent = await heard_everywhere(node, room.id, target.user_id, changed.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)
