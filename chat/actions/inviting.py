"""Letting people into a room: by name, and by links that can be counted and ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from accounts.site import read_site
from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.invitations import GOOD, hash_of
from chat.actions.newcomers import NoPlaceFor, require_place
from chat.actions.ruling import keep_act, named_over, require_room, require_rule
from chat.comings import leave
from chat.errors import Already, NoGuest, NotHere, NotSet
from chat.events import MemberAdded, MemberKicked
from chat.forbidden import Archived, Disabled
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.signals import Belongs
from chat.times import say_until
from helpers.errors import AppError

MOST_AT_ONCE = 20
MOST_LINKS = 50
LASTS = timedelta(days=7)


class StillBanned(AppError):
    """Who was banned is not brought in by the way: the ban has to be lifted first."""

    code = "banned"
    message = "@{name} is banned here {until}. /unban @{name} first."
    status = 403

    def __init__(self, name: str, until: datetime, now: datetime) -> None:
        super().__init__(name=name, until=say_until(until, now))


class TooManyLinks(AppError):
    """A room holds only so many at once."""

    code = "too_many"
    message = "There are {most} links here already. End one first: /invitelink revoke number."
    status = 409

    def __init__(self) -> None:
        super().__init__(most=MOST_LINKS)


@dataclass(frozen=True, slots=True)
class Link:
    """What may be shown of a link once its address was given away."""

    id: int
    by: str
    uses_left: int | None
    expires_at: datetime | None


async def bring(
    node: Node, room: Room, member: Member, nicks: Sequence[str], request: Request | None = None
) -> Answer:
    """Make people members; of several each by themselves, and the answer tells of each.

    They hear of it wherever they are. Raises NotAllowed, DirectRoom, Archived; and of a single one NotFound, Already,
    StillBanned, NoGuest, NoPlaceFor.
    """
    said: list[str] = []
    added: list[int] = []
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await _inviter(log, member, "invite")
        for nick in nicks:
            try:
                target = await _to_bring(node, log, nick)
            except AppError as refusal:
                if len(nicks) == 1:
                    raise
                said.append(refusal.text)
                continue
            await log.record(MemberAdded(by=actor.person, user=target.person))
            added.append(target.user_id)
            said.append(f"@{target.name} is a member of #{log.room.slug} now.")
        log.answer = "\n".join(said)
    for user_id in added:
        told = Belongs(user_id, room.id, True, log.room.slug, log.room.title, actor.person)
        node.hub.audience.signal(told)
    return log.reply


async def send_away(
    node: Node, room: Room, member: Member, nick: str, request: Request | None = None
) -> Answer:
    """Take an invitation back: of a private room somebody is a member no more, and nothing is held against them.

    They hear of it wherever they are.

    Raises NotFound, NotAllowed, RankTooHigh, NotHere, NotSet, DirectRoom.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await _inviter(log, member, "uninvite")
        target = await named_over(log, actor, Permission.KICK, nick, "uninvite")
        if not log.room.set.private:
            raise NotSet(f"#{log.room.slug} is open to all. /kill shows somebody out, /ban keeps them out")
        if not target.is_member:
            raise NotHere(target.name, log.room.slug)
        gone = await log.record(MemberKicked(by=actor.person, user=target.person))
        await keep_act(node, log, actor, gone, target=target)
        if target.present_since is not None:
            await leave(log, target.person, target.present_since)
        log.answer = f"@{target.name} is not a member of #{log.room.slug} any more."
    told = Belongs(target.user_id, room.id, False, log.room.slug, log.room.title, actor.person)
    node.hub.audience.signal(told)
    silent = await heard_everywhere(node, room.id, target.user_id, gone.seq)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def make_link(
    node: Node,
    room: Room,
    member: Member,
    *,
    uses: int | None = 1,
    lasts: timedelta | None = LASTS,
    request: Request | None = None,
) -> tuple[Answer, str]:
    """A link into the room: its path is told now and never again, for only its hash is kept.

    A repeat is told that there is one, not which. Raises NotAllowed, Disabled, DirectRoom, Archived, TooManyLinks.
    """
    site = await read_site(node.manager)
    token = secrets.token_urlsafe(16)
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await _inviter(log, member, "invitelink")
        require_rule(log, actor, Permission.INVITE_LINK, None, "invitelink")
        if site.registration == "closed":
            raise Disabled
        there = f"SELECT count(*) FROM invitations WHERE room_id = %s AND {GOOD}"
        if await node.manager.value(there, room.id) >= MOST_LINKS:
            raise TooManyLinks
        number = await node.manager.value(
            "INSERT INTO invitations (room_id, token_hash, created_by, uses_left, expires_at) "
            "VALUES (%s, %s, %s, %s, %s) RETURNING id",
            room.id,
            hash_of(token),
            actor.user_id,
            uses,
            None if lasts is None else log.now + lasts,
        )
        log.answer = f"Link {number} was made, and shown once. /invitelink revoke {number} ends it."
    return log.reply, f"/join/{token}"


async def links_of(node: Node, room: Room, member: Member) -> list[Link]:
    """The links into a room that are good, the oldest first. Raises NotAllowed, DirectRoom."""
    require_room(room)
    require(member.role, Permission.INVITE_LINK, switches=room.set, room=room.slug, command="invitelink")
    rows = await node.manager.rows(
        "SELECT i.id, coalesce(u.name, ''), i.uses_left, i.expires_at FROM invitations i "
        f"LEFT JOIN users u ON u.id = i.created_by WHERE i.room_id = %s AND {GOOD} ORDER BY i.id",
        room.id,
    )
    return [Link(*row) for row in rows]


async def revoke_link(
    node: Node, room: Room, member: Member, number: int, request: Request | None = None
) -> Answer:
    """End a link at once. Raises NotAllowed, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.INVITE_LINK, None, "invitelink")
        row = await node.manager.row(
            f"UPDATE invitations SET revoked_at = now() WHERE id = %s AND room_id = %s AND {GOOD} RETURNING id",
            number,
            room.id,
        )
        if row is None:
            raise NotSet(f"There is no link {number} here. /invitelink list names those that are good")
        log.answer = f"Link {number} is ended. Who came by it stays."
    return log.reply


async def _inviter(log: Log, member: Member, command: str) -> Member:
    actor = await actor_in(log, member.user_id)
    require_rule(log, actor, Permission.INVITE, None, command)
    if log.room.set.archived:
        raise Archived(log.room.slug)
    return actor


async def _to_bring(node: Node, log: Log, nick: str) -> Member:
    target = await log.named(nick)
    if target.guest:
        raise NoGuest(target.name)
    if target.is_member:
        raise Already(f"@{target.name} is a member of #{log.room.slug} already")
    if target.banned_until is not None and target.banned_until > log.now:
        raise StillBanned(target.name, target.banned_until, log.now)
    await require_place(node, log.room, target, full=NoPlaceFor)
    return target
