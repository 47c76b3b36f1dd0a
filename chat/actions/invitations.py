"""Letting people in by a link; and the very first one, who sets the site up."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from accounts.actions import Newcomer, enrol
from accounts.models import User
from accounts.site import read_site
from chat.actions import rooms
from chat.actions.newcomers import require_place
from chat.errors import SlugTaken
from chat.events import MemberAdded
from chat.forbidden import Disabled
from chat.lines import one_line
from chat.log import Log
from chat.members import Member, find_room
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require, require_entry
from chat.signals import Belongs
from helpers.errors import AppError

LOBBY = "lobby"
DAYS = 7
MOST_SITE_TITLE = 64
REGISTRATIONS = ("open", "invite", "closed")
# What holds of an invitation that can be used.
GOOD = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND (uses_left IS NULL OR uses_left > 0)"


class NoInvitation(AppError):
    """The link is unknown, used up, too old or revoked: all are told alike."""

    code = "no_invitation"
    message = "This invitation is not good any more. Ask whoever sent it for a new one."
    status = 404


class NobodyNew(Disabled):
    """The registration is closed, and a link opens no other door than that."""

    message = "The site admin lets nobody make an account just now. If you have one, sign in and open this link again."


class NoSetUp(AppError):
    """The set-up link was used, or another was printed since."""

    code = "no_set_up"
    message = "This set-up link is not good any more. Sign in, or start the server again for a new link."
    status = 404


@dataclass(frozen=True, slots=True)
class Invited:
    """Where an invitation leads: a room, or the site where `slug` is empty, and who sent it."""

    id: int
    room_id: int | None
    slug: str
    title: str
    topic: str
    by: str


def hash_of(token: str) -> bytes:
    """What is kept of a token: it is random enough that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def invite(
    node: Node, member: Member, room: Room, *, uses: int | None = None, days: int | None = DAYS
) -> str:
    """A link into a room, its token shown now and never again. Raises NotAllowed."""
    require(member.role, Permission.INVITE, switches=room.set, room=room.slug, command="invitelink")
    token = secrets.token_urlsafe(16)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    await node.manager.execute(
        "INSERT INTO invitations (room_id, token_hash, created_by, uses_left, expires_at) VALUES (%s, %s, %s, %s, %s)",
        room.id,
        hash_of(token),
        member.user_id,
        uses,
        expires,
    )
    return token


async def look(node: Node, token: str) -> Invited:
    """Where this invitation leads. Raises NoInvitation."""
    row = await node.manager.row(
        "SELECT i.id, i.room_id, coalesce(r.slug, ''), coalesce(r.title, ''), coalesce(r.topic, ''), u.name "
        "FROM invitations i JOIN users u ON u.id = i.created_by LEFT JOIN rooms r ON r.id = i.room_id "
        f"WHERE i.token_hash = %s AND {GOOD}",
        hash_of(token),
    )
    if row is None:
        raise NoInvitation
    return Invited(*row)


async def accept(node: Node, token: str, comer: Newcomer | User) -> tuple[User, Invited]:
    """Use an invitation: for an account there is, or together with making one. All of it happens, or nothing.

    Who is a member already uses nothing up. Raises NoInvitation, Banned, Removed, ClosedForGood, RoomFull, NameTaken,
    NobodyNew.
    """
    invited = await look(node, token)
    if isinstance(comer, Newcomer) and (await read_site(node.manager)).registration == "closed":
        # Links of before are in the world still, and nobody is to make an account any more.
        raise NobodyNew
    if invited.room_id is None:
        async with node.manager.transaction():
            await use(node, invited)
            user = comer if isinstance(comer, User) else await enrol(node.manager, comer)
        return user, invited
    async with node.journal.transaction(invited.room_id) as log:
        user = comer if isinstance(comer, User) else await enrol(node.manager, comer)
        member = await log.member(user.id)
        require_welcome(log, member)
        if not member.is_member:
            await require_place(node, log.room, member)
            await use(node, invited)
            await log.record(MemberAdded(by=member.person, user=member.person))
    node.hub.audience.signal(Belongs(user.id, invited.room_id, True))
    return user, invited


def require_welcome(log: Log, member: Member) -> None:
    """An invitation opens every door but that of one who was shown out. Raises Banned, Removed, NoInvitation."""
    if log.room.kind != "room":
        raise NoInvitation
    require_entry(
        now=log.now,
        banned_until=member.banned_until,
        out_until=member.out_until,
        reason=member.reason,
        room=log.room.slug,
    )


async def use(node: Node, invited: Invited) -> None:
    """Use an invitation up by one, inside the transaction of what it is used for. Raises NoInvitation."""
    used = await node.manager.row(
        f"UPDATE invitations SET uses_left = uses_left - 1 WHERE id = %s AND {GOOD} RETURNING id",
        invited.id,
    )
    if used is None:
        raise NoInvitation


async def may_set_up(node: Node, token: str) -> bool:
    """Whether this is the set-up link that is good now."""
    row = await node.manager.row(
        "SELECT 1 FROM site WHERE id = 1 AND set_up_at IS NULL AND setup_hash = %s", hash_of(token)
    )
    return row is not None


async def set_up(
    node: Node, token: str, title: str, comer: Newcomer, *, registration: str, guests: bool
) -> tuple[User, str]:
    """Make the site's admin, a lobby, and an invitation to hand on; the link is good once.

    `registration` is `open`, `invite` or `closed`. Returns the admin and the invitation's token.
    Raises NoSetUp, NameTaken, TooLong, Empty.
    """
    title = one_line(title, MOST_SITE_TITLE, "site")
    if registration not in REGISTRATIONS:
        registration = "invite"
    async with node.manager.transaction():
        row = await node.manager.row(
            "UPDATE site SET title = %s, registration = %s, setup_hash = NULL, set_up_at = now() "
            "WHERE id = 1 AND set_up_at IS NULL AND setup_hash = %s RETURNING id",
            title,
            registration,
            hash_of(token),
        )
        if row is None:
            raise NoSetUp
        admin = await enrol(node.manager, comer, is_admin=True)
    try:
        lobby = await rooms.create(
            node, admin.id, LOBBY, LOBBY, topic="Everybody comes in here.", guests=guests
        )
    except SlugTaken:
        # It was made at the terminal before. The admin rules there by being one.
        lobby = await find_room(node.manager, LOBBY)
    async with node.journal.transaction(lobby.id) as log:
        owner = await log.member(admin.id)
    return admin, await invite(node, owner, lobby, uses=None)
