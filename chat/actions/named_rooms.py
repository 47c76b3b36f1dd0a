"""Rooms that guests name: found by what they are called, made where there is none, and never a private one."""

from __future__ import annotations

import hashlib
import unicodedata

from accounts.names import fold
from chat.actions import rooms
from chat.actions.newcomers import ClosedForGood
from chat.actions.rooms import RESERVED, slug_of
from chat.errors import Busy, Empty, NoSuchRoom, SlugTaken, TooLong, Unreadable
from chat.members import find_room
from chat.models import Room
from chat.node import Node
from chat.parts import tidy
from helpers.errors import AppError
from helpers.throttle import Throttle

START = "Default"
SHORTEST, LONGEST = 3, 20
TRIES = 20
LONGEST_SLUG = 32
MOST_LISTED = 1_000
AN_HOUR = 3600
MOST_NAMED = 300
"""Rooms that all guests together may name into being within an hour."""


class BadRoomName(AppError):
    """This cannot be the name of a room."""

    code = "bad_slug"
    message = f"Room name must be a string and between {SHORTEST}-{LONGEST} chars."

    def __init__(self) -> None:
        super().__init__(field="room")


async def people_in(node: Node, name: str) -> list[str]:
    """Who is in the room of that name, in the order in which they came; nobody where guests may not come in.

    A room is not made for being asked after.
    """
    try:
        found = await _look_for(node, name)
    except NoSuchRoom:
        return []
    if not isinstance(found, Room):
        return []
    rows = await node.manager.rows(
        "SELECT u.name FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.room_id = %s AND m.present_since IS NOT NULL ORDER BY m.present_since, u.id LIMIT %s",
        found.id,
        MOST_LISTED,
    )
    return [called for (called,) in rows]


def require_room_name(name: object) -> str:
    """The title in what a guest calls a room. Raises BadRoomName."""
    if not isinstance(name, str):
        raise BadRoomName
    try:
        title = " ".join(tidy(name, 10 * LONGEST).split())
    except (Empty, TooLong, Unreadable):
        raise BadRoomName from None
    is_seen = all(unicodedata.category(letter)[0] != "C" for letter in title)
    if not SHORTEST <= len(title) <= LONGEST or not is_seen:
        # What cannot be seen would turn other words around, in every list of rooms.
        raise BadRoomName
    return title


def slugs_of(name: str) -> list[str]:
    """The addresses at which a room of that name may stand, the first one first.

    Where letters would be lost in an address, what tells names apart is added: two names in one script that have
    only a digit in common are not one room.
    """
    name = " ".join(name.split())
    slug = slug_of(name)
    is_lost = any(letter.isalnum() and not letter.isascii() for letter in unicodedata.normalize("NFKD", name))
    if not slug or is_lost:
        slug = f"{slug or 'room'}-{hashlib.sha256(fold(name).encode()).hexdigest()[:8]}"
    further = [f"{slug[: LONGEST_SLUG - 2]}-{number}" for number in (2, 3)]
    return [one for one in (slug, *further) if one not in RESERVED]


async def room_to_begin_in(node: Node) -> Room:
    """Where every guest begins, made if there is none. Raises NoSuchRoom, Busy."""
    for _ in range(TRIES):
        found = await _look_for(node, START, coming=True)
        if isinstance(found, Room):
            return found
        try:
            return await rooms.create(node, 0, found, START, guests=True)
        except SlugTaken:
            continue
    raise Busy


async def room_called(node: Node, title: str, address: str) -> Room:
    """The room of that title, made if there is none.

    Raises NoSuchRoom, ClosedForGood, Disabled, RateLimited, Busy, Unavailable.
    """
    for _ in range(TRIES):
        found = await _look_for(node, title, coming=True)
        if isinstance(found, Room):
            return found
        if not node.limits.rooms_by_all:
            raise rooms.OnlyAdminsMakeRooms
        await Throttle("guest-rooms", limit=node.limits.named_rooms, seconds=AN_HOUR).require(
            node.redis, address
        )
        await Throttle("guest-rooms", limit=MOST_NAMED, seconds=AN_HOUR).require(node.redis, "everybody")
        try:
            # Nobody owns it: the admins of the site rule there.
            return await rooms.create(node, 0, found, title, guests=True)
        except SlugTaken:
            continue
    raise Busy


async def _look_for(node: Node, name: str, *, coming: bool = False) -> Room | str:
    """The room that guests mean by this name, or the address at which one may be made.

    A private room is passed over as if it were not there: nobody learns of it by its name. One that everybody may
    know of but guests may not enter is refused, and so is who is `coming` where it is archived; only the room to begin
    in is another then. Raises NoSuchRoom, ClosedForGood.
    """
    slugs = slugs_of(name)
    for slug in slugs:
        try:
            room = await find_room(node.manager, slug)
        except NoSuchRoom:
            return slug
        if room.set.private or room.kind != "room":
            continue
        closed = coming and room.set.archived
        if room.set.guests_welcome and not closed:
            return room
        if slugs != slugs_of(START):
            raise ClosedForGood(room.slug) if room.set.guests_welcome else NoSuchRoom
    raise NoSuchRoom
