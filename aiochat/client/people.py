"""Who is in a room, kept up to date by what happens there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from aiochat.client.events import (
    Banned,
    Event,
    Here,
    Joined,
    Kicked,
    Left,
    Muted,
    Person,
    Renamed,
    RoleChanged,
    StatusChanged,
    Unmuted,
)


class People:
    """The people who are here, as far as they are known: of a full room the server names a hundred."""

    def __init__(self) -> None:
        self._by_id: dict[int, Person] = {}

    def begin(self, people: Iterable[Person]) -> None:
        """These are here."""
        self._by_id = {person.id: person for person in people}

    def __iter__(self) -> Iterator[Person]:
        """By name."""
        return iter(sorted(self._by_id.values(), key=lambda person: person.name.casefold()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, person: Person | int) -> bool:
        return (person if isinstance(person, int) else person.id) in self._by_id

    def apply(self, event: Event) -> None:
        """Let an event change who is here."""
        match event:
            case Joined(user=user):
                self._come(user)
            case Left(user=user) | Kicked(user=user) | Banned(user=user):
                self._by_id.pop(user.id, None)
            case Renamed(user=user) if user.id in self._by_id:
                self._come(user)
            case RoleChanged(user=user, role=role, voiced=None):
                self._change(user, role=role)
            case RoleChanged(user=user, role=role, voiced=voiced):
                self._change(user, role=role, voiced=voiced)
            case Muted(user=user, until=until):
                self._change(user, muted_until=until)
            case Unmuted(user=user):
                self._change(user, muted_until=None)
            case StatusChanged(user=user, status=status):
                self._change(user, status=status)
            case Here(joined=joined, left=left):
                for user in left:
                    self._by_id.pop(user.id, None)
                for user in joined:
                    self._come(user)
            case _:
                pass

    def _come(self, user: Person) -> None:
        known = self._by_id.get(user.id, user)
        role = user.role or known.role
        self._by_id[user.id] = msgspec.structs.replace(known, name=user.name, guest=user.guest, role=role)

    def _change(self, user: Person, **facts: Any) -> None:
        if user.id in self._by_id:
            self._by_id[user.id] = msgspec.structs.replace(self._by_id[user.id], **facts)
