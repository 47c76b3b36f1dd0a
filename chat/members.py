"""Somebody in a room, with a role; and the look-up that is also the permission to come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.names import name_key
from chat.errors import NoSuchRoom, NotFound
from chat.events import Person
from chat.models import Room
from chat.notify import Notify
from chat.policy import Role, require_entry
from chat.suggest import near
from helpers.database import Manager

MEMBER_COLUMNS = """u.id, u.name, u.is_guest, u.is_admin, coalesce(m.is_member, false), coalesce(m.role, 0),
    coalesce(m.voiced, false), m.muted_until, m.banned_until, m.out_until, coalesce(m.reason, ''),
    coalesce(m.muted_reason, ''), m.present_since, coalesce(m.read_seq, 0), coalesce(m.floor, 1),
    coalesce(m.notify, 'mentions'), m.notify_until, coalesce(m.notify_then, 'mentions'), clock_timestamp()"""
ROOM_FIELDS = tuple(Room._meta.sorted_field_names)  # noqa: SLF001 - peewee's own way to ask
ROOM_COLUMNS = ", ".join(f"r.{name}" for name in ROOM_FIELDS)


@dataclass(slots=True)
class Member:
    """A user as one room knows them. `floor` is the first number they may see.

    `asked_at` is when this was so, by the database's clock: how long somebody is kept out is measured by that alone.
    """

    room_id: int
    user_id: int
    name: str
    guest: bool
    admin: bool
    is_member: bool
    rank: Role
    voiced: bool
    muted_until: datetime | None
    banned_until: datetime | None
    out_until: datetime | None
    reason: str
    muted_reason: str
    present_since: int | None
    read_seq: int
    floor: int
    notify: str
    notify_until: datetime | None
    notify_then: str
    asked_at: datetime

    @property
    def role(self) -> Role:
        """The rank that counts: a site admin's is above every room's."""
        return Role.ADMIN if self.admin else self.rank

    @property
    def told(self) -> tuple[str, Role, bool, datetime | None]:
        """What the room's events change of them while they listen."""
        return self.name, self.rank, self.voiced, self.muted_until

    @property
    def person(self) -> Person:
        """Who it is, as frames tell it."""
        return Person(self.user_id, self.name, self.guest)

    @property
    def wishes(self) -> Notify:
        """What they want to be told of this room."""
        return Notify(self.notify, self.notify_until, self.notify_then).at(self.asked_at)

    @property
    def is_muted(self) -> bool:
        """Whether they may read but not speak just now."""
        return self.muted_until is not None and self.muted_until > datetime.now(UTC)


def member_of(room_id: int, row: tuple[Any, ...]) -> Member:
    """A member from a row of `MEMBER_COLUMNS`."""
    user_id, name, guest, admin, is_member, rank, *rest = row
    if not is_member or not rank:
        rank = Role.GUEST if guest else Role.MEMBER
    member = Member(room_id, user_id, name, guest, admin, is_member, Role(rank), *rest)
    if admin:
        # Whose the site is may read all of every room they may enter.
        member.floor = 1
    return member


def room_of(row: tuple[Any, ...]) -> Room:
    """A room from a row of `ROOM_COLUMNS`."""
    return Room(**dict(zip(ROOM_FIELDS, row, strict=True)))


async def find_room(manager: Manager, slug: str) -> Room:
    """The room at this address, or at one it once had. Raises NoSuchRoom."""
    require_address(slug)
    row = await manager.row(f"SELECT {ROOM_COLUMNS} FROM rooms r WHERE r.slug = %s", slug)
    if row is None:
        row = await manager.row(
            f"SELECT {ROOM_COLUMNS} FROM rooms r JOIN room_slugs s ON s.room_id = r.id WHERE s.slug = %s",
            slug,
        )
    if row is None:
        raise NoSuchRoom
    return room_of(row)


async def address_of(manager: Manager, room: UUID | int | str) -> str:
    """The slug of the room with this uuid, this number, or this address of now or before. Raises NoSuchRoom.

    Digits in a text are an address first, and a number where there is none.
    """
    match room:
        case UUID():
            slug = await manager.value("SELECT slug FROM rooms WHERE uuid = %s", room)
        case int():
            slug = await manager.value("SELECT slug FROM rooms WHERE id = %s", room)
        case _:
            try:
                return str((await find_room(manager, room)).slug)
            except NoSuchRoom:
                if not (room.isascii() and room.isdigit() and len(room) < 19):
                    raise
            return await address_of(manager, int(room))
    if slug is None:
        raise NoSuchRoom
    return str(slug)


