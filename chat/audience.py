"""Everybody who is connected to this process, and what concerns one of them rather than a room."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from accounts import events as account_events
from accounts.events import user_topic
from accounts.refs import is_session
from chat.connection import CloseCode, Connection, Writer
from chat.events import Belonging, Ignored, NotifyLevel, ReadMark, UnreadCount
from chat.pace import Pace
from chat.signals import SIGNALS, Belongs, IgnoresMoved, NotifyMoved, ReadMoved, Stirred
from chat.unread import Standing, Unread
from helpers.bus import Bus
from helpers.codec import Codec
from helpers.database import Manager
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

HEARTBEAT = Pace().heartbeat

TOLD: Codec[dict[str, Any]] = Codec(dict[str, Any])

EPOCHS = """SELECT id, session_epoch, coalesce(suspended_until > now(), false) FROM users
    WHERE id = ANY (%s::bigint[])"""

IGNORED = """SELECT i.user_id, array_agg(i.ignored_id ORDER BY i.ignored_id) FROM ignores i
    WHERE i.user_id = ANY (%s::bigint[]) GROUP BY 1"""


def _ended(ref: str) -> str:
    return "You signed out." if is_session(ref) else "The token was revoked."


class Audience:
    """The connections of this process by user, with their heartbeat and their unread counts.

    `strangers` are those of whom it is not known yet whose they are.
    """

    def __init__(self, manager: Manager, bus: Bus, pace: Pace) -> None:
        self.writer = Writer()
        self._pace = pace
        self._bus = bus
        self._manager = manager
        self._unread = Unread(manager)
        self.strangers: set[Connection] = set()
        # Who was told that they ignore somebody.
        self._ignoring: set[int] = set()
        self._looking_at_ignored = asyncio.Lock()
        # Lists, for nearly everybody has one: a set of one takes four times as much.
        self._by_user: dict[int, list[Connection]] = {}
        self._tasks = Tasks("audience")
        self._beat = 0

    async def open(self) -> None:
        """Begin to ask for signs of life."""
        self._tasks.start("heartbeat", self._keep_beating)

    async def close(self) -> None:
        """Stop; the connections were seen out before."""
        self.writer.close()
        await self._tasks.close()

    # -- coming and going ------------------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Look after a connection from now on: nothing passes its user by."""
        user_id = connection.user.id
        self._by_user.setdefault(user_id, []).append(connection)
        self._unread.follow(user_id)

    def disconnect(self, connection: Connection) -> None:
        """It is gone."""
        user_id = connection.user.id
        connections = self._by_user.get(user_id, [])
        if connection in connections:
            connections.remove(connection)
        if not connections:
            self._by_user.pop(user_id, None)
            self._ignoring.discard(user_id)
            self._unread.forget(user_id)

    def of(self, user_id: int) -> tuple[Connection, ...]:
        """This user's connections to this process."""
        return tuple(self._by_user.get(user_id, ()))

    def all(self) -> list[Connection]:
        """Everybody's, and those of strangers."""
        known = [connection for connections in self._by_user.values() for connection in connections]
        return [*known, *self.strangers]

    # -- telling and hearing ---------------------------------------------------------------------------------

    def ignores(self, user_id: int) -> None:
        """A connection of theirs was greeted with a list of people they ignore."""
        self._ignoring.add(user_id)

    def signal(self, signal: ReadMoved | Belongs | IgnoresMoved | NotifyMoved) -> None:
        """Tell every process to which this user is connected."""
        self._bus.publish(user_topic(signal.user_id), SIGNALS.encode(signal))

    def hear(self, user_id: int, payload: bytes) -> None:
        """Something was told that concerns one user. Raises BadFrame."""
        if user_id not in self._by_user:
            return
        match TOLD.decode(payload).get("type"):
            case "read_moved" | "belongs" | "ignores_moved" | "notify_moved":
                self._hear_signal(user_id, SIGNALS.decode(payload))
            case _:
                self._hear_of_account(user_id, account_events.decode(payload))

    def _hear_signal(self, user_id: int, signal: object) -> None:
        if isinstance(signal, ReadMoved):
            standing = self._unread.read(signal)
            for connection in self.of(user_id):
                connection.tell(signal.room_id, ReadMark(signal.seq))
            if standing is not None and ((standing.mentions and standing.count) or standing.ignores):
                # Only the database knows which of the mentions lie behind the mark, and who said what.
                self._look_again(user_id, signal.room_id)
            elif standing is not None:
                self._tell_unread(user_id, signal.room_id, standing)
            elif self._unread.is_new(user_id):
                self._look_again(user_id, signal.room_id)
        elif isinstance(signal, Belongs):
            for connection in self.of(user_id):
                connection.tell(signal.room_id, signal)
                if signal.slug:
                    told = Belonging(signal.slug, signal.title, signal.member, signal.by)
                    connection.tell(signal.room_id, told)
            self._look_again(user_id, signal.room_id)
        elif isinstance(signal, NotifyMoved):
            wishes = signal.notify.told
            for connection in self.of(user_id):
                connection.tell(
                    signal.room_id, NotifyLevel(signal.slug, wishes.level, wishes.until, wishes.then)
                )
        elif isinstance(signal, IgnoresMoved):
            self._tasks.once("ignored", self._look_at_ignored([user_id], counts=True))

    async def _look_at_ignored(self, users: list[int], *, counts: bool = False) -> None:
        # One after the other: what was read later is told later.
        async with self._looking_at_ignored:
            lists: dict[int, list[int]] = dict(await self._manager.rows(IGNORED, users))
            for user_id in users:
                for connection in self.of(user_id):
                    connection.tell(0, Ignored(lists.get(user_id, [])))
            self._ignoring.update(lists.keys() & self._by_user.keys())
        if counts:
            for user_id in users:
                self._unread.look_everywhere(user_id)
            await self._welcome()

    async def _count_anew(self, room_id: int) -> None:
        for user_id, standing in await self._unread.count_anew(room_id):
            self._tell_unread(user_id, room_id, standing)

    async def _count_without_ignored(self, room_id: int, people: list[int]) -> None:
        for user_id, standing in await self._unread.count_anew(room_id, people):
            if standing.waits:
                self._tell_unread(user_id, room_id, standing)

    def _look_again(self, user_id: int, room_id: int) -> None:
        self._unread.look_again(user_id, room_id)
        self._tasks.once("welcoming", self._welcome())

    async def _welcome(self) -> None:
        for user_id, room_id, standing in await self._unread.welcome():
            self._tell_unread(user_id, room_id, standing)

    def _hear_of_account(self, user_id: int, event: account_events.AccountEvent) -> None:
        for connection in self.of(user_id):
            match event:
                case account_events.SignedOut(session=session):
                    if connection.session == session:
                        connection.close(CloseCode.SIGNED_OUT, _ended(session))
                case account_events.SignedOutEverywhere():
                    if is_session(connection.session):
                        connection.close(CloseCode.SIGNED_OUT, "You signed out everywhere.")
                case account_events.Suspended():
                    connection.close(CloseCode.SIGNED_OUT, "This account rests.")

    def lost(self) -> None:
        """Something may have been missed on the bus: whose sessions ended meanwhile is asked of the database.

        Who hears all rooms of theirs is told to look again which those are.
        """
        for user_id in tuple(self._by_user):
            for connection in self.of(user_id):
                connection.tell(0, Belongs(user_id, 0, True))
        self._tasks.once("comparing sessions", self._compare_sessions())
        self._tasks.once("ignored", self._look_again_at_ignored())

    async def _look_again_at_ignored(self) -> None:
        connected = list(self._by_user)
        known = {user_id for user_id, _ in await self._manager.rows(IGNORED, connected)}
        await self._look_at_ignored(list(known | self._ignoring))

    async def _compare_sessions(self) -> None:
        rows = await self._manager.rows(EPOCHS, list(self._by_user))
        for user_id, session_epoch, is_suspended in rows:
            for connection in self.of(user_id):
                if is_suspended:
                    connection.close(CloseCode.SIGNED_OUT, "This account rests.")
                elif is_session(connection.session) and connection.session_epoch != session_epoch:
                    connection.close(CloseCode.SIGNED_OUT, "You signed out everywhere.")

    def stir(self, rooms: list[Stirred]) -> None:
        """Something was said in these rooms: those here whose room it is learn how much they have not read.

        Where words were hidden or brought back, everybody's count is made anew.
        """
        for stirred in rooms:
            concerned = self._unread.stir(stirred)
            if stirred.anew:
                self._tasks.once("counting", self._count_anew(stirred.room_id))
                continue
            doubtful: list[int] = []
            for user_id, standing in concerned:
                if standing.ignores:
                    doubtful.append(user_id)
                else:
                    self._tell_unread(user_id, stirred.room_id, standing)
            if doubtful:
                self._tasks.once("counting", self._count_without_ignored(stirred.room_id, doubtful))
        if self._unread.has_missed:
            self._tasks.once("welcoming", self._welcome())

    def _tell_unread(self, user_id: int, room_id: int, standing: Standing) -> None:
        news = UnreadCount(standing.slug, standing.count, standing.mentions)
        for connection in self.of(user_id):
            connection.tell(room_id, news)

    async def _keep_beating(self) -> None:
        """One wheel for all: at each beat the connections of one of its slots are asked for a sign of life."""
        loop, pace = asyncio.get_running_loop(), self._pace
        while True:
            await asyncio.sleep(pace.beat)
            self._beat = (self._beat + 1) % pace.heartbeat
            for connection in self.all():
                if loop.time() - connection.heard_at > pace.silence:
                    connection.close(CloseCode.SILENT, "Nothing was heard of you.")
                elif connection.slot % pace.heartbeat == self._beat:
                    connection.ping()
