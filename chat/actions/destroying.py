"""The end of a room: a week in the bin, then for good."""

from __future__ import annotations

import logging
from datetime import timedelta

import msgspec
from redis.exceptions import RedisError

from chat import bin as bins
from chat.actions.confirming import expect, is_done
from chat.actions.elsewhere import room_meant
from chat.actions.hearing import heard_by_all
from chat.actions.ruling import keep_act
from chat.actions.steering import owner_in
from chat.errors import NoSuchRoom
from chat.events import SettingsChanged
from chat.log import Answer, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission
from chat.times import say_count, say_moment

logger = logging.getLogger(__name__)

KEEP = """INSERT INTO binned_rooms (room_id, slug, old_slugs, members, destroyed_by, until) SELECT r.id, r.slug,
    ARRAY(SELECT s.slug FROM room_slugs s WHERE s.room_id = r.id),
    ARRAY(SELECT m.user_id FROM memberships m WHERE m.room_id = r.id AND m.is_member), %s, %s
    FROM rooms r WHERE r.id = %s"""
END = (
    "DELETE FROM room_slugs WHERE room_id = %s",
    "UPDATE rooms SET kind = 'gone', slug = '~' || id WHERE id = %s",
    "UPDATE memberships SET is_member = false, present_since = NULL WHERE room_id = %s",
    "UPDATE invitations SET revoked_at = now() WHERE room_id = %s AND revoked_at IS NULL",
)


async def destroy(
    node: Node,
    here: Room,
    member: Member,
    slug: str,
    code: str,
    request: Request | None = None,
    *,
    by_name: bool = False,
) -> Answer:
    """End a room: nobody is in it any more, every socket there closes, and its addresses are free.

    Returns when every process has let go of it, or after a second. It is asked twice; `by_name` where the room's name
    was typed in the page instead. The receipt is kept `here`.
    Raises NoSuchRoom, NotAllowed, DirectRoom, ConfirmRequired, ConfirmExpired.
    """
    # In this room it is known which is meant, also when the same is asked again after it was destroyed.
    there = here if slug == here.slug else await room_meant(node, here, member.user_id, slug, request)
    asked = await expect(node, there, member.user_id, "destroy")
    async with node.journal.transactions([here.id, there.id], member.user_id, request) as logs:
        log = logs[there.id]
        actor = await owner_in(log, member, "destroy", Permission.DESTROY)
        if log.room.kind == "gone":
            raise NoSuchRoom
        messages = say_count(log.room.last_ordinal, "message")
        if not by_name:
            deed = f"deletes #{log.room.slug} and its {messages}, after {bins.DAYS} days in the bin for good"
            asked.require(code, deed, f"/destroy #{log.room.slug} {{code}}")
        until = log.now + timedelta(days=bins.DAYS)
        await node.manager.execute(KEEP, actor.user_id, until, there.id)
        changed = await log.record(
            SettingsChanged(by=actor.person, changed={"destroyed": True, "until": until})
        )
        await keep_act(node, log, actor, changed)
        await node.manager.execute(
            "INSERT INTO site_log (actor_id, act, body) VALUES (%s, 'destroyed', jsonb_build_object('room', %s::text))",
            actor.user_id,
            log.room.slug,
        )
        for statement in END:
            await node.manager.execute(statement, there.id)
        logs[
            here.id
        ].answer = (
            f"#{log.room.slug} is gone: {messages}. It rests in the bin until {say_moment(until, log.now)}."
        )
    silent = await heard_by_all(node, there.id, changed.seq)
    try:
        await bins.forget_head(node.redis, there.id)
    except (RedisError, OSError) as error:
        logger.warning("destroy: the bin will forget how far room %d had come: %s", there.id, error)
    await is_done(node, asked)
    reply = logs[here.id].reply
    return msgspec.structs.replace(reply, text=reply.text + silent)
