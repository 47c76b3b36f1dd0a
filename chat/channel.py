"""One room as this process hears it: who listens here, how far they have heard, and who is in the room."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from chat.connection import CloseCode
from chat.events import (
    Audited,
    Batch,
    Here,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnmuted,
    MessageEdited,
    MessagePosted,
    Person,
    RecordedEvent,
    Renamed,
    RoleChanged,
    SettingsChanged,
    StatusChanged,
    TopicChanged,
    Typing,
    Undone,
)
from chat.history import FURTHEST_BEHIND, History
from chat.listeners import Listener, Listeners
from chat.models import Room
from chat.policy import Role
from chat.status import NOTHING, Status

log = logging.getLogger(__name__)
GAP_CLOSES_WITHIN = 0.03
# In bytes. Who is owed more than this is better off with the last page, and the server with its memory.
MOST_REPLAYED = 4 * 1024 * 1024

# What is told to everybody alike, and changes nobody's place among those who listen: many of them are told at once.
PLAIN = frozenset({MessagePosted, MemberJoined, MemberLeft})
PutOut = MemberKicked | MemberBanned | MemberRemovedSelf


@dataclass(slots=True)
class Inhabitant:
    """Somebody who is in the room just now. `muted_until` may be over; `voiced` counts in a moderated room."""

    person: Person
    role: Role
    status: Status = NOTHING
    muted_until: datetime | None = None
    voiced: bool = False

    def told(self) -> dict[str, Any]:
        """As clients see them: a person with their role, whether they are muted or have a voice, and what they say of
        themselves where it holds still.
        """
        person: dict[str, Any] = msgspec.to_builtins(self.person)
        now = datetime.now(UTC)
        status = self.status.at(now)
        muted = self.muted_until if self.muted_until is not None and self.muted_until > now else None
        return {
            **person,
            "role": self.role.word,
            **({} if muted is None else {"muted_until": msgspec.to_builtins(muted)}),
            **({"voiced": True} if self.voiced else {}),
            **({} if status.says_nothing else {"status": msgspec.to_builtins(status)}),
        }


@dataclass(eq=False)
class Channel:
    """A live room. `heard` is the number up to which everything was delivered here, `ranks` who is more than a member,
    `muted` who may not speak until when, `voiced` who has a voice.

    Delivery is in the order of numbers, without exception: what comes early waits until the gap was read.
    """

    room: Room
    heard: int
    history: History
    do_beside: Callable[[str, Coroutine[Any, Any, None]], object]
    status_of: Callable[[int], Status] = lambda _: NOTHING
    listeners: Listeners = field(default_factory=Listeners)
    here: dict[int, Inhabitant] = field(default_factory=dict)
    ranks: dict[int, Role] = field(default_factory=dict)
    muted: dict[int, datetime] = field(default_factory=dict)
    voiced: set[int] = field(default_factory=set)
    _told: tuple[msgspec.Raw, msgspec.Raw] | None = None
    _told_until: datetime | None = None
    _arrivals: list[StatusChanged] = field(default_factory=list)
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
                    self._note(event)
                plain.append(event)
                continue
            self._fan_out(plain)
            plain = []
            self._note(event)
            if isinstance(event, Audited | MessageEdited | Undone):
                self._fan_out_by_right(event)
            else:
                self._fan_out([event])
            if isinstance(event, MemberKicked | MemberBanned | MemberRemovedSelf):
                self._put_out(event)
            if isinstance(event, SettingsChanged):
                if event.changed.get("destroyed"):
                    self._put_all_out()
                self._put_guests_out()
        self._fan_out(plain)
        if self._arrivals:
            self._tell_arrivals()

    def _fan_out(self, events: list[RecordedEvent]) -> None:
        if not events:
            return
        by_author: dict[int, list[int]] = {}
        for place, event in enumerate(events):
            if event.nonce:
                by_author.setdefault(event.by.id, []).append(place)
        authors = {listener for user_id in by_author for listener in self.listeners.of(user_id)}
        for dialect, listeners in self.listeners.by_dialect().items():
            frames = [dialect.encode(event) or b"" for event in events]
            blob = b"".join(frames)
            ends = list(itertools.accumulate(map(len, frames)))
            own: dict[int, bytes] = {}
            for listener in listeners:
                if listener in authors:
                    user_id = listener.member.user_id
                    if user_id not in own:
                        pieces, at = [], 0
                        for place in by_author[user_id]:
                            # All but one's own words is what everybody gets.
                            pieces.append(blob[at : ends[place] - len(frames[place])])
                            pieces.append(dialect.encode_for_author(events[place]) or b"")
                            at = ends[place]
                        own[user_id] = b"".join([*pieces, blob[at:]])
                    listener.send(own[user_id])
                elif listener.held is None and blob:
                    # Nearly everybody: a step less for each of a thousand is felt.
                    listener.connection.send(blob)
                else:
                    listener.send(blob)

    def _fan_out_by_right(self, event: RecordedEvent) -> None:
        for dialect, listeners in self.listeners.by_dialect().items():
            seen, unseen = dialect.encode(event) or b"", dialect.encode_unseen(event) or b""
            for listener in listeners:
                listener.send(seen if listener.sees(event) else unseen)

    def _tell_arrivals(self) -> None:
        """What those who came in just now say of themselves: their coming does not say it."""
        arrivals, self._arrivals = self._arrivals, []
        for event in arrivals:
            self._pass_on(event)

    def _pass_on(self, event: Typing | Here | StatusChanged) -> None:
        if isinstance(event, Here):
            self._note_here(event)
            event = Here(event.joined, event.left, len(self.here))
        elif isinstance(event, StatusChanged):
            self._note_status(event)
        for dialect, listeners in self.listeners.by_dialect().items():
            frame = dialect.encode(event) or b""
            for listener in listeners:
                # Who is brought up to date need not know who types; who came and went, they must.
                if not isinstance(event, Typing) or (
                    listener.held is None and listener.member.user_id != event.user.id
                ):
                    listener.send(frame)
        if isinstance(event, Here) and self._arrivals:
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

    # -- knowing who is here ---------------------------------------------------------------------------------

    def _note(self, event: RecordedEvent) -> None:
        self._told = None
        match event:
            case MemberJoined(user=user):
                self._let_in(user)
            case MemberLeft(user=user):
                self.here.pop(user.id, None)
            case Renamed(user=user):
                if user.id in self.here:
                    self.here[user.id].person = user
                for listener in self.listeners.of(user.id):
                    listener.member.name = user.name
            case RoleChanged(user=user, role=word, voiced=voiced):
                role = Role.named(word)
                assert role is not None
                self.ranks[user.id] = role
                if user.id in self.here and self.here[user.id].role is not Role.ADMIN:
                    self.here[user.id].role = role
                if voiced is not None:
                    self._voice(user.id, has=voiced)
                for listener in self.listeners.of(user.id):
                    listener.member.rank = role
                    listener.member.voiced = listener.member.voiced if voiced is None else voiced
            case MemberBanned(user=user):
                self.ranks.pop(user.id, None)
            case MemberRemovedSelf(user=user):
                self.ranks.pop(user.id, None)
                self._voice(user.id, has=False)
            case MemberKicked(user=user):
                if self.room.set.private:
                    self.ranks.pop(user.id, None)
            case MemberMuted(user=user, until=until, reason=reason):
                self.muted[user.id] = until
                if user.id in self.here:
                    self.here[user.id].muted_until = until
                for listener in self.listeners.of(user.id):
                    listener.member.muted_until, listener.member.muted_reason = until, reason
            case MemberUnmuted(user=user):
                self.muted.pop(user.id, None)
                if user.id in self.here:
                    self.here[user.id].muted_until = None
                for listener in self.listeners.of(user.id):
                    listener.member.muted_until = None
            case TopicChanged(topic=topic):
                self.room.topic = topic
            case SettingsChanged(changed=changed):
                self.room.switches = {**self.room.switches, **changed.get("switches", {})}
                self.room.title = changed.get("title", self.room.title)
                self.room.slug = changed.get("slug", self.room.slug)
            case _:
                pass

    def _note_here(self, event: Here) -> None:
        self._told = None
        for person in event.joined:
            self._let_in(person)
        for person in event.left:
            self.here.pop(person.id, None)

    def _let_in(self, person: Person) -> None:
        status = self.status_of(person.id)
        self.here[person.id] = self.inhabitant(person, self._role_of(person))
        if not status.says_nothing:
            self._arrivals.append(StatusChanged(person, status))

    def inhabitant(self, person: Person, role: Role) -> Inhabitant:
        """Somebody as they are in this room."""
        status, muted, voiced = self.status_of(person.id), self.muted.get(person.id), person.id in self.voiced
        return Inhabitant(person, role, status, muted, voiced)

    def _voice(self, user_id: int, *, has: bool) -> None:
        (self.voiced.add if has else self.voiced.discard)(user_id)
        if user_id in self.here:
            self.here[user_id].voiced = has

    def _note_status(self, event: StatusChanged) -> None:
        if event.user.id in self.here:
            self._told = None
            self.here[event.user.id].status = event.status

    def _role_of(self, person: Person) -> Role:
        for listener in self.listeners.of(person.id):
            return listener.member.role
        if person.id in self.here:
            return self.here[person.id].role
        return self.ranks.get(person.id, Role.GUEST if person.guest else Role.MEMBER)

    def people(self, most: int) -> list[Inhabitant]:
        """Those here, the highest roles first, then by name."""
        return heapq.nsmallest(
            most, self.here.values(), key=lambda one: (-one.role, one.person.name.casefold())
        )

    def told(self, most: int) -> tuple[msgspec.Raw, msgspec.Raw]:
        """The room and who is here, as a greeting says it, in JSON: made once, until something of it changes."""
        if self._told is None or (self._told_until is not None and self._told_until <= datetime.now(UTC)):
            people = self.people(most)
            here = {"count": len(self.here), "people": [one.told() for one in people]}
            room, who = msgspec.json.encode(self.room.told()), msgspec.json.encode(here)
            self._told = msgspec.Raw(room), msgspec.Raw(who)
            now = datetime.now(UTC)
            ends = [one.status.at(now).ends for one in people if not one.status.says_nothing]
            self._told_until = min((end for end in ends if end is not None), default=None)
        return self._told

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
            blob = join(self.encode_for(listener, event) for event in events)
            if len(blob) > MOST_REPLAYED:
                return False
            listener.connection.send(blob + resumed(upto))
        finally:
            listener.release()
        return True

    def encode_for(self, listener: Listener, event: RecordedEvent) -> bytes | None:
        """An event as this listener is to see it."""
        if not listener.sees(event):
            return listener.dialect.encode_unseen(event)
        if event.nonce and event.by.id == listener.member.user_id:
            return listener.dialect.encode_for_author(event)
        return listener.dialect.encode(event)


def join(frames: Iterable[bytes | None]) -> bytes:
    """Frames as one piece of bytes."""
    return b"".join([frame for frame in frames if frame])
