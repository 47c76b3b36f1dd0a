"""What can be asked about a room and those in it. Nothing here changes anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from chat.actions import rooms
from chat.actions.ignored import ignored_by
from chat.errors import Gone
from chat.events import MessagePosted
from chat.members import Member, named_in
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, may
from chat.times import say_count, say_until
from helpers.errors import AppError

# What people say of themselves is for those they share a room with.
SHARE_A_ROOM = """SELECT 1 FROM memberships a JOIN memberships b ON b.room_id = a.room_id
    WHERE a.user_id = %s AND b.user_id = %s AND (a.is_member OR a.present_since IS NOT NULL)
    AND (b.is_member OR b.present_since IS NOT NULL) LIMIT 1"""
MOST_LINES = 100
MOST_ROOMS = 100
USUAL = 20


class NothingSince(AppError):
    """A day after which nothing has happened yet."""

    code = "gone"
    message = "Nothing has happened in this room since {day}. /history shows what was said last."
    status = 404

    def __init__(self, moment: datetime) -> None:
        super().__init__(day=_day(moment))


async def about(node: Node, room: Room, member: Member, nick: str) -> str:
    """Who somebody is in this room; moderators also hear of mutes and bans. Raises NotFound."""
    one = await named_in(node.manager, room.id, nick)
    since = await node.manager.value(
        "SELECT joined_at FROM memberships WHERE room_id = %s AND user_id = %s AND is_member",
        room.id,
        one.user_id,
    )
    said = [f"@{one.name} · {one.role.word if one.is_member or one.admin or one.guest else 'not a member'}"]
    if since is not None:
        said.append(f"a member since {_day(since)}")
    said.append("here now" if one.present_since is not None else "not here now")
    status = node.hub.statuses.of(one.user_id).words(one.asked_at)
    if status and await node.manager.value(SHARE_A_ROOM, one.user_id, member.user_id):
        said.append(status)
    if one.voiced:
        said.append("may speak while the room is moderated")
    if may(member.role, Permission.MUTE, room.set):
        now = one.asked_at
        for word, until, why in (
            ("muted", one.muted_until, one.muted_reason),
            ("banned", one.banned_until, one.reason),
            ("out", one.out_until, one.reason),
        ):
            if until is not None and until > now:
                said.append(f"{word} {say_until(until, now)}{f' ({why})' if why else ''}")
    return "\n".join(said)


async def list_rooms(node: Node, member: Member, words: str) -> str:
    """The rooms somebody may see, those with most people first; with words, those whose name or topic holds them."""
    wanted = words.casefold()
    found = [
        f"#{one.slug} · {one.here} here{', private' if one.private else ''}{', archived' if one.archived else ''}"
        f"{f' · {one.topic}' if one.topic else ''}"
        for one in await rooms.visible_to(node, member.user_id)
        if one.kind == "room" and wanted in f"{one.slug} {one.title} {one.topic}".casefold()
    ]
    if not found:
        return (
            f"No room here has {words!r} in its name or topic." if words else "There is no room to be seen."
        )
    more = len(found) - MOST_ROOMS
    return "\n".join([*found[:MOST_ROOMS], *([f"and {more} more"] if more > 0 else [])])


async def stats(node: Node, room: Room) -> str:
    """How many people and messages a room has."""
    row = await node.manager.row(
        "SELECT count(*) FILTER (WHERE m.is_member), count(*) FILTER (WHERE m.present_since IS NOT NULL), "
        "(SELECT last_ordinal - cleared_ordinal FROM rooms WHERE id = %s) FROM memberships m WHERE m.room_id = %s",
        room.id,
        room.id,
    )
    assert row is not None
    members, here, messages = row
    return (
        f"#{room.slug}: {say_count(members, 'member')}, {here:,} here, {say_count(messages, 'message')}, "
        f"made on {_day(room.created_at)}."
    )


async def latest(node: Node, room: Room, member: Member, back: int | timedelta) -> str:
    """What was said last: so many messages, or as far back as that; a hundred at most."""
    now = datetime.now(UTC)
    most = min(back, MOST_LINES) if isinstance(back, int) else MOST_LINES
    page = await node.history.words(room.id, 2**62, most, member.floor)
    unheard = await ignored_by(node, member.user_id)
    said = [
        event for event in page.entries if isinstance(event, MessagePosted) and event.by.id not in unheard
    ]
    if isinstance(back, timedelta):
        said = [event for event in said if now - event.at <= back]
    lines = [f"{one.at.astimezone(UTC):%H:%M} {_line(one)}" for one in said]
    return "\n".join(lines) or "Nothing was said in that time."


async def place_of(node: Node, room: Room, member: Member, where: int | date) -> str:
    """The address of a message, or of the first thing that happened on a day. Raises Gone, NothingSince."""
    last: int = await node.manager.value("SELECT last_seq FROM rooms WHERE id = %s", room.id)
    if isinstance(where, date):
        moment = datetime(where.year, where.month, where.day, tzinfo=UTC)
        where = await _first_on(node, room, member, moment)
        if where > last:
            raise NothingSince(moment)
    if not member.floor <= where <= last:
        raise Gone
    return f"/rooms/{room.slug}?at={where}#m{where}"


async def _first_on(node: Node, room: Room, member: Member, moment: datetime) -> int:
    """The first number not before a moment; they are in the order of time, so halving finds it soon."""
    low = member.floor
    high: int = await node.manager.value("SELECT last_seq + 1 FROM rooms WHERE id = %s", room.id)
    while low < high:
        middle = (low + high) // 2
        at = await node.manager.value(
            "SELECT at FROM messages WHERE room_id = %s AND seq >= %s ORDER BY seq LIMIT 1", room.id, middle
        )
        if at is not None and at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _line(one: MessagePosted) -> str:
    return f"* {one.by.name} {one.text}" if one.style == "action" else f"{one.by.name}: {one.text}"


def _day(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y}"
