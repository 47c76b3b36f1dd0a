"""Rooms themselves: made, described, listed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import msgspec
import peewee

from chat.actions.actors import actor_in, require_hearing
from chat.actions.messages import require_speech_of
from chat.actions.ruling import keep_act, require_rule
from chat.errors import BadSlug, NotSet, ReservedSlug, SlugTaken
from chat.events import MemberAdded, TopicChanged
from chat.forbidden import Disabled
from chat.lines import one_line
from chat.log import Answer, Request
from chat.members import ROOM_COLUMNS, Member, find_room, room_of
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, Switches, require
from chat.signals import Belongs
from chat.unread import HIDDEN, MENTIONS
from helpers.throttle import RateLimited

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
RESERVED = frozenset({"new", "all", "ws", "api", "join", "direct", "archive"})
MOST_TITLE = 64
NOT_IN_SLUG = re.compile(r"[^a-z0-9_]+", re.ASCII)
# Also those that lie in the bin: making and deleting them has an end, too.
MADE = """SELECT count(*), extract(epoch FROM min(created_at) + interval '1 hour' - now()) FROM rooms
    WHERE created_by = %s AND kind <> 'direct' AND created_at > now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM users WHERE id = %s AND is_admin)"""


class TooManyRooms(RateLimited):
    """One account makes only so many rooms within an hour."""

    message = "You have made many rooms within an hour. The next one can be made in {pause}."


class OnlyAdminsMakeRooms(Disabled):
    """Everybody may not make rooms on this site."""

    message = "The site admin switched this off. Ask an admin of the site to make the room."


async def require_maker(node: Node, user_id: int) -> None:
    """Refuse who may not make rooms on this site, or made very many within an hour. Raises Disabled, TooManyRooms."""
    if not await may_make(node, user_id):
        raise OnlyAdminsMakeRooms
    row = await node.manager.row(MADE, user_id, user_id)
    if row is not None and row[0] >= node.limits.new_rooms:
        raise TooManyRooms(float(row[1]))


async def may_make(node: Node, user_id: int) -> bool:
    """Whether somebody may make rooms: the site says who does."""
    if node.limits.rooms_by_all:
        return True
    return bool(await node.manager.value("SELECT is_admin FROM users WHERE id = %s", user_id))


def slug_of(title: str) -> str:
    """An address made of a title; empty where nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return NOT_IN_SLUG.sub("-", plain).strip("-_")[:32].rstrip("-_")


def require_slug(slug: str) -> str:
    """Raises BadSlug, ReservedSlug."""
    if not SLUG.fullmatch(slug):
        raise BadSlug
    if slug in RESERVED:
        raise ReservedSlug(slug)
    return slug


async def create(
    node: Node,
    user_id: int,
    slug: str,
    title: str = "",
    *,
    topic: str = "",
    private: bool = False,
    guests: bool = False,
) -> Room:
    """Make a room; who makes it owns it. Raises BadSlug, ReservedSlug, SlugTaken, TooLong, Unreadable."""
    try:
        async with node.manager.transaction():
            room = await _insert(
                node, user_id, slug, title, topic, Switches(private=private, guests_welcome=guests)
            )
    except peewee.IntegrityError as error:
        raise SlugTaken(slug) from error
    if user_id:
        await _begin(node, room, user_id)
    return await find_room(node.manager, slug)


async def create_by_word(
    node: Node, room: Room, member: Member, slug: str, private: bool, request: Request | None = None
) -> Answer:
    """The same for somebody who asks for it in another room, where the receipt is kept.

    Raises NotAllowed, Disabled, TooManyRooms, BadSlug, ReservedSlug, SlugTaken.
    """
    slug = require_slug(slug)
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await actor_in(log, member.user_id)
            require(actor.role, Permission.CREATE_ROOM, command="create")
            await require_maker(node, actor.user_id)
            made = await _insert(node, actor.user_id, slug, slug, "", Switches(private=private))
            log.answer = f"#{slug} is yours: /rooms/{slug}"
    except peewee.IntegrityError as error:
        raise SlugTaken(slug) from error
    await _begin(node, made, member.user_id)
    return log.reply


