"""A live room as it stands: how it is set, who is in it, and what each of them may. Events keep it true."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from chat.events import (
    Here,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnmuted,
    Person,
    RecordedEvent,
    Renamed,
    RoleChanged,
    SettingsChanged,
    StatusChanged,
    TopicChanged,
)
from chat.listeners import Listeners
from chat.models import Room
from chat.policy import Role
from chat.status import NOTHING, Status


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
class RoomState:
    """`here` is who is in the room, `ranks` who is more than a member, `muted` who may not speak until when, `voiced`
    who has a voice. Those who listen are kept as they are now, too.

    `arrivals` are the statuses of those who came in just now, still to be told: their coming does not say them.
    """

    room: Room
    listeners: Listeners
    status_of: Callable[[int], Status]
    here: dict[int, Inhabitant] = field(default_factory=dict)
    ranks: dict[int, Role] = field(default_factory=dict)
    muted: dict[int, datetime] = field(default_factory=dict)
    voiced: set[int] = field(default_factory=set)
    arrivals: list[StatusChanged] = field(default_factory=list)
    _told: tuple[msgspec.Raw, msgspec.Raw] | None = None
    _told_until: datetime | None = None

    def note(self, event: RecordedEvent) -> None:
        """Something recorded has happened."""
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

    def note_here(self, event: Here) -> None:
        """Some came or went whose comings no log keeps."""
        self._told = None
        for person in event.joined:
            self._let_in(person)
        for person in event.left:
            self.here.pop(person.id, None)

    def note_status(self, event: StatusChanged) -> None:
        """Somebody says something else of themselves."""
        if event.user.id in self.here:
            self._told = None
            self.here[event.user.id].status = event.status

    def inhabitant(self, person: Person, role: Role) -> Inhabitant:
        """Somebody as they are in this room."""
        status, muted, voiced = self.status_of(person.id), self.muted.get(person.id), person.id in self.voiced
        return Inhabitant(person, role, status, muted, voiced)

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

    def _let_in(self, person: Person) -> None:
        status = self.status_of(person.id)
        self.here[person.id] = self.inhabitant(person, self._role_of(person))
        if not status.says_nothing:
            self.arrivals.append(StatusChanged(person, status))

    def _voice(self, user_id: int, *, has: bool) -> None:
        (self.voiced.add if has else self.voiced.discard)(user_id)
        if user_id in self.here:
            self.here[user_id].voiced = has

    def _role_of(self, person: Person) -> Role:
        for listener in self.listeners.of(person.id):
            return listener.member.role
        if person.id in self.here:
            return self.here[person.id].role
        return self.ranks.get(person.id, Role.GUEST if person.guest else Role.MEMBER)
