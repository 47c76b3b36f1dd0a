"""Belonging to a room: becoming a member, and how far one has read."""

from __future__ import annotations

import msgspec

from accounts.actions import rename
from accounts.errors import NameTaken
from accounts.names import LONGEST
from chat.actions import invitations
from chat.actions.actors import actor_in, require_hearing
from chat.actions.elsewhere import room_meant
from chat.actions.hearing import heard_everywhere
from chat.actions.moderation import owners_of
from chat.actions.newcomers import require_place
from chat.comings import leave as see_out
from chat.errors import Already, Conflict, DirectRoom, LastOwner, NoSuchRoom, TooLong
from chat.events import MemberAdded, MemberRemovedSelf, Renamed
from chat.forbidden import Disabled, NotAMember
from chat.log import Answer, Request
from chat.members import Member, admit
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, require
from chat.signals import Belongs, ReadMoved
from helpers.errors import AppError


class NamesStay(Disabled):
    """Names are not changed on this site. `name` is what one is called."""

    message = "The site admin switched this off: you stay {name}. Ask an admin of the site if that is wrong."


class InviteRequired(AppError):
    """A private room and none at all are refused alike: a name is no way to find out which there are."""

    code = "invite_required"
    message = (
        "#{room} is not open to you, if it is there at all. With an invitation: /join #{room} code. "
        "/list shows the open ones."
    )
    status = 403

    def __init__(self, room: str) -> None:
        super().__init__(room=room)


async def join(node: Node, room: Room, member: Member) -> Member:
    """Make somebody a member of a public room; who is one already stays one.

    Raises NoSuchRoom, Banned, Removed, ClosedForGood, RoomFull.
    """
    if member.is_member:
        return member
    async with node.journal.transaction(room.id) as log:
        member = await log.member(member.user_id)
        admit(log.room, member)
        await require_place(node, log.room, member)
        if not member.is_member and not member.guest:
            await log.record(MemberAdded(by=member.person, user=member.person, as_admin=log.room.set.private))
            member = await log.member(member.user_id)
    node.hub.audience.signal(Belongs(member.user_id, room.id, member.is_member))
    return member


async def join_by_word(
    node: Node, here: Room, member: Member, slug: str, code: str, request: Request | None = None
) -> Answer:
    """Become a member of another room, by an invitation's code where it asks for one. The receipt is kept here.

    Raises InviteRequired, Banned, Removed, ClosedForGood, RoomFull, NoInvitation, NotAllowed.
    """
    require(member.role, Permission.JOIN, room=here.slug, command="join")
    try:
        return await _join_by_word(node, here, member, slug, code, request)
    except NoSuchRoom:
        raise InviteRequired(slug) from None


async def _join_by_word(
    node: Node, here: Room, member: Member, slug: str, code: str, request: Request | None
) -> Answer:
    # By its link, or by the last word of that alone.
    token = code.strip().rpartition("/")[2]
    try:
        there = await room_meant(node, here, member.user_id, slug, request)
    except NoSuchRoom:
        # With a code that is no good, a room that is not there answers like one that one may not know of.
        raise invitations.NoInvitation if token else NoSuchRoom from None
    async with node.journal.transactions([here.id, there.id], member.user_id, request) as logs:
        log = logs[there.id]
        comer = await log.member(member.user_id)
        if not comer.is_member:
            if token:
                invited = await invitations.look(node, token)
                if invited.room_id != there.id:
                    raise invitations.NoInvitation
                invitations.require_welcome(log, comer)
                await invitations.use(node, invited)
            else:
                admit(log.room, comer)
            await require_place(node, log.room, comer)
            as_admin = log.room.set.private and not token
            await log.record(MemberAdded(by=comer.person, user=comer.person, as_admin=as_admin))
        else:
            admit(log.room, comer)
        were = "are in" if comer.is_member else "joined"
        logs[here.id].answer = f"You {were} #{log.room.slug}: /rooms/{log.room.slug}"
    told = Belongs(member.user_id, there.id, True, log.room.slug, log.room.title)
    node.hub.audience.signal(told)
    return logs[here.id].reply


