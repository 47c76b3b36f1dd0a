"""People without an account: coming in under a name, changing it, and going from room to room."""

from __future__ import annotations

import logging
import secrets
import uuid
from datetime import timedelta

from redis.exceptions import RedisError

from accounts.guests import NickTaken, add_guest, clean_nick, is_accounts_name, rename_guest
from accounts.names import fold
from chat.actions.actors import actor_in, require_hearing
from chat.actions.named_rooms import require_room_name, room_called, room_to_begin_in
from chat.comings import leave
from chat.errors import Busy, NoSuchRoom, TooFast
from chat.events import Here, MemberJoined, Person, Renamed
from chat.forbidden import Removed
from chat.guests import A_FRAME, Guest
from chat.log import Log
from chat.members import admit, member_in
from chat.models import Room
from chat.node import Node
from chat.presence import Mark
from helpers.errors import AppError
from helpers.throttle import Throttle

logger = logging.getLogger(__name__)

NAMES = 1_000_000
TRIES = 20
TEN_MINUTES = 600
CALLED_SO = """SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.room_id = %s AND u.name_key = %s AND u.id <> %s AND m.present_since IS NOT NULL"""


class NickTakenThere(AppError):
    """In the room they would go to, somebody is called so; in their own it is themselves."""

    code = "name_taken"
    message = "Name already in use in this room."
    status = 409

    def __init__(self) -> None:
        super().__init__(field="room")


# -- coming and going ------------------------------------------------------------------------------------------


async def come(node: Node, address: str) -> Guest:
    """Somebody new, under a name of chance, about to come into the room where all begin. Pair it with `go`.

    Raises RateLimited, Removed, NoSuchRoom, Busy, Unavailable.
    """
    arrivals = Throttle("guests", limit=node.limits.arrivals, seconds=TEN_MINUTES)
    await arrivals.require(node.redis, address)
    room = await room_to_begin_in(node)
    await _require_entry(node, room, address)
    owner = f"{node.name}/{uuid.uuid4().hex}"
    name = await _name_of_chance(node, room.id, owner)
    try:
        user_id = await add_guest(node.manager, name)
    except BaseException:
        await node.guests.claims.release(room.id, fold(name), owner)
        raise
    guest = Guest(Person(user_id, name, True), address, owner, room.id)
    node.guests.add(guest)
    return guest


async def give_up_name(node: Node, guest: Guest, room_id: int) -> None:
    """They are about to go. Whoever hears that they left may be called so: nobody is before, see `_require_free`."""
    await _let_go(node, room_id, guest.key, guest)


async def go(node: Node, guest: Guest) -> None:
    """They are gone, and their leaving was recorded: what they leave behind goes as well, but for what they said."""
    try:
        await node.guests.remove(guest)
    except (AppError, RedisError, OSError) as error:
        logger.warning("guests: %s is swept away later: %s", guest.person.name, error)


async def show_out(node: Node, guest: Guest) -> None:
    """They were shown out of their room: as long as that holds, nobody else is let in there from their address."""
    member = await member_in(node.manager, guest.room_id, guest.person.id)
    if member is None:
        return
    left = [until - member.asked_at for until in (member.out_until, member.banned_until) if until is not None]
    seconds = max(left, default=timedelta()).total_seconds()
    await node.guests.shut_out(guest.room_id, guest.address, seconds)


def require_patience(node: Node, guest: Guest) -> None:
    """Count one thing done by this guest, and by all from their address. Raises TooFast."""
    wait = node.patience(guest.person.id) or node.guests.patience(guest.address)
    if wait:
        raise TooFast(wait)


def require_quiet(node: Node, guest: Guest) -> None:
    """Count one frame of any kind from the guest's address. Raises TooFast."""
    wait = node.guests.patience(guest.address, A_FRAME)
    if wait:
        raise TooFast(wait)


async def _require_entry(node: Node, room: Room, address: str) -> None:
    seconds = await node.guests.shut_out_for(room.id, address)
    if seconds:
        now = await node.manager.value("SELECT clock_timestamp()")
        raise Removed(now + timedelta(seconds=seconds), room=room.slug, now=now)


async def _name_of_chance(node: Node, room_id: int, owner: str) -> str:
    for _ in range(TRIES):
        name = f"User{secrets.randbelow(NAMES)}"
        if await _take(node, room_id, fold(name), owner):
            return name
    raise Busy


async def _take(node: Node, room_id: int, key: str, owner: str) -> bool:
    if await is_accounts_name(node.manager, key):
        return False
    return await node.guests.claims.claim(room_id, key, owner)


# -- names -----------------------------------------------------------------------------------------------------


