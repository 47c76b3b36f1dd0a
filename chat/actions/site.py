"""What admins do to the whole site: every act is asked for in a room, and written into the log of the site."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis.exceptions import RedisError

from accounts import links
from accounts.actions import find_user, suspend, tell_suspended
from chat.actions.actors import actor_in
from chat.actions.confirming import expect, is_done
from chat.actions.elsewhere import room_meant
from chat.actions.messages import names_in
from chat.actions.ruling import named_over, require_rule
from chat.errors import NotSet
from chat.events import MessagePosted
from chat.forbidden import Archived
from chat.log import Answer, Log, Repeated, Request, digest
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.parts import parse, tidy
from chat.policy import Permission, require
from chat.times import FOR_EVER, say_count, say_until
from helpers.errors import AppError

logger = logging.getLogger(__name__)

# The bots that speak by hooks which an account made; not those that were shut out for themselves.
BOTS = """SELECT u.id FROM users u
    WHERE u.is_bot AND EXISTS (SELECT FROM hooks h WHERE h.user_id = u.id AND h.created_by = %s)
    AND NOT (u.suspended_until > clock_timestamp() AND 'siteban' = coalesce((SELECT s.act FROM site_log s
        WHERE s.act IN ('siteban', 'siteunban') AND s.body->>'user' = u.name ORDER BY s.id DESC LIMIT 1), ''))"""
# One by which somebody else posts as well goes on for them: the hooks of who rests are refused, each for itself.
THEIR_BOTS = f"""{BOTS} AND NOT EXISTS (SELECT FROM hooks h JOIN users o ON o.id = h.created_by
    WHERE h.user_id = u.id AND h.revoked_at IS NULL AND h.created_by <> %s
      AND coalesce(o.suspended_until, '-infinity') <= clock_timestamp())"""
# Those who rest as long as an account does, itself among them.
RESTING = f"""SELECT r.id FROM users r JOIN users o ON o.suspended_until = r.suspended_until WHERE o.id = %s
    AND r.suspended_until > clock_timestamp() AND (r.id = o.id OR r.id IN ({BOTS}))"""


async def ban(
    node: Node,
    room: Room,
    member: Member,
    nick: str,
    length: timedelta | None,
    reason: str,
    code: str,
    request: Request | None = None,
) -> Answer:
    """Let an account rest, and the bots it made: their sessions and connections end, in every room and process.

    Without a length for ever. Asked twice. Raises NotAllowed, NotFound, ThatIsYou, RankTooHigh, ConfirmRequired,
    ConfirmExpired.
    """
    reason = reason[: node.limits.reason]
    seconds = 0 if length is None else int(length.total_seconds())
    asked = await expect(node, room, member.user_id, "siteban", f"{nick.casefold()}/{seconds}")
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            target = await named_over(log, actor, Permission.RULE_SITE, nick, "siteban")
            until = FOR_EVER if length is None else log.now + length
            words = " ".join(filter(None, [_typed(seconds), reason]))
            deed = f"shuts @{target.name} out of the whole site {say_until(until, log.now)}"
            asked.require(code, deed, f"/siteban --code {{code}} @{target.name} {words}".rstrip())
            bots = await node.manager.rows(THEIR_BOTS, target.user_id, target.user_id)
            ended = [target.user_id, *(user_id for (user_id,) in bots)]
            await suspend(node.manager, ended, until)
            await _note(node, actor, "siteban", user=target.name, until=until, reason=reason)
            log.answer = f"@{target.name} is shut out of the site {say_until(until, log.now)}."
            if bots:
                log.answer += f" {say_count(len(bots), 'bot')} of theirs with them."
    except Repeated:
        # Whoever kept it may have died before it was told; who is gone already is not sent away by it.
        if member.admin:
            user = await find_user(node.manager, nick.removeprefix("@"))
            await _end(node, room, [] if user is None else await _resting(node, user.id))
        raise
    silent = await _end(node, room, ended)
    await is_done(node, asked)
    return msgspec.structs.replace(log.reply, text=log.answer + silent)


async def unban(node: Node, room: Room, member: Member, nick: str, request: Request | None = None) -> Answer:
    """Let an account in again, with the bots that rest because it did. Raises NotAllowed, NotFound, NotSet."""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.RULE_SITE, nick, "siteunban")
        resting = await _resting(node, target.user_id)
        if not resting:
            raise NotSet(f"@{target.name} is not shut out. /siteban shuts an account out")
        await suspend(node.manager, resting, None)
        await _note(node, actor, "siteunban", user=target.name)
        log.answer = f"@{target.name} may come in again."
    return log.reply


async def broadcast(node: Node, room: Room, member: Member, text: str, code: str, request: Request) -> Answer:
    """Say something in every room that goes on, once in each, however often it is asked for. Asked twice.

    Raises NotAllowed, TooLong, Empty, ConfirmRequired, ConfirmExpired.
    """
    text = tidy(text, node.limits.text)
    asked = await expect(node, room, member.user_id, "broadcast", text)
    count = await node.manager.value(
        "SELECT count(*) FROM rooms WHERE kind = 'room' AND NOT coalesce((switches->>'archived')::boolean, false)"
    )
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            require_rule(log, actor, Permission.RULE_SITE, None, "broadcast")
            asked.require(
                code, f"says it in {say_count(count, 'room')}", f"/broadcast --code {{code}} {text}"
            )
            await _note(node, actor, "broadcast", rooms=count)
            log.answer = f"Said in {say_count(count, 'room')}."
    except Repeated as repeated:
        # Whoever kept the receipt may have died before all of it was said: it is said where it is missing yet.
        if member.admin:
            await _say_everywhere(node, member, text, request, repeated.answer.at)
        raise
    await _say_everywhere(node, member, text, request, log.now)
    await is_done(node, asked)
    return log.reply


async def announce(node: Node, room: Room, member: Member, slug: str, text: str, request: Request) -> Answer:
    """Say something in one other room, a member there or not. The receipt is kept here.

    Raises NotAllowed, NoSuchRoom, Archived, TooLong, Empty.
    """
    text = tidy(text, node.limits.text)
    # Whether there is a room that one may not know of is not told to who may say nothing there.
    require(member.role, Permission.RULE_SITE, room=room.slug, command="announce")
    there = await room_meant(node, room, member.user_id, slug, request)
    names = await names_in(node, there.id, text)
    async with node.journal.transactions([room.id, there.id], member.user_id, request) as logs:
        actor = await actor_in(logs[room.id], member.user_id)
        require_rule(logs[room.id], actor, Permission.RULE_SITE, None, "announce")
        if logs[there.id].room.set.archived:
            raise Archived(logs[there.id].room.slug)
        await _say(node, logs[there.id], actor, text, names, _nonce(request))
        await _note(node, actor, "announce", room=there.slug)
        logs[room.id].answer = f"Said in #{there.slug}."
    return logs[room.id].reply


async def reset_link(
    node: Node, room: Room, member: Member, nick: str, request: Request | None = None
) -> tuple[Answer, str]:
    """A link by which somebody gives their account a new password: its path, told now and never again.

    Raises NotAllowed, NotFound, ThatIsYou, RankTooHigh.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        target = await named_over(log, actor, Permission.RULE_SITE, nick, "resetlink")
        token = await links.make_link(node.manager, target.user_id, actor.user_id)
        await _note(node, actor, "resetlink", user=target.name)
        log.answer = (
            f"A link for @{target.name} was made, and shown once. It is good for {links.HOURS} hours."
        )
    return log.reply, f"/reset/{token}"


