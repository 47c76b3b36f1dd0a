"""This process's channels: it hears the bus, delivers, and sees that nothing was missed."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from accounts.events import EVERY_USER
from chat.audience import Audience
from chat.channel import Channel
from chat.errors import NoSuchRoom
from chat.events import (
    BATCHES,
    Batch,
    Here,
    MessagePosted,
    MessagesPurged,
    Person,
    Recorded,
    RoomCleared,
    StatusChanged,
    Undone,
)
from chat.history import History
from chat.listeners import Listener, Listeners
from chat.members import ROOM_COLUMNS, ROOM_FIELDS, room_of
from chat.pace import Pace
from chat.policy import Role
from chat.room_state import RoomState
from chat.signals import (
    NODES,
    SIGNALS,
    Activity,
    HaveYouHeard,
    Heard,
    Remark,
    StatusMoved,
    Stirred,
    room_topic,
)
from chat.status import Status
from chat.statuses import Statuses
from helpers.bus import Bus
from helpers.codec import BadFrame
from helpers.database import Manager
from helpers.locks import Locks
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

LOOK = f"""SELECT {ROOM_COLUMNS}, (SELECT json_agg(json_build_array(u.id, u.name, u.is_guest, u.is_admin, m.role,
        m.present_since IS NOT NULL, CASE WHEN m.muted_until > now() THEN m.muted_until END, m.voiced))
        FROM memberships m JOIN users u ON u.id = m.user_id
        WHERE m.room_id = r.id AND (m.present_since IS NOT NULL OR (m.is_member AND m.role > 2)
            OR m.muted_until > now() OR m.voiced))
    FROM rooms r WHERE r.id = %s"""


class Hub:
    """Everything live in one process."""

    def __init__(self, manager: Manager, bus: Bus, node: str, pace: Pace | None = None) -> None:
        self.name = node
        self._pace = pace or Pace()
        self.audience = Audience(manager, bus, self._pace)
        self.history = History(manager)
        self.statuses = Statuses(manager)
        self._manager = manager
        self._bus = bus
        self._channels: dict[int, Channel] = {}
        self._opening: Locks[int] = Locks()
        self._stirred: dict[int, Stirred] = {}
        self._asked: dict[str, Callable[[str], None]] = {}
        self._tasks = Tasks("hub")
        self.remark = asyncio.Event()

    async def open(self) -> None:
        """Listen to the bus and begin to look after the connections."""
        self._bus.listen(self._hear, self._lost)
        await self._bus.subscribe(NODES)
        # Everybody's, rather than one by one as they come: arriving is frequent, what is told here is not.
        await self._bus.subscribe(EVERY_USER)
        # Listened for first, so that none is missed while they are read.
        await self.statuses.read()
        await self.audience.open()
        self._tasks.start("position check", self._keep_checking)
        self._tasks.start("activity", self._keep_telling)

    async def close(self) -> None:
        """End what runs here; the sockets were seen out before."""
        await self.audience.close()
        await self._tasks.close()

    # -- telling ---------------------------------------------------------------------------------------------

    def tell(self, batch: Batch) -> None:
        """Deliver what was committed here, or is passing, to this process's listeners, and tell every other process."""
        told = msgspec.structs.replace(batch, origin=self.name)
        # Other processes first: whatever befalls our own listeners, the bus has it.
        self._bus.publish(room_topic(batch.room_id), BATCHES.encode(told))
        self._note_activity(batch)
        channel = self._channels.get(batch.room_id)
        if channel is not None:
            channel.hear(batch)

    def tell_status(self, moved: StatusMoved) -> None:
        """Show everywhere, and here at once, what somebody says of themselves now."""
        self._bus.publish(NODES, SIGNALS.encode(moved))
        self._hear_status(moved)

    def _note_activity(self, batch: Batch) -> None:
        before = self._stirred.get(batch.room_id) or Stirred(batch.room_id, 0, 0)
        posts = [event for event in batch.events if isinstance(event, MessagePosted)]
        anew = any(isinstance(event, RoomCleared | MessagesPurged | Undone) for event in batch.events)
        if not posts and not anew:
            return
        mentioned = [(user_id, post.seq) for post in posts for user_id in mentions_in(post)]
        self._stirred[batch.room_id] = Stirred(
            batch.room_id,
            max(before.seq, batch.events[-1].seq if isinstance(batch.events[-1], Recorded) else 0),
            max(before.ordinal, batch.ordinal),
            [*before.mentioned, *mentioned],
            before.anew or anew,
        )

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(self._pace.activity)
            if self._stirred:
                stirred, self._stirred = list(self._stirred.values()), {}
                self._bus.publish(NODES, SIGNALS.encode(Activity(stirred)))

    # -- hearing ---------------------------------------------------------------------------------------------

    def _hear(self, topic: str, payload: bytes) -> None:
        try:
            if topic.startswith("aiochat:{room:"):
                self._hear_batch(BATCHES.decode(payload))
            elif topic == NODES:
                self._hear_signal(SIGNALS.decode(payload))
            elif topic.startswith("aiochat:{user:"):
                self.audience.hear(int(topic.removeprefix("aiochat:{user:").rstrip("}")), payload)
        except BadFrame as error:
            # Another version of this program may say what this one does not know; the log tells all that matters.
            log.warning("hub: not understood on %s: %s", topic, error)

    def _hear_batch(self, batch: Batch) -> None:
        channel = self._channels.get(batch.room_id)
        if channel is not None and batch.origin != self.name:
            channel.hear(batch)

    def _hear_signal(self, signal: Any) -> None:
        match signal:
            case Activity(rooms=rooms):
                self.audience.stir(rooms)
            case HaveYouHeard(id=id, asker=asker, room_id=room_id, seq=seq):
                if asker != self.name:
                    self._tasks.once("hearing", self._hear_up_to(id, room_id, seq))
            case Heard(id=id, node=node):
                if id in self._asked:
                    self._asked[id](node)
            case StatusMoved():
                self._hear_status(signal)
            case Remark():
                self.remark.set()
            case _:
                pass

    def _hear_status(self, moved: StatusMoved) -> None:
        if self.statuses.take(moved.user.id, moved.version, moved.status):
            self._show_status(moved.user, moved.status, moved.rooms)

    def _show_status(self, user: Person, status: Status, rooms: Iterable[int]) -> None:
        for room_id in {*rooms, *(id_ for id_, live in self._channels.items() if user.id in live.state.here)}:
            channel = self._channels.get(room_id)
            if channel is not None:
                channel.hear(Batch(room_id, [StatusChanged(user, status)]))

    async def _look_at_statuses(self) -> None:
        for user, status in await self.statuses.read():
            self._show_status(user, status, ())

    def _lost(self) -> None:
        for channel in self._channels.values():
            channel.catch_up()
            if not channel.room.set.comings_and_goings:
                self._tasks.once("looking who is here", self._look_who_is_here(channel))
        self._tasks.once("statuses", self._look_at_statuses())
        self.audience.lost()
        self.remark.set()

    async def _look_who_is_here(self, channel: Channel) -> None:
        # Where the log does not say who came and went, what was passing is gone for good.
        seen = (await self.look(channel.room.id)).state.here
        here = Here(
            [one.person for user_id, one in seen.items() if user_id not in channel.state.here],
            [one.person for user_id, one in channel.state.here.items() if user_id not in seen],
        )
        if here.joined or here.left:
            channel.hear(Batch(channel.room.id, [here]))

    # -- rooms -----------------------------------------------------------------------------------------------

    async def channel(self, room_id: int) -> Channel:
        """The live room, opened if nobody listened here yet. Raises NoSuchRoom, Unavailable.

        Who has it joins its listeners before they wait for anything, or it may close.
        """
        channel = self._channels.get(room_id)
        if channel is not None:
            return channel
        async with self._opening.soon(room_id):
            channel = self._channels.get(room_id)
            if channel is None:
                # Listen first, then read where the log ends: what comes in between is not missed.
                await self._bus.subscribe(room_topic(room_id))
                try:
                    channel = self._channels[room_id] = await self.look(room_id)
                finally:
                    if room_id not in self._channels:
                        await self._bus.unsubscribe(room_topic(room_id))
            return channel

    async def look(self, room_id: int) -> Channel:
        """The room as it is just now, without listening to it. Raises NoSuchRoom."""
        row = await self._manager.row(LOOK, room_id)
        if row is None:
            raise NoSuchRoom
        room = room_of(row[: len(ROOM_FIELDS)])
        listeners = Listeners()
        state = RoomState(room, listeners, self.statuses.of)
        for user_id, name, guest, admin, rank, is_here, muted_until, voiced in row[-1] or ():
            role = Role.ADMIN if admin else Role(rank)
            if muted_until is not None:
                state.muted[user_id] = datetime.fromisoformat(muted_until)
            if voiced:
                state.voiced.add(user_id)
            if rank > Role.MEMBER:
                state.ranks[user_id] = Role(rank)
            if is_here:
                state.here[user_id] = state.inhabitant(Person(user_id, name, guest), role)
        return Channel(room, room.last_seq, self.history, self._tasks.once, listeners, state)

    async def leave(self, channel: Channel, listener: Listener) -> None:
        """A listener is gone; the channel closes with the last one."""
        channel.listeners.discard(listener)
        if channel.listeners:
            return
        room_id = channel.room.id
        async with self._opening.of(room_id):
            if not channel.listeners and self._channels.get(room_id) is channel:
                del self._channels[room_id]
                await self._bus.unsubscribe(room_topic(room_id))

    def forget(self) -> None:
        """No channel is to be used any more, for the logs they heard are others now; who listens is to be let go."""
        self._channels.clear()
        self.statuses.forget()
        self._tasks.once("statuses", self._look_at_statuses())

    def channels(self) -> Iterable[Channel]:
        """Every live room of this process."""
        return tuple(self._channels.values())

    def here(self, room_id: int) -> Channel | None:
        """The live room, if somebody listens here."""
        return self._channels.get(room_id)

    async def _hear_up_to(self, question: str, room_id: int, seq: int) -> None:
        await self._read_up_to(room_id, seq)
        self._bus.publish(NODES, SIGNALS.encode(Heard(question, self.name)))

    async def _read_up_to(self, room_id: int, seq: int) -> None:
        channel = self._channels.get(room_id)
        if channel is not None and channel.heard < seq:
            await channel.read_gap()

    async def confirm(self, room_id: int, seq: int, nodes: Iterable[str]) -> set[str]:
        """Wait until these processes have delivered up to a number; those that did not say so within a second."""
        waiting = set(nodes) - {self.name}

        def is_last(node: str) -> bool:
            waiting.discard(node)
            return not waiting

        if not await self._ask(room_id, seq, is_last):
            log.warning("hub: %s did not confirm %d in room %d", ", ".join(waiting) or "we", seq, room_id)
        return waiting

    async def confirm_by_all(self, room_id: int, seq: int, processes: int) -> int:
        """The same for every process, of which there are so many; how many did not say so within a second."""
        answered = {self.name}

        def is_last(node: str) -> bool:
            answered.add(node)
            return len(answered) >= processes

        if await self._ask(room_id, seq, is_last):
            return 0
        # Perhaps they all did, and it is we who could not read the log.
        silent = max(1, processes - len(answered))
        log.warning("hub: %d processes did not confirm %d in room %d", silent, seq, room_id)
        return silent

    async def _ask(self, room_id: int, seq: int, is_last: Callable[[str], bool]) -> bool:
        """Ask all processes, and deliver here; False where the last answer did not come within a second."""
        question, done = secrets.token_hex(8), asyncio.Event()

        def answer(node: str) -> None:
            if is_last(node):
                done.set()

        self._asked[question] = answer
        # Perhaps nobody else is to be waited for.
        answer(self.name)
        if not done.is_set():
            self._bus.publish(NODES, SIGNALS.encode(HaveYouHeard(question, self.name, room_id, seq)))
        try:
            async with asyncio.timeout(self._pace.confirm):
                await self._read_up_to(room_id, seq)
                await done.wait()
        except TimeoutError:
            return False
        finally:
            del self._asked[question]
        return True

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(self._pace.check)
            live = list(self._channels)
            if live:
                rows = await self._manager.rows(
                    "SELECT id, last_seq FROM rooms WHERE id = ANY (%s::bigint[])", live
                )
                for room_id, last_seq in rows:
                    channel = self._channels.get(room_id)
                    if channel is not None and channel.heard < last_seq:
                        channel.catch_up()


def mentions_in(post: MessagePosted) -> list[int]:
    """The users a message means by name."""
    if b'"mention"' not in bytes(post.parts):
        return []
    parts: list[dict[str, Any]] = msgspec.json.decode(post.parts)
    return list({part["id"] for part in parts if part.get("t") == "mention" and "id" in part})