async def enter(manager: Manager, user_id: int, slug: str) -> tuple[Room, Member]:
    """The room at this address and the user as its member, if they may come in.

    A private room and none at all are refused alike. Raises NoSuchRoom, Banned, Removed.
    """
    require_address(slug)
    row = await manager.row(
        f"SELECT {ROOM_COLUMNS}, {MEMBER_COLUMNS} FROM rooms r JOIN users u ON u.id = %s "
        "LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = u.id WHERE r.slug = %s",
        user_id,
        slug,
    )
    if row is None:
        raise NoSuchRoom
    room = room_of(row[: len(ROOM_FIELDS)])
    member = member_of(room.id, row[len(ROOM_FIELDS) :])
    admit(room, member)
    return room, member


async def enter_by_any(manager: Manager, user_id: int, slug: str) -> tuple[Room, Member]:
    """The same at an address that the room once had, too. Raises NoSuchRoom, Banned, Removed."""
    try:
        return await enter(manager, user_id, slug)
    except NoSuchRoom:
        room = await find_room(manager, slug)
        if room.slug == slug:
            raise
        return await enter(manager, user_id, room.slug)


def require_address(slug: str) -> None:
    """Refuse what can be no room's address. Raises NoSuchRoom."""
    # PostgreSQL's text can hold neither a NUL nor half of a character, not even to look for it.
    if "\0" in slug or any("\ud800" <= character <= "\udfff" for character in slug):
        raise NoSuchRoom


def admit(room: Room, member: Member) -> None:
    """Refuse who may not come in; who does without being a member reads no more than a member who came now.

    Raises NoSuchRoom, Banned, Removed.
    """
    switches = room.set
    closed = switches.private or (member.guest and not switches.guests_welcome)
    # What two say to each other is no admin's business, and in the bin is nobody.
    if room.kind != "room" and (not member.is_member or room.kind == "gone"):
        raise NoSuchRoom
    if closed and not member.is_member and not member.admin:
        # A ban is told only to those who could know of the room.
        raise NoSuchRoom
    require_entry(
        now=member.asked_at,
        banned_until=member.banned_until,
        out_until=member.out_until,
        reason=member.reason,
        room=room.slug,
    )
    if switches.history_from_join and not member.is_member and not member.admin:
        member.floor = max(member.floor, room.last_seq + 1)


async def memberships_of(manager: Manager, user_id: int, room_id: int = 0, most: int = 500) -> list[Member]:
    """Somebody as the rooms know them that they are a member of, the liveliest first; or as that one room does."""
    rows = await manager.rows(
        f"SELECT r.id, {MEMBER_COLUMNS} FROM memberships m JOIN users u ON u.id = m.user_id "
        "JOIN rooms r ON r.id = m.room_id WHERE m.user_id = %s AND m.is_member AND (%s = 0 OR m.room_id = %s) "
        "ORDER BY r.last_at DESC, r.id LIMIT %s",
        user_id,
        room_id,
        room_id,
        most,
    )
    return [member_of(row[0], row[1:]) for row in rows]


async def member_in(manager: Manager, room_id: int, user_id: int) -> Member | None:
    """The user as this room knows them, or None for no such user."""
    row = await manager.row(
        f"SELECT {MEMBER_COLUMNS} FROM users u "
        "LEFT JOIN memberships m ON m.room_id = %s AND m.user_id = u.id WHERE u.id = %s",
        room_id,
        user_id,
    )
    return member_of(room_id, row) if row else None


async def named_in(manager: Manager, room_id: int, name: str) -> Member:
    """The account of that name, whatever the case, or a guest of it who is in this room, as the room knows them.

    Raises NotFound with close names.
    """
    key = name_key(name.removeprefix("@"))
    row = await manager.row(
        f"SELECT {MEMBER_COLUMNS} FROM users u "
        "LEFT JOIN memberships m ON m.room_id = %s AND m.user_id = u.id "
        "WHERE u.name_key = %s AND u.id > 0 AND (NOT u.is_guest OR m.present_since IS NOT NULL) "
        "ORDER BY u.is_guest LIMIT 1",
        room_id,
        key,
    )
    if row is None:
        raise NotFound(name.removeprefix("@"), await _close_to(manager, room_id, key))
    return member_of(room_id, row)


async def _close_to(manager: Manager, room_id: int, key: str) -> list[str]:
    rows = await manager.rows(
        "SELECT u.name, u.name_key FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.room_id = %s AND (m.is_member OR m.present_since IS NOT NULL) LIMIT 1000",
        room_id,
    )
    names = {name_key: name for name, name_key in rows}
    return [names[close] for close in near(key, names)]
