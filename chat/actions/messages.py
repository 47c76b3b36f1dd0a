"""Words: said, said otherwise, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from chat.actions.actors import actor_in
from chat.actions.ruling import keep_act, require_rule
from chat.errors import EditWindow, Gone, NoMessage
from chat.events import MessageEdited, MessageRemoved
from chat.forbidden import Archived, NotYours
from chat.log import Answer, Log, Repeated, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.parts import Part, mentioned, parse, spoiled, spoiler, tidy, unspoiled
from chat.policy import Permission, Role, require_speech
from chat.post import Post
from helpers.errors import AppError

LAST = -1
"""No number a client could send: a frame that names no message takes none back."""
FURTHEST_BACK = 10_000


async def post(
    node: Node,
    room: Room,
    member: Member,
    text: str,
    request: Request,
    *,
    style: str = "",
    reply_to: int = 0,
    parts: list[Part] | None = None,
) -> Answer:
    """Say something. Returns once it is kept; the same request again returns the same answer.

    `parts` is how it is shown, where that is not to be read from the text.

    Raises TooLong, Empty, Unreadable, TooFast, Gone (no such message to reply to), and what the journal refuses.
    """
    text = tidy(text, node.limits.text)
    require_speech_of(member, room)
    if reply_to:
        await _require_message(node, room, reply_to)
    names = {} if parts is not None else await names_in(node, room.id, text)
    return await node.journal.append(written(room, member, text, request, names, style, reply_to, parts))


def plain(room: Room, member: Member, text: str, request: Request) -> Post:
    """The post of tidy words that name nobody. Raises what forbids to speak."""
    require_speech_of(member, room)
    return written(room, member, text, request)


def written(
    room: Room,
    member: Member,
    text: str,
    request: Request,
    names: Mapping[str, int] | None = None,
    style: str = "",
    reply_to: int = 0,
    parts: list[Part] | None = None,
) -> Post:
    """The post of tidy words; `names` are the ids of those who may be meant by name."""
    parts = parse(text, names) if parts is None else parts
    return Post(
        room_id=room.id,
        room=room.slug,
        author=member.person,
        nonce=request.nonce,
        digest=request.digest,
        text=text,
        parts=msgspec.json.encode(parts),
        mentions=[part["id"] for part in parts if part["t"] == "mention"] if names else [],
        style=style,
        reply_to=reply_to,
        as_admin=member.admin and speaks_as_admin(member, room),
        shown_nonce="" if request.nonce.startswith("~") else request.nonce,
    )


def require_speech_of(member: Member, room: Room) -> None:
    """Refuse quickly who may not speak, by what is known here; the journal decides under the room's lock."""
    _require_speech_as(member, member.role, room)


def speaks_as_admin(member: Member, room: Room) -> bool:
    """Whether an admin of the site speaks here only for being one: by their own rank they could not just now."""
    try:
        _require_speech_as(member, member.rank, room)
    except AppError:
        return True
    return False


def _require_speech_as(member: Member, role: Role, room: Room) -> None:
    require_speech(
        role,
        room.set,
        now=datetime.now(UTC),
        voiced=member.voiced,
        muted_until=member.muted_until,
        reason=member.muted_reason,
        room=room.slug,
    )


async def edit(node: Node, room: Room, member: Member, target: int, text: str, request: Request) -> Answer:
    """Change one's own words, a few hours long; `LAST` means the last that were said here. What was hidden stays so.

    Raises Gone, NotYours, EditWindow, NoMessage, and what forbids to speak.
    """
    text = tidy(text, node.limits.text)
    names = await names_in(node, room.id, text)
    parts = parse(text, names)
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            require_speech_of(actor, log.room)
            log.as_admin = actor.admin and speaks_as_admin(actor, log.room)
            if target == LAST:
                target = await _last_of(node, log, actor.user_id)
            author_id, at = await _said_by(node, log, target)
            if author_id != actor.user_id:
                raise NotYours
            if log.now - at > timedelta(seconds=node.limits.edit):
                raise EditWindow(node.limits.edit // 3600)
            if await _is_spoiler(node, log, target):
                text = spoiled(unspoiled(text))
                parts = [spoiler(unspoiled(text))]
            encoded = msgspec.Raw(msgspec.json.encode(parts))
            await log.record(MessageEdited(by=actor.person, target=target, text=text, parts=encoded))
    except Repeated as repeated:
        return repeated.answer
    return log.reply


async def remove(
    node: Node, room: Room, member: Member, target: int, request: Request, reason: str = ""
) -> Answer:
    """Take back one's own words, or as a moderator another's; `LAST` means the last of one's own.

    Raises Archived, Gone, NoMessage, NotAllowed, DirectRoom, RankTooHigh, MutedReason.
    """
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            if log.room.set.archived:
                raise Archived(log.room.slug)
            if target == LAST:
                target = await _last_of(node, log, actor.user_id)
            author_id, _ = await _said_by(node, log, target)
            author, permission = actor, Permission.REMOVE_OWN
            if author_id != actor.user_id:
                author, permission = await log.member(author_id), Permission.REMOVE_OTHERS
                require_rule(log, actor, permission, author, "")
            removed = await log.record(MessageRemoved(by=actor.person, target=target, reason=reason))
            await keep_act(node, log, actor, removed, target=author, reason=reason, undoable=True)
    except Repeated as repeated:
        return repeated.answer
    return log.reply


async def names_in(node: Node, room_id: int, text: str) -> dict[str, int]:
    """Who of those the text may mention is somebody in this room, by name key."""
    keys = mentioned(text)
    if not keys:
        return {}
    rows = await node.manager.rows(
        "SELECT u.name_key, u.id FROM users u JOIN memberships m ON m.user_id = u.id AND m.room_id = %s "
        "WHERE u.name_key = ANY (%s::text[]) AND (m.is_member OR m.present_since IS NOT NULL)",
        room_id,
        list(keys),
    )
    return dict(rows)


async def _require_message(node: Node, room: Room, seq: int) -> None:
    found = await node.manager.value(
        "SELECT 1 FROM messages WHERE room_id = %s AND seq = %s AND kind = 'message'", room.id, seq
    )
    if found is None:
        raise Gone


async def _last_of(node: Node, log: Log, user_id: int) -> int:
    """The number of the last words somebody said here, of those that are there to be read. Raises NoMessage."""
    # The look back has an end: who has not spoken for so long does not wait for the whole log to be read.
    seq: int | None = await node.manager.value(
        "SELECT seq FROM messages WHERE room_id = %s AND seq > %s AND author_id = %s AND kind = 'message' "
        "AND gone_seq IS NULL ORDER BY seq DESC LIMIT 1",
        log.room.id,
        max(log.room.cleared_upto, log.room.last_seq - FURTHEST_BACK),
        user_id,
    )
    if seq is None:
        raise NoMessage
    return seq


async def _is_spoiler(node: Node, log: Log, target: int) -> bool:
    """Whether a message hides its words."""
    return bool(
        await node.manager.value(
            """SELECT parts @> '[{"t": "spoiler"}]' FROM messages WHERE room_id = %s AND seq = %s""",
            log.room.id,
            target,
        )
    )


async def _said_by(node: Node, log: Log, target: int) -> tuple[int, datetime]:
    """Whose words these are and since when they stand there. Raises Gone."""
    row = await node.manager.row(
        "SELECT author_id, at FROM messages WHERE room_id = %s AND seq = %s AND kind = 'message' "
        "AND gone_seq IS NULL AND seq > %s",
        log.room.id,
        target,
        log.room.cleared_upto,
    )
    if row is None:
        raise Gone
    return row[0], row[1]