async def _say_everywhere(
    node: Node, member: Member, text: str, request: Request, asked_at: datetime | None
) -> None:
    """Say it once in every room that there was when it was asked for."""
    sql = "SELECT id FROM rooms WHERE kind = 'room' AND created_at <= %s ORDER BY id"
    rows = await node.manager.rows(sql, asked_at)
    for (room_id,) in rows:
        names = await names_in(node, room_id, text)
        try:
            async with node.journal.transaction(room_id) as log:
                if not log.room.set.archived and log.room.kind == "room":
                    await _say(node, log, await log.member(member.user_id), text, names, _nonce(request))
        except AppError as error:
            # One room that cannot be reached must not keep it from the others.
            logger.warning("site: not said in room %d: %s", room_id, error)


async def _say(node: Node, log: Log, author: Member, text: str, names: dict[str, int], nonce: str) -> None:
    """Put words in a log for somebody who need not be a member; once under this nonce."""
    said = "SELECT 1 FROM messages WHERE room_id = %s AND author_id = %s AND nonce = %s"
    if await node.manager.value(said, log.room.id, author.user_id, nonce):
        return
    parts = msgspec.json.encode(parse(text, names))
    event = MessagePosted(by=author.person, text=text, parts=msgspec.Raw(parts), as_admin=True)
    kept = await log.record(event, nonce=nonce)
    log.room.last_ordinal += 1
    await node.manager.execute(
        "UPDATE messages SET text = %s, parts = %s::jsonb, ordinal = %s WHERE room_id = %s AND seq = %s",
        text,
        parts.decode(),
        log.room.last_ordinal,
        log.room.id,
        kept.seq,
    )
    await node.manager.execute(
        "UPDATE rooms SET last_ordinal = %s WHERE id = %s", log.room.last_ordinal, log.room.id
    )


def _typed(seconds: int) -> str:
    """A length as it is typed; nothing for no length."""
    if not seconds:
        return ""
    unit, size = next(
        one for one in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)) if seconds % one[1] == 0
    )
    return f"{seconds // size}{unit}"


def _nonce(request: Request) -> str:
    return f"~said/{digest(request.nonce).hex()[:32]}"


async def _resting(node: Node, user_id: int) -> list[int]:
    """That account and its bots, where they rest."""
    return [resting for (resting,) in await node.manager.rows(RESTING, user_id, user_id)]


async def _end(node: Node, room: Room, users: list[int]) -> str:
    """Tell every process to end their sessions and connections; what is to be said of one that is silent."""
    for user_id in users:
        tell_suspended(node.bus, user_id)
    return await _heard_of(node, room, users)


async def _heard_of(node: Node, room: Room, users: list[int]) -> str:
    """Wait until every process that holds sockets of theirs has heard: it hears this room's question after that."""
    rows = await node.manager.rows(
        "SELECT room_id, user_id FROM memberships WHERE user_id = ANY (%s::bigint[]) AND present_since IS NOT NULL",
        users,
    )
    try:
        nodes = {name for where in rows for name in await node.presence.nodes(*where)}
    except (RedisError, OSError) as error:
        logger.warning("site: who holds sockets of %s is not known: %s", users, error)
        return " Redis does not answer: other processes follow as soon as they hear of it."
    silent = await node.hub.confirm(room.id, 0, nodes)
    return " One process has not answered yet; it follows when it hears of it." if silent else ""


async def _note(node: Node, actor: Member, act: str, **facts: Any) -> None:
    await node.manager.execute(
        "INSERT INTO site_log (actor_id, act, body) VALUES (%s, %s, %s::jsonb)",
        actor.user_id,
        act,
        msgspec.json.encode(facts).decode(),
    )
