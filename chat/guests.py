"""The guests of this process: who is here from which address, what each may do at once, and what is left of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from accounts.names import fold
from chat.events import Person
from chat.nicks import NickClaims
from chat.pace import Pace
from helpers.database import Manager
from helpers.errors import AppError
from helpers.outages import redis_answers
from helpers.throttle import TokenBucket, address_key

log = logging.getLogger(__name__)

# Several people may come from one address; all of them together do as much as so many.
PEOPLE_BEHIND_ONE = 4
# A frame of any kind counts as so much of a thing done: reading it costs something, too.
A_FRAME = 0.1
A_DAY = 86_400
SWEEPER = "aiochat:{guests}:sweeper"
SWEEP_EVERY = 3600
HAVE_ACCOUNTS = "SELECT name_key FROM users WHERE name_key = ANY (%s::text[]) AND NOT is_guest"
# What a guest has said keeps their row; the lines of their coming and going do not, for they hold the name themselves.
FORGET = """WITH gone AS (DELETE FROM users u WHERE u.is_guest AND {which}
        AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id AND m.present_since IS NOT NULL)
        AND NOT EXISTS (SELECT FROM memberships m JOIN messages x ON x.room_id = m.room_id
            AND x.author_id = m.user_id AND x.kind = 'message' WHERE m.user_id = u.id)
        RETURNING u.id)
    DELETE FROM memberships m USING gone WHERE m.user_id = gone.id"""


class TooManyGuests(AppError):
    """One address holds as many guest sockets as it may."""

    code = "rate_limited"
    message = "There are {most} guests from your address already. Close another connection first."
    status = 429
    temporary = True

    def __init__(self, most: int) -> None:
        super().__init__(most=most, retry_after=10)


@dataclass(eq=False, slots=True)
class Guest:
    """Somebody without an account, while their socket is open. `owner` is what their claims on names say.

    `loses_name` is called when their name is theirs no more, and another must be found.
    """

    person: Person
    address: str
    owner: str
    room_id: int
    loses_name: Callable[[], None] = lambda: None

    @property
    def key(self) -> str:
        """The folded name, by which they hold it."""
        return fold(self.person.name)


@dataclass(slots=True)
class _Door:
    """One address: how many sockets it holds here, and what it may do at once."""

    bucket: TokenBucket
    sockets: int = 0


@dataclass(slots=True)
class Guests:
    """What one process knows of its guests. Addresses are as `address_key` has them."""

    manager: Manager
    redis: Redis
    node: str
    pace: Pace
    claims: NickClaims = field(init=False)
    _doors: dict[str, _Door] = field(default_factory=dict)
    _guests: dict[str, Guest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.claims = NickClaims(self.redis)

    @contextmanager
    def door(self, remote: str | None, *, most: int, rate: float, burst: float) -> Iterator[str]:
        """Let one more socket of this address in, while inside; its key. Raises `TooManyGuests`."""
        address = address_key(remote)
        door = self._doors.get(address)
        if door is None:
            bucket = TokenBucket(PEOPLE_BEHIND_ONE * rate, PEOPLE_BEHIND_ONE * burst)
            door = self._doors[address] = _Door(bucket)
        if door.sockets >= most:
            raise TooManyGuests(most)
        door.sockets += 1
        try:
            yield address
        finally:
            door.sockets -= 1
            if not door.sockets:
                del self._doors[address]

    def patience(self, address: str, weight: float = 1.0) -> float:
        """Count one thing done from this address; the seconds to wait where that is too much at once, else 0."""
        return self._doors[address].bucket.take(weight) if address in self._doors else 0.0

    def add(self, guest: Guest) -> None:
        """Look after a guest's name from now on."""
        self._guests[guest.owner] = guest

    async def remove(self, guest: Guest) -> None:
        """A guest is gone: their name is free, and their row goes if they never said anything. Raises `Unavailable`."""
        self._guests.pop(guest.owner, None)
        await self.manager.execute(FORGET.format(which="u.id = %s"), guest.person.id)
        await self.claims.release(guest.room_id, guest.key, guest.owner)

    # -- who was shown out ---------------------------------------------------------------------------------

    async def shut_out(self, room_id: int, address: str, seconds: float) -> None:
        """Nobody comes into this room as a guest from that address for so long: a guest who was shown out is nobody
        else for having another name. Raises `Unavailable`."""
        if seconds > 0:
            async with redis_answers():
                await self.redis.set(_out(room_id, address), b"1", px=int(1000 * min(seconds, A_DAY)))

    async def shut_out_for(self, room_id: int, address: str) -> float:
        """How many seconds more nobody comes in from there; 0 for who may. Raises `Unavailable`."""
        async with redis_answers():
            left: int = await self.redis.pttl(_out(room_id, address))
        return max(0, left) / 1000

    # -- looking after them --------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Hold the names of those here, and sweep away who is left over from processes that died."""
        while True:
            await asyncio.sleep(self.pace.remark)
            await self.renew()
            async with redis_answers():
                due = await self.redis.set(SWEEPER, self.node, nx=True, ex=SWEEP_EVERY)
            if due:
                await self.sweep()

    async def renew(self) -> None:
        """Hold every name longer; who lost theirs, to another process or to an account, is called otherwise.

        Raises `Unavailable`.
        """
        lost = {owner for _, owner in await self.claims.renew()}
        if self._guests:
            keys = [guest.key for guest in self._guests.values()]
            theirs = {key for (key,) in await self.manager.rows(HAVE_ACCOUNTS, keys)}
            lost |= {guest.owner for guest in self._guests.values() if guest.key in theirs}
        for owner in lost:
            guest = self._guests.get(owner)
            if guest is not None:
                log.info("guests: the name %s is somebody else's now", guest.person.name)
                guest.loses_name()

    async def sweep(self) -> None:
        """Forget the guests who went without a word an hour ago or more."""
        await self.manager.execute(FORGET.format(which="u.created_at < now() - interval '1 hour'"))


def _out(room_id: int, address: str) -> str:
    return f"aiochat:{{room:{room_id}}}:out:{hashlib.sha256(address.encode()).hexdigest()[:32]}"