async def _insert(node: Node, user_id: int, slug: str, title: str, topic: str, switches: Switches) -> Room:
    slug = require_slug(slug)
    title = one_line(title or slug, MOST_TITLE, "title")
    topic = one_line(topic, node.limits.topic, "topic") if topic.strip() else ""
    if await node.manager.value("SELECT 1 FROM room_slugs WHERE slug = %s", slug):
        raise SlugTaken(slug)
    row = await node.manager.row(
        f"INSERT INTO rooms AS r (slug, title, topic, switches, created_by) "
        f"VALUES (%s, %s, %s, %s::jsonb, %s) RETURNING {ROOM_COLUMNS}",
        slug,
        title,
        topic,
        msgspec.json.encode(switches.told()).decode(),
        user_id,
    )
    assert row is not None
    room = room_of(row)
    if user_id:
        await node.manager.execute(
            "INSERT INTO memberships (room_id, user_id, role) VALUES (%s, %s, %s)",
            room.id,
            user_id,
            Role.OWNER,
        )
    return room


async def _begin(node: Node, room: Room, user_id: int) -> None:
    """The first entry of its log: who owns it."""
    async with node.journal.transaction(room.id) as log:
        owner = await log.member(user_id)
        await log.record(MemberAdded(by=owner.person, user=owner.person))
    node.hub.audience.signal(Belongs(user_id, room.id, True))


async def set_topic(
    node: Node, room: Room, member: Member, topic: str, request: Request | None = None
) -> Answer:
    """Say what the room is about; an empty topic says nothing.

    Raises NotAllowed, DirectRoom, TooLong, Unreadable, NotSet, Muted, and where members may set it what forbids them to
    speak.
    """
    topic = one_line(topic, node.limits.topic, "topic") if topic.strip() else ""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await actor_in(log, member.user_id)
        require_rule(log, actor, Permission.SET_TOPIC, None, "topic")
        if actor.role < Role.MODERATOR:
            # All read the topic: who may not speak here does not do it there.
            require_speech_of(actor, log.room)
        elif topic:
            require_hearing(log, actor)
        if not topic and not log.room.topic:
            raise NotSet("There is no topic. /topic text sets one")
        before = {"topic": log.room.topic}
        changed = await log.record(TopicChanged(by=actor.person, topic=topic))
        await keep_act(node, log, actor, changed, before=before, undoable=True)
        log.answer = "The topic is set." if topic else "The topic is empty now."
    return log.reply


@dataclass(frozen=True, slots=True)
class Listed:
    """A room in a list: who is here now, when it was last alive, what one has not read there and is told of."""

    slug: str
    title: str
    topic: str
    kind: str
    private: bool
    archived: bool
    here: int
    last_at: datetime
    member: bool
    unread: int
    mentions: int
    notify: str


# A room of two is called by the other one's name.
TITLE = """CASE WHEN r.kind = 'direct' THEN coalesce((SELECT o.name FROM direct_rooms d
    JOIN users o ON o.id = CASE WHEN d.low = m.user_id THEN d.high ELSE d.low END WHERE d.room_id = r.id), '')
    ELSE r.title END"""
LIST = f"""SELECT r.slug, {TITLE}, r.topic, r.kind, coalesce((r.switches->>'private')::boolean, false),
    coalesce((r.switches->>'archived')::boolean, false),
    (SELECT count(*) FROM memberships p WHERE p.room_id = r.id AND p.present_since IS NOT NULL), r.last_at,
    coalesce(m.is_member, false),
    CASE WHEN m.is_member
        THEN greatest(0, r.last_ordinal - greatest(m.read_ordinal, r.cleared_ordinal) - {HIDDEN}) ELSE 0 END,
    CASE WHEN m.is_member THEN {MENTIONS} ELSE 0 END,
    coalesce(CASE WHEN m.notify_until <= now() THEN m.notify_then ELSE m.notify END, 'mentions')
    FROM rooms r LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = %s
    WHERE (m.is_member OR (r.kind = 'room' AND NOT coalesce((r.switches->>'private')::boolean, false)
            AND ((r.switches->>'guests_welcome')::boolean IS TRUE
                OR NOT EXISTS (SELECT FROM users g WHERE g.id = %s AND g.is_guest))))
        AND (m.banned_until IS NULL OR m.banned_until < now()) AND (%s OR m.is_member)
    ORDER BY {{order}} LIMIT %s"""


async def visible_to(node: Node, user_id: int, *, mine: bool = False, most: int = 500) -> list[Listed]:
    """The rooms somebody may know of, the liveliest first; with `mine` those they are a member of, by address.

    A guest knows of those that welcome guests.
    """
    order = "r.slug" if mine else "7 DESC, r.last_at DESC, r.slug"
    rows = await node.manager.rows(LIST.format(order=order), user_id, user_id, not mine, most)
    return [Listed(*row) for row in rows]
