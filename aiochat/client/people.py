"""Who is in a room, kept up to date by what happens there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from aiochat.client.events import (
    Banned,
    Event,
    Here,
    Joined,
    Kicked,
    Left,
    Person,
    Renamed,
    RoleChanged,
    Status,
    StatusChanged,
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
            case RoleChanged(user=user, role=role) if user.id in self._by_id:
                known = self._by_id[user.id]
                self._by_id[user.id] = msgspec.structs.replace(user, role=role, status=known.status)
            case StatusChanged(user=user, status=status) if user.id in self._by_id:
                self._by_id[user.id] = msgspec.structs.replace(self._by_id[user.id], status=status)
            case Here(joined=joined, left=left):
                for user in left:
                    self._by_id.pop(user.id, None)
                for user in joined:
                    self._come(user)
            case _:
                pass

    def _come(self, user: Person) -> None:
        known = self._by_id.get(user.id)
        role = user.role or (known.role if known is not None else "")
        status = known.status if known is not None else Status()
        self._by_id[user.id] = msgspec.structs.replace(user, role=role, status=status)