async def rename(node: Node, guest: Guest, nick: object) -> None:
    """Call a guest as they wish, where they are. Raises BadNick, NickTaken, Muted, Locked, Unavailable."""
    name = clean_nick(nick)
    if name == guest.person.name:
        raise NickTaken
    if fold(name) != guest.key and not await _take(node, guest.room_id, fold(name), guest.owner):
        raise NickTaken
    await _rename(node, guest, name, told=True)


async def rename_by_chance(node: Node, guest: Guest) -> None:
    """Their name is somebody else's now: they get one of chance, and are told like everybody. Raises Unavailable."""
    await _rename(node, guest, await _name_of_chance(node, guest.room_id, guest.owner), told=False)


async def _rename(node: Node, guest: Guest, name: str, *, told: bool) -> None:
    was = guest.person
    renamed = Person(was.id, name, True)
    # Whoever asked for it is answered: a nonce keeps the event from them.
    nonce = uuid.uuid4().hex if told else ""
    is_other = fold(name) != guest.key
    if is_other:
        # Before it is told: who hears that a name is given up may take it.
        await _let_go(node, guest.room_id, guest.key, guest)
    try:
        async with node.journal.transaction(guest.room_id, was.id) as log:
            member = await actor_in(log, was.id)
            if told:
                require_hearing(log, member)
            await _require_free(node, guest.room_id, fold(name), was.id, NickTaken)
            await rename_guest(node.manager, was.id, name)
            await log.record(Renamed(by=renamed, user=renamed, was=was.name, nonce=nonce))
    except BaseException:
        if is_other:
            await _let_go(node, guest.room_id, fold(name), guest)
            await _take_back(node, guest)
        raise
    guest.person = renamed


async def _require_free(node: Node, room_id: int, key: str, user_id: int, refusal: type[AppError]) -> None:
    """Refuse the name of somebody else in the room: asked under its lock, nobody who comes or goes is missed."""
    if await node.manager.row(CALLED_SO, room_id, key, user_id) is not None:
        raise refusal


async def _take_back(node: Node, guest: Guest) -> None:
    try:
        await node.guests.claims.claim(guest.room_id, guest.key, guest.owner)
    except AppError as error:
        logger.warning("guests: a name is not held just now: %s", error)


async def _let_go(node: Node, room_id: int, key: str, guest: Guest) -> None:
    try:
        await node.guests.claims.release(room_id, key, guest.owner)
    except AppError as error:
        logger.warning("guests: a name is left to expire: %s", error)


# -- rooms -----------------------------------------------------------------------------------------------------


async def room_to_join(node: Node, guest: Guest, name: object) -> Room:
    """The room a guest names, made if there is none, with their own name held there: `move` or `stay` comes next.

    Raises BadRoomName, NickTakenThere (also for the room they are in), NoSuchRoom, Removed, Banned, RateLimited.
    """
    title = require_room_name(name)
    room = await room_called(node, title, guest.address)
    if room.id == guest.room_id:
        raise NickTakenThere
    await _require_entry(node, room, guest.address)
    member = await member_in(node.manager, room.id, guest.person.id)
    if member is None:
        raise NoSuchRoom
    admit(room, member)
    if not await node.guests.claims.claim(room.id, guest.key, guest.owner):
        raise NickTakenThere
    try:
        await _require_free(node, room.id, guest.key, guest.person.id, NickTakenThere)
    except BaseException:
        await stay(node, guest, room)
        raise
    return room


async def stay(node: Node, guest: Guest, room: Room) -> None:
    """They do not go there after all: their name is free there."""
    await _let_go(node, room.id, guest.key, guest)


async def move(node: Node, guest: Guest, room: Room, here: Mark, there: Mark) -> None:
    """Go over to a room that `room_to_join` gave: left there and joined here, both or neither.

    Raises NoSuchRoom, Removed, Banned, NickTakenThere, Unavailable.
    """
    user_id, old_id = guest.person.id, guest.room_id
    try:
        await node.presence.track([there])
    except (RedisError, OSError) as error:
        logger.warning("guests: a mark waits for Redis: %s", error)
    await _let_go(node, old_id, guest.key, guest)
    async with node.journal.transactions([room.id, old_id], user_id) as logs:
        comer = await logs[room.id].member(user_id)
        admit(logs[room.id].room, comer)
        await _require_free(node, room.id, guest.key, user_id, NickTakenThere)
        goer = await logs[old_id].member(user_id)
        if goer.present_since is not None:
            await leave(logs[old_id], goer.person, goer.present_since)
        if comer.present_since is None:
            await _arrive(logs[room.id], comer.person)
    guest.room_id = room.id
    await node.comings.unmark(here)


async def _arrive(log: Log, person: Person) -> None:
    if log.room.set.comings_and_goings:
        await log.record(MemberJoined(by=person, user=person, moved=True))
    else:
        await log.mark_present(person, log.room.last_seq)
        log.pass_on(Here([person], []))
