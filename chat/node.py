"""This process: hub, bus, journal and presence as one value, opened and closed together."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import peewee
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat import epoch as epochs
from chat.bin import empty
from chat.comings import Comings
from chat.connection import CloseCode
from chat.entrance import Entrance
from chat.events import Batch, Typing
from chat.flood import Flood
from chat.guests import Guests
from chat.history import History
from chat.hub import Hub
from chat.journal import Journal
from chat.moves import Moves
from chat.pace import Pace
from chat.presence import ANYWHERE, Mark, Presence
from chat.signals import NODES, SIGNALS, Remark
from helpers.bus import Bus
from helpers.database import Manager
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

SPREAD = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of this process.

    Sizes of text in characters, of frames in bytes, times in seconds. A user may say `burst` things at once, and then
    `rate` a second; a room has `members` at most. One address may hold `guests` sockets without an account here; on
    all processes together `arrivals` may come from it within ten minutes, and `named_rooms` rooms be named into being
    within an hour.
    One account makes `new_rooms` within an hour, deleted ones among them; site admins make as many as they like.
    `rooms_by_all` and `new_names` say whether everybody may make rooms, and change the name they are called by.
    """

    text: int = 4_000
    frame: int = 65_536
    topic: int = 250
    reason: int = 512
    people: int = 100
    connections: int = 20
    members: int = 10_000
    burst: int = 20
    rate: float = 5.0
    kick: int = 60
    undo: int = 900
    edit: int = 10_800
    guests: int = 100
    arrivals: int = 300
    named_rooms: int = 20
    new_rooms: int = 50
    authenticate: float = 10.0
    rooms_by_all: bool = True
    new_names: bool = True

    def switched_off(self, *, admin: bool) -> frozenset[str]:
        """The commands that answer `disabled` here, and so are offered to nobody but the admins of the site."""
        if admin:
            return frozenset()
        off = {"create": not self.rooms_by_all, "nick": not self.new_names}
        return frozenset(name for name, is_off in off.items() if is_off)


class Node:
    """One process of the site.

    `epoch` names the numbering of all logs: numbers of two epochs are never compared.
    """

    def __init__(
        self, manager: Manager, bus: Bus, redis: Redis, limits: Limits | None = None, pace: Pace | None = None
    ) -> None:
        pace = pace or Pace()
        self.name = secrets.token_hex(6)
        self.manager = manager
        self.redis = redis
        self.limits = limits or Limits()
        self.epoch = ""
        self.bus = bus
        self.entrance = Entrance(manager)
        self.hub = Hub(manager, bus, self.name, pace)
        self.history = History(manager)
        self.journal = Journal(manager, self.hub.tell)
        self.presence = Presence(redis, self.name)
        self.moves = Moves(manager, self.hub.tell)
        self.comings = Comings(manager, self.moves, self.presence, pace)
        self.guests = Guests(manager, redis, self.name, pace)
        self.flood = Flood(redis, lambda: (self.limits.burst, self.limits.rate), pace.flood)
        self.tasks = Tasks("node")
        self._pace = pace
        self.closing = False
        # Where browsers find the site, for addresses to hand out; empty where nobody has said it.
        self.public_url = ""
        # Which release this is; the floor above knows.
        self.version = ""

    async def open(self) -> None:
        """Begin: the hub, then the journal. The bus and the pools are open already."""
        self.epoch = await epochs.begin(self.manager, self.redis)
        await self.hub.open()
        await self.journal.open()
        self.tasks.start("marking", self._keep_marking)
        self.tasks.start("sweeping", self._keep_sweeping)
        self.tasks.start("epoch", self._keep_epoch)
        self.tasks.start("guests", self.guests.keep)
        self.tasks.start("bin", self._keep_bin)
        self.tasks.start("flood", self.flood.keep_counting)

    async def close(self) -> None:
        """End in order: sockets, then the journal, drained, then the hub. Bus and pools are their owner's to close."""
        await self.let_go()
        await self.journal.close()
        await self.tasks.close()
        await self.moves.close()
        await self.entrance.close()
        self.presence.close()
        self.flood.close()
        await self.hub.close()

    async def let_go(self) -> None:
        """Close every socket with 1012, spread over two seconds where there are many. Nobody is called gone for it."""
        if self.closing:
            return
        self.closing = True
        await self._close_all("The server restarts. Come back in a moment.")

    async def _close_all(self, reason: str) -> None:
        connections = self.hub.audience.all()
        pause = min(0.01, SPREAD / max(1, len(connections)))
        for connection in connections:
            connection.close(CloseCode.RESTART, reason)
            await asyncio.sleep(pause)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def marks(self) -> Iterable[Mark]:
        """Every connection of this process that hears a room: there, where its user counts as being, else anywhere."""
        return {
            (
                channel.room.id if listener.is_here else ANYWHERE,
                listener.member.user_id,
                listener.connection.id,
            )
            for channel in self.hub.channels()
            for listener in channel.listeners
        }

    def patience(self, user_id: int) -> float:
        """Count one thing said by this user; the seconds to wait where it is too much at once, else 0."""
        return self.flood.take(user_id)

    def type(self, room_id: int, typing: Typing) -> None:
        """Tell a room that somebody is writing."""
        self.hub.tell(Batch(room_id, [typing]))

    async def _keep_marking(self) -> None:
        await self.comings.keep_marking(self.marks, self.hub.remark)

    async def _keep_sweeping(self) -> None:
        await self.comings.keep_sweeping(self._ask_for_marks)

    async def _keep_epoch(self) -> None:
        while True:
            await asyncio.sleep(self._pace.check)
            try:
                epoch = await self.manager.value("SELECT epoch FROM site WHERE id = 1")
            except (peewee.OperationalError, peewee.InterfaceError) as error:
                log.warning("node: the epoch is not known just now: %s", error)
                continue
            if epoch != self.epoch:
                # A backup was put back under us: what the channels have heard are numbers of another log.
                self.epoch = epoch
                self.hub.forget()
                await self._close_all("The rooms were put back from a backup. Come back in a moment.")
            # Where nobody listens any more the room may just have been destroyed, and is to be forgotten.
            heads = {channel.room.id: channel.heard for channel in self.hub.channels() if channel.listeners}
            try:
                await epochs.remember(self.redis, heads)
            except (RedisError, OSError) as error:
                log.warning("node: how far the logs are is not noted: %s", error)

    async def _keep_bin(self) -> None:
        while True:
            await asyncio.sleep(self._pace.bin)
            try:
                await empty(self.manager, self.redis)
            except (peewee.OperationalError, peewee.InterfaceError, RedisError, OSError) as error:
                log.warning("node: the bin is emptied later: %s", error)

    def _ask_for_marks(self) -> None:
        self.bus.publish(NODES, SIGNALS.encode(Remark(self.name)))
