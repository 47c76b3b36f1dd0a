"""Who acts: looked at again under the room's lock, for what a connection remembers of them may be over."""

from __future__ import annotations

from chat.forbidden import Locked, Muted, NotAMember
from chat.log import Log
from chat.members import Member, admit
from chat.policy import Role


async def actor_in(log: Log, user_id: int) -> Member:
    """The one who acts, as they are now: a moderator shown out a moment ago moderates no more.

    Raises Banned, Removed, NoSuchRoom, NotAMember.
    """
    member = await log.member(user_id)
    admit(log.room, member)
    if not member.is_member and not member.guest:
        raise NotAMember(log.room.slug)
    return member


def require_hearing(log: Log, member: Member, *, elsewhere: bool = False) -> None:
    """Refuse who may not put words of their own before this room in another way than by a message: as their name.

    `elsewhere` says that they did not do it from here, so that the refusal names the room. Where only the voiced post,
    that goes on for ever, and names may be changed. Raises Muted, Locked.
    """
    if member.muted_until is not None and member.muted_until > log.now:
        where = log.room.slug if elsewhere else ""
        raise Muted(member.muted_until, reason=member.muted_reason, room=where, now=log.now)
    if log.room.set.locked and member.role < Role.MODERATOR:
        raise Locked(log.room.slug)
