"""One room as this process hears it: how far it has heard, in which order it is told, who is let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from chat.connection import CloseCode
from chat.events import (
    Audited,
    Batch,
    Here,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberRemovedSelf,
    MessageEdited,
    MessagePosted,
    RecordedEvent,
    SettingsChanged,
    StatusChanged,
    Typing,
    Undone,
)
from chat.fanout import encode_for, fan_out, fan_out_by_right, join
from chat.history import FURTHEST_BEHIND, History
from chat.listeners import Listener, Listeners
from chat.models import Room
from chat.room_state import RoomState

log = logging.getLogger(__name__)
GAP_CLOSES_WITHIN = 0.03
# In bytes. Who is owed more than this is better off with the last page, and the server with its memory.
MOST_REPLAYED = 4 * 1024 * 1024

# What is told to everybody alike, and changes nobody's place among those who listen: many of them are told at once.
PLAIN = frozenset({MessagePosted, MemberJoined, MemberLeft})
PutOut = MemberKicked | MemberBanned | MemberRemovedSelf


@dataclass(eq=False)
class Channel:
    """A live room. `heard` is the number up to which everything was delivered here.

    Delivery is in the order of numbers, without exception: what comes early waits until the gap was read.
    """

    room: Room
    heard: int
    history: History
    do_beside: Callable[[str, Coroutine[Any, Any, None]], object]
    listeners: Listeners
    state: RoomState
    _early: dict[int, RecordedEvent] = field(default_factory=dict)
    _behind: bool = False
    _catching_up: bool = False
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    # -- hearing ---------------------------------------------------------------------------------------------

    def hear(self, batch: Batch) -> None:
        """Take what a commit wrote, here or in another process; deliver what is next in order."""
        ready: list[RecordedEvent] = []
        for event in batch.events:
            if isinstance(event, Typing | Here | StatusChanged):
                self._pass_on(event)
            elif event.seq == self.heard + 1:
                ready.append(event)
                self.heard = event.seq
            elif event.seq > self.heard:
                self._early[event.seq] = event
        while self._early and (early := self._early.pop(self.heard + 1, None)) is not None:
            ready.append(early)
            self.heard = early.seq
        self._deliver(ready)
        if self._early:
            self._filled.clear()
            self._catch_up_beside(patient=True)
        else:
            self._filled.set()

    def catch_up(self) -> None:
        """Read what was missed. Numbers are committed in order, so it is there to be read."""
        self._behind = True
        self._catch_up_beside(patient=False)

    def _catch_up_beside(self, *, patient: bool) -> None:
        if not self._catching_up:
            self._catching_up = True
            self.do_beside(f"catching up in room {self.room.id}", self._catch_up(patient))

    async def _catch_up(self, patient: bool) -> None:
        try:
            if patient:
                # Most gaps are a bus a little slower than our own commit: no reason yet to ask the database.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GAP_CLOSES_WITHIN):
                        await self._filled.wait()
            if self._early or self._behind:
                await self.read_gap()
        finally:
            self._catching_up = False
        if self._early:
            self._catch_up_beside(patient=True)

    async def read_gap(self) -> None:
        """Deliver everything that is committed by now and was not heard."""
        async with self._reading:
            self._behind = True
            while self._behind:
                # Whatever comes to light while we read is read in another round.
                self._behind = False
                early = max(self._early, default=0)
                missed = await self.history.since(self.room.id, self.heard, self.heard + FURTHEST_BEHIND)
                self._forget_heard()
                if early > self.heard and not missed:
                    # Numbers that no log holds: told by a process that works on other data.
                    log.warning("channel: room %d has no entry %d", self.room.id, self.heard + 1)
                    self._early.clear()
                self.hear(Batch(self.room.id, list(missed)))
                self._forget_heard()
                self._behind = self._behind or len(missed) == FURTHEST_BEHIND

    def _forget_heard(self) -> None:
        self._early = {seq: event for seq, event in self._early.items() if seq > self.heard}

    # -- delivering ------------------------------------------------------------------------------------------

    def _deliver(self, events: list[RecordedEvent]) -> None:
        plain: list[RecordedEvent] = []
        for event in events:
            if type(event) in PLAIN:
                if type(event) is not MessagePosted:
                    self.state.note(event)
                plain.append(event)
                continue
            fan_out(plain, self.listeners)
            plain = []
            self.state.note(event)
            if isinstance(event, Audited | MessageEdited | Undone):
                fan_out_by_right(event, self.listeners)
            else:
                fan_out([event], self.listeners)
            if isinstance(event, MemberKicked | MemberBanned | MemberRemovedSelf):
                self._put_out(event)
            if isinstance(event, SettingsChanged):
                if event.changed.get("destroyed"):
                    self._put_all_out()
                self._put_guests_out()
        fan_out(plain, self.listeners)
        if self.state.arrivals:
            self._tell_arrivals()

    def _tell_arrivals(self) -> None:
        """What those who came in just now say of themselves: their coming does not say it."""
        arrivals, self.state.arrivals = self.state.arrivals, []
        for event in arrivals:
            self._pass_on(event)

    def _pass_on(self, event: Typing | Here | StatusChanged) -> None:
        if isinstance(event, Here):
            self.state.note_here(event)
            event = Here(event.joined, event.left, len(self.state.here))
        elif isinstance(event, StatusChanged):
            self.state.note_status(event)
        for dialect, listeners in self.listeners.by_dialect().items():
            frame = dialect.encode(event) or b""
            for listener in listeners:
                # Who is brought up to date need not know who types; who came and went, they must.
                if not isinstance(event, Typing) or (
                    listener.held is None and listener.member.user_id != event.user.id
                ):
                    listener.send(frame)
        if isinstance(event, Here) and self.state.arrivals:
            self._tell_arrivals()

    def _put_out(self, event: PutOut) -> None:
        match event:
            case MemberKicked(reason=reason):
                code = CloseCode.KICKED
            case MemberBanned(reason=reason):
                code = CloseCode.BANNED
            case MemberRemovedSelf():
                code, reason = CloseCode.NORMAL, "You left the room."
        for listener in self.listeners.of(event.user.id):
            self.listeners.discard(listener)
            listener.dialect.dismiss(listener, code, reason)

    def _put_all_out(self) -> None:
        for listener in tuple(self.listeners):
            self.listeners.discard(listener)
            listener.dialect.dismiss(listener, CloseCode.ROOM_GONE, "This room was deleted.")

    def _put_guests_out(self) -> None:
        switches = self.room.set
        if switches.guests_welcome and not switches.private:
            return
        # They are members of nothing: what lets them in is how the room is set.
        for listener in tuple(self.listeners):
            if listener.member.guest:
                self.listeners.discard(listener)
                why = "This room is not open to guests any more."
                listener.dialect.dismiss(listener, CloseCode.ROOM_GONE, why)

    # -- bringing a latecomer up to date ---------------------------------------------------------------------

    async def replay(self, listener: Listener, after: int, resumed: Callable[[int], bytes]) -> bool:
        """Send a listener everything after a number, then the frame `resumed(head)`, then go live.

        False, and nothing sent, when that is more than 500 entries or 4 MiB, or a number from the future: never a part.
        """
        if listener.held is not None:
            return False
        if after > self.heard:
            # Another process may have told them what did not come here yet.
            await self.read_gap()
        upto, floor = self.heard, listener.member.floor
        if after < 0 or after > upto or upto - max(after, floor - 1) > FURTHEST_BEHIND:
            return False
        listener.held = []
        try:
            events = await self.history.since(self.room.id, after, upto, floor)
            blob = join(encode_for(listener, event) for event in events)
            if len(blob) > MOST_REPLAYED:
                return False
            listener.connection.send(blob + resumed(upto))
        finally:
            listener.release()
        return True
