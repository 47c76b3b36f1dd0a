"""A room passed on: offered by its owner, and taken by a yes."""

from __future__ import annotations

from datetime import timedelta

from chat.actions.actors import actor_in
from chat.actions.hearing import heard_everywhere
from chat.actions.moderation import require_person
from chat.actions.ruling import keep_act, require_here, require_room, require_rule
from chat.errors import Already, NoGuest, NotHere, NotSet
from chat.events import RoleChanged, SettingsChanged
from chat.log import Answer, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role
from chat.times import say_until

HOLDS = timedelta(hours=1)


async def offer(node: Node, room: Room, member: Member, nick: str, request: Request | None = None) -> Answer:
    """Offer one's own place as an owner. It is theirs once they /accept within an hour; another offer replaces it.

    Raises NotFound, NotHere, NoGuest, NoBot, NotAllowed, ThatIsYou, Already.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.SET_ROLE, None, "transfer")
        target = await log.named(nick)
        if target.user_id == actor.user_id:
            require_rule(log, actor, Permission.SET_ROLE, target, "transfer")
        if target.guest:
            raise NoGuest(target.name)
        if not target.is_member:
            raise NotHere(target.name, log.room.slug)
        if target.rank is Role.OWNER:
            raise Already(f"@{target.name} is an owner already. /deop @{actor.name} steps down")
        await require_person(node, target)
        until = log.now + HOLDS
        await node.manager.execute(
            "INSERT INTO transfers (room_id, from_id, to_id, until) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (room_id) DO UPDATE SET from_id = excluded.from_id, to_id = excluded.to_id, "
            "until = excluded.until",
            log.room.id,
            actor.user_id,
            target.user_id,
            until,
        )
        offered = await log.record(
            SettingsChanged(
                by=actor.person,
                changed={"offered": {"id": target.user_id, "name": target.name}, "until": until},
            )
        )
        await keep_act(node, log, actor, offered, target=target)
        log.answer = (
            f"@{target.name} may take the room by /accept {say_until(until, log.now)}. "
            "Then you are a moderator."
        )
    return log.reply


async def accept(node: Node, room: Room, member: Member, request: Request | None = None) -> Answer:
    """Take the room that was offered: its owner becomes a moderator, if they own it still.

    Raises NotAllowed, NotSet.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_room(log.room)
        require_here(log, actor, Permission.UNDO_OWN, command="accept")
        from_id = await node.manager.value(
            "DELETE FROM transfers WHERE room_id = %s AND to_id = %s AND until > %s RETURNING from_id",
            log.room.id,
            actor.user_id,
            log.now,
        )
        giver = await log.member(from_id) if from_id is not None else None
        if giver is None or giver.role < Role.OWNER or not giver.is_member:
            raise NotSet(
                f"Nobody offers you #{log.room.slug} just now. An owner can: /transfer @{actor.name}"
            )
        taken = await log.record(RoleChanged(by=giver.person, user=actor.person, role=Role.OWNER.word))
        await keep_act(node, log, actor, taken, target=giver)
        if giver.rank is Role.OWNER:
            taken = await log.record(
                RoleChanged(by=giver.person, user=giver.person, role=Role.MODERATOR.word)
            )
        log.answer = f"#{log.room.slug} is yours now."
    await heard_everywhere(node, room.id, giver.user_id, taken.seq)
    return log.reply