async def leave(
    node: Node, here: Room, member: Member, slug: str = "", request: Request | None = None
) -> Answer:
    """Be a member of a room no more, of this one where none is named; every tab of theirs there closes.

    Raises NoSuchRoom, NotAMember, LastOwner, DirectRoom.
    """
    there = await room_meant(node, here, member.user_id, slug, request) if slug else here
    async with node.journal.transactions([here.id, there.id], member.user_id, request) as logs:
        log = logs[there.id]
        goer = await log.member(member.user_id)
        if there.id != here.id:
            # Whether there is a room that one may not know of is not told.
            admit(log.room, goer)
        if not goer.is_member:
            raise NotAMember(log.room.slug)
        if log.room.kind == "direct":
            raise DirectRoom
        if goer.rank is Role.OWNER and await owners_of(node, log) == 1:
            raise LastOwner
        gone = await log.record(MemberRemovedSelf(by=goer.person, user=goer.person))
        if goer.present_since is not None:
            await see_out(log, goer.person, goer.present_since)
        logs[here.id].answer = f"You left #{log.room.slug}. /join #{log.room.slug} brings you back."
        if log.room.set.private:
            logs[here.id].answer = f"You left #{log.room.slug}. Only an invitation brings you back."
        if log.room.set.archived:
            logs[here.id].answer = f"You left #{log.room.slug}. While it is archived, nobody new comes in."
    told = Belongs(member.user_id, there.id, False, log.room.slug, log.room.title)
    node.hub.audience.signal(told)
    silent = await heard_everywhere(node, there.id, member.user_id, gone.seq)
    reply = logs[here.id].reply
    return msgspec.structs.replace(reply, text=reply.text + silent)


async def mark_read(node: Node, room: Room, user_id: int, seq: int) -> None:
    """Move a read mark forward, never back; the user's own sockets are told."""
    row = await node.manager.row(
        "UPDATE memberships m SET read_seq = greatest(m.read_seq, least(%s, r.last_seq)), read_ordinal = "
        "greatest(m.read_ordinal, coalesce((SELECT x.ordinal FROM messages x WHERE x.room_id = m.room_id "
        "AND x.seq <= %s AND x.ordinal IS NOT NULL ORDER BY x.seq DESC LIMIT 1), 0)) "
        "FROM rooms r WHERE r.id = m.room_id AND m.room_id = %s AND m.user_id = %s AND m.read_seq < %s "
        "RETURNING m.read_seq, m.read_ordinal",
        seq,
        seq,
        room.id,
        user_id,
        seq,
    )
    if row is not None:
        node.hub.audience.signal(ReadMoved(user_id, room.id, room.slug, *row))


async def change_name(
    node: Node, room: Room, member: Member, name: str, request: Request | None = None
) -> Answer:
    """Call an account otherwise, everywhere; every room where it is present records that, and may not be closed to
    their words.

    Raises NotAllowed, Disabled, Muted, Locked, BadName, TooLong, Conflict, Already.
    """
    if len(name) > LONGEST:
        raise TooLong(len(name), LONGEST, "name")
    rows = await node.manager.rows(
        "SELECT room_id FROM memberships WHERE user_id = %s AND present_since IS NOT NULL", member.user_id
    )
    rooms = [room.id, *(room_id for (room_id,) in rows if room_id != room.id)]
    async with node.journal.transactions(rooms, member.user_id, request) as logs:
        actor = await actor_in(logs[room.id], member.user_id)
        require(actor.role, Permission.RENAME_SELF, room=room.slug, command="nick")
        if not (node.limits.new_names or actor.admin):
            raise NamesStay(name=actor.name)
        for log in logs.values():
            # The line that tells of it is words, too: those of the new name.
            require_hearing(log, await log.member(member.user_id), elsewhere=log.room.id != room.id)
        try:
            renaming = await rename(node.manager, member.user_id, name)
        except NameTaken as error:
            raise Conflict(field="name") from error
        if renaming.name == renaming.was:
            raise Already(f"You are called {renaming.name} already. Choose another name")
        for log in logs.values():
            renamed = await log.member(member.user_id)
            await log.record(Renamed(by=renamed.person, user=renamed.person, was=renaming.was))
        logs[room.id].answer = f"You are called {renaming.name} now. {renaming.was} stays yours for 30 days."
    return logs[room.id].reply
