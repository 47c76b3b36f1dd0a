"""Who listens in a room, and how their protocol says what they hear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chat.connection import CloseCode, Connection
from chat.events import Audited, Event, MessageEdited, Undone, Unforeseen
from chat.members import Member
from chat.policy import Permission, may

MOST_HELD = 2_000


class Dialect(Protocol):
    """How one protocol says an event: whole WebSocket frames, or None for what it has no word for."""

    def encode(self, event: Event) -> bytes | None:
        """For everybody."""

    def encode_for_author(self, event: Event) -> bytes | None:
        """For the one who did it: with their nonce."""

    def encode_unseen(self, event: Event) -> bytes | None:
        """In the place of what this reader may not see."""

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        """Let a listener go who is not in the room any more."""


@dataclass(eq=False, slots=True)
class Listener:
    """A connection in a room. `held` collects live frames while it is being brought up to date.

    `is_here` says whether its user counts as being in the room: who hears several at once is in one of them.
    """

    connection: Connection
    member: Member
    dialect: Dialect
    held: list[bytes] | None = None
    is_here: bool = True

    def send(self, frame: bytes) -> None:
        """Hand over a frame, or hold it until the replay is done. No bytes say nothing."""
        if not frame:
            return
        if self.held is None:
            self.connection.send(frame)
            return
        self.held.append(frame)
        if len(self.held) > MOST_HELD:
            self.connection.close(CloseCode.SLOW, "Too slow to keep up. Come back and resume.")

    def release(self) -> None:
        """Send what was held, and hold nothing more."""
        held, self.held = self.held or [], None
        for frame in held:
            self.connection.send(frame)

    def sees(self, event: Event) -> bool:
        """Whether this reader may see it: an act only moderators know of, or words from before they came in."""
        match event:
            case Unforeseen():
                return False
            case Audited():
                return may(self.member.role, Permission.SEE_AUDIT)
            case MessageEdited(target=told) | Undone(message=told):
                return not told or told >= self.member.floor
            case _:
                return True


class Listeners(set[Listener]):
    """All who listen in a room, and those of one user without a look at all the others."""

    def __init__(self) -> None:
        super().__init__()
        self._by_user: dict[int, list[Listener]] = {}
        # Sorted when they are next spoken to: people come seldom, and are told something all the time.
        self._by_dialect: dict[Dialect, list[Listener]] | None = None

    def add(self, listener: Listener) -> None:
        """One more."""
        if listener not in self:
            super().add(listener)
            self._by_dialect = None
            self._by_user.setdefault(listener.member.user_id, []).append(listener)

    def discard(self, listener: object) -> None:
        """One less, if it was one."""
        if isinstance(listener, Listener) and listener in self:
            super().discard(listener)
            self._by_dialect = None
            own = self._by_user[listener.member.user_id]
            own.remove(listener)
            if not own:
                del self._by_user[listener.member.user_id]

    def turn(self, listener: Listener, dialect: Dialect) -> None:
        """From now on it is spoken to in this one."""
        listener.dialect = dialect
        self._by_dialect = None

    def of(self, user_id: int) -> tuple[Listener, ...]:
        """Those of one user."""
        return tuple(self._by_user.get(user_id, ()))

    def by_dialect(self) -> dict[Dialect, list[Listener]]:
        """Those who are spoken to alike. Who comes or goes meanwhile is not in it."""
        if self._by_dialect is None:
            found: dict[Dialect, list[Listener]] = {}
            for listener in self:
                found.setdefault(listener.dialect, []).append(listener)
            self._by_dialect = found
        return self._by_dialect
