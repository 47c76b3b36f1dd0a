"""Who acts: looked at again under the room's lock, for what a connection remembers of them may be over."""

from __future__ import annotations

from chat.errors import NotAMember
from chat.log import Log
from chat.members import Member, admit


async def actor_in(log: Log, user_id: int) -> Member:
    """The one who acts, as they are now: a moderator shown out a moment ago moderates no more.

    Raises Banned, Removed, NoSuchRoom, NotAMember.
    """
    member = await log.member(user_id)
    admit(log.room, member)
    if not member.is_member and not member.guest:
        raise NotAMember(log.room.slug)
    return member
