"""Keeping people out of a room: for a time or for ever, those who are here, who are away, and who never came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.purging import hide, words_of
from chat.actions.ruling import keep_act, named_over, require_here, require_room
from chat.comings import leave
from chat.errors import Already, NotSet
from chat.events import MemberBanned, MemberUnbanned
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, may, require
from chat.signals import Belongs
from chat.times import FOR_EVER, say_count, say_moment, say_until

LONGEST_BY_MODERATORS = timedelta(days=30)
MOST_LISTED = 200

Length = timedelta | Literal["forever"] | None
Purge = timedelta | Literal["all"] | None


async def ban(
    node: Node,
    room: Room,
    member: Member,
    nick: str,
    length: Length = None,
    reason: str = "",
    request: Request | None = None,
    *,
    purge: Purge = None,
) -> Answer:
    """Keep somebody out, at once and on every process; an account need not be here, nor ever have been.

    Moderators ban for 30 days at most, owners for as long as they like; that is also what no length means. `purge`
    hides what the banned said, of that time or all of it. Who is banned already gets another length, if one is given.
    Raises NotFound, NotAllowed, RankTooHigh, ThatIsYou, Already.
    """
    reason = reason[: node.limits.reason]
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.BAN, nick, "ban")
        is_banned = target.banned_until is not None and target.banned_until > log.now
        if is_banned and length is None and target.banned_until is not None:
            raise Already(
                f"@{target.name} is already banned {say_until(target.banned_until, log.now)}; "
                "run /ban again with a length to change it"
            )
        _require_to_change(log, actor, target, "change a ban of more than 30 days")
        until = _end_of(log, actor, length)
        banned = await log.record(
            MemberBanned(by=actor.person, user=target.person, until=until, reason=reason)
        )
        if target.present_since is not None:
            await leave(log, target.person, target.present_since)
        purged = None
        if purge is not None:
            since = None if purge == "all" else log.now - purge
            targets = await words_of(node, log, target.user_id, since=since)
            purged = await hide(node, log, actor, targets, reason, target)
        before = {**_before(target), **({"purged": purged.seq, "count": purged.count} if purged else {})}
        await keep_act(
            node,
            log,
            actor,
            banned,
            target=target,
            reason=reason,
            before=before,
            undoable=True,
        )
        log.answer = f"Banned @{target.name} {say_until(until, log.now)}."
        if purged is not None:
            log.answer += f" {say_count(purged.count, 'message')} of theirs {_is(purged.count)} hidden."
        log.answer += f" /unban @{target.name} lets them back in."
    # Their sockets in other rooms must not go on hearing how much is said here.
    slug = log.room.slug if target.is_member else ""
    node.hub.audience.signal(Belongs(target.user_id, room.id, False, slug, log.room.title))
    silent = await heard_everywhere(node, room.id, target.user_id, banned.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def unban(node: Node, room: Room, member: Member, nick: str, request: Request | None = None) -> Answer:
    """Let somebody come again. Raises NotFound, NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.BAN, nick, "unban")
        if target.banned_until is None or target.banned_until <= log.now:
            raise NotSet(f"@{target.name} is not banned. /banlist lists who is")
        _require_to_change(log, actor, target, "unban who was banned for more than 30 days")
        unbanned = await log.record(MemberUnbanned(by=actor.person, user=target.person))
        await keep_act(node, log, actor, unbanned, target=target)
        log.answer = f"@{target.name} may come back."
        if target.out_until is not None and target.out_until > log.now:
            until = say_moment(target.out_until, log.now)
            log.answer = f"@{target.name} was removed as well, and may come back at {until}."
        if log.room.set.private:
            log.answer += f" /invite @{target.name} makes them a member again."
    return log.reply


@dataclass(frozen=True, slots=True)
class Ban:
    """Somebody who is kept out: by whom and why, as far as the log says, and until when."""

    name: str
    by: str
    reason: str
    until: datetime


# Both kinds are asked for, and one of them taken: so the index of those who were shown out serves.
LISTED = """SELECT u.name, coalesce(b.author_name, ''), m.reason, m.banned_until
    FROM memberships m JOIN users u ON u.id = m.user_id LEFT JOIN LATERAL
        (SELECT x.author_name FROM messages x WHERE x.room_id = m.room_id AND x.kind IN ('kicked', 'banned')
            AND x.kind = 'banned' AND x.body->'user'->>'id' = m.user_id::text ORDER BY x.seq DESC LIMIT 1) b ON true
    WHERE m.room_id = %s AND m.banned_until > now() ORDER BY m.banned_until, u.name_key LIMIT %s"""


async def banned_from(node: Node, room: Room, member: Member) -> list[Ban]:
    """Who is kept out of the room just now, the first to come back first. Raises NotAllowed, DirectRoom."""
    require_room(room)
    require(member.role, Permission.BAN, switches=room.set, room=room.slug, command="banlist")
    return [Ban(*row) for row in await node.manager.rows(LISTED, room.id, MOST_LISTED)]


def _end_of(log: Log, actor: Member, length: Length) -> datetime:
    if length is None:
        if not may(actor.role, Permission.BAN_FOR_EVER, log.room.set):
            return log.now + LONGEST_BY_MODERATORS
        length = "forever"
    if length == "forever":
        _require_for_ever(log, actor, "ban for ever")
        return FOR_EVER
    if length > LONGEST_BY_MODERATORS:
        _require_for_ever(log, actor, "ban for more than 30 days")
    return log.now + length


def _require_to_change(log: Log, actor: Member, target: Member, command: str) -> None:
    """Whoever may not ban for so long may not make it shorter either: that would be lifting it by the way."""
    if target.banned_until is not None and target.banned_until - log.now > LONGEST_BY_MODERATORS:
        _require_for_ever(log, actor, command)


def _require_for_ever(log: Log, actor: Member, command: str) -> None:
    require_here(log, actor, Permission.BAN_FOR_EVER, command=command)


def _before(target: Member) -> dict[str, object]:
    return {
        "is_member": target.is_member,
        "role": int(target.rank),
        "banned_until": target.banned_until,
        "reason": target.reason,
    }


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
