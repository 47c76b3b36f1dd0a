"""A room's log while it is locked: who is who just now, and what is to be recorded."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from chat.errors import NonceConflict, NotFound
from chat.events import PassingEvent, Person, Recorded, RecordedEvent, body_of
from chat.members import ROOM_COLUMNS, Member, member_in, named_in, room_of
from chat.models import Room
from chat.projection import apply, set_present
from helpers.codec import shaped
from helpers.database import Manager

E = TypeVar("E", bound=Recorded)


Nonce = Annotated[
    str,
    shaped(r"^[A-Za-z0-9_.:\-]{1,64}\Z", "1 to 64 characters: letters and digits of English, _ . : and -"),
]
"""A client's own name for a request: the same one again is the same request."""


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a request the same when it comes again: its author's nonce, and a hash of what was asked.

    `line` is the command as typed, where one was; the log of moderation keeps it.
    """

    nonce: str
    digest: bytes
    line: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the author of a request is told: a number in the log, words only they see, or both.

    `qr` is what the words say as a QR code, row by row.
    """

    seq: int = 0
    at: datetime | None = None
    text: str = ""
    duplicate: bool = False
    qr: tuple[str, ...] = ()


class Repeated(Exception):
    """This very request was done already; `answer` is what was said then."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


def digest(*parts: str) -> bytes:
    """The hash by which a repeated request is known."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def new_nonce() -> str:
    """A nonce of the server's own; clients cannot send one like it."""
    return f"~{uuid.uuid4().hex}"


class Log:
    """One locked room. Numbers are given as events are recorded; they hold once the transaction is committed."""

    def __init__(
        self, manager: Manager, room: Room, now: datetime, request: Request | None, actor_id: int
    ) -> None:
        self._manager = manager
        self.request = request
        self._actor_id = actor_id
        self.room = room
        self.now = now
        self.events: list[RecordedEvent] = []
        self.passing: list[PassingEvent] = []
        self.answer = ""
        # Whether who acts here may only because the site is theirs: all that they record says so.
        self.as_admin = False

    @property
    def reply(self) -> Answer:
        """What the author is told, now and at every repeat."""
        seq = self.events[0].seq if self.events else 0
        return Answer(seq=seq, at=self.now, text=self.answer)

    async def member(self, user_id: int) -> Member:
        """The user as this room knows them now. Raises NotFound."""
        member = await member_in(self._manager, self.room.id, user_id)
        if member is None:
            raise NotFound(str(user_id))
        return member

    async def named(self, name: str) -> Member:
        """The member or guest of this room who is called that, whatever the case. Raises NotFound with close names."""
        return await named_in(self._manager, self.room.id, name)

    async def record(self, event: E, nonce: str = "") -> E:
        """Put the event in the log and write what it does to the other tables. It comes back with its number."""
        self.room.last_seq += 1
        as_admin = event.as_admin or (self.as_admin and event.by.id == self._actor_id)
        numbered = msgspec.structs.replace(event, seq=self.room.last_seq, at=self.now, as_admin=as_admin)
        await self._manager.execute(
            "INSERT INTO messages "
            "(room_id, seq, kind, author_id, author_name, author_guest, at, nonce, request_hash, body) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, ''::bytea, %s::jsonb)",
            self.room.id,
            numbered.seq,
            numbered.kind,
            numbered.by.id,
            numbered.by.name,
            numbered.by.guest,
            self.now,
            nonce or new_nonce(),
            msgspec.json.encode(body_of(numbered)).decode(),
        )
        await apply(self._manager, self.room.id, numbered)  # type: ignore[arg-type]
        self.events.append(numbered)  # type: ignore[arg-type]
        return numbered

    async def mark_present(self, person: Person, since: int | None) -> None:
        """Remember that somebody is here, or with None that they are not, where no entry says so."""
        await set_present(self._manager, self.room.id, person, since)

    def pass_on(self, event: PassingEvent) -> None:
        """Tell something passing, once all this is committed."""
        self.passing.append(event)

    async def look_for_receipt(self) -> None:
        """Raises Repeated where this request was answered before, NonceConflict where its nonce named another."""
        if self.request is None:
            return
        asked = (self.room.id, self._actor_id, self.request.nonce)
        row = await self._manager.row(
            "SELECT request_hash, answer FROM receipts WHERE room_id = %s AND author_id = %s AND nonce = %s",
            *asked,
        )
        if row is not None:
            if bytes(row[0]) != self.request.digest:
                raise NonceConflict
            answer = msgspec.convert(row[1], Answer)
            raise Repeated(msgspec.structs.replace(answer, duplicate=True))
        said = await self._manager.value(
            "SELECT seq FROM messages WHERE room_id = %s AND author_id = %s AND nonce = %s", *asked
        )
        if said is not None:
            raise NonceConflict

    async def close(self) -> None:
        """Write the room's new last number and the receipt."""
        if self.events:
            await self._manager.execute(
                "UPDATE rooms SET last_seq = %s, last_at = %s WHERE id = %s",
                self.room.last_seq,
                self.now,
                self.room.id,
            )
        if self.request is not None:
            await self._manager.execute(
                "INSERT INTO receipts (room_id, author_id, nonce, request_hash, answer, at) "
                "VALUES (%s, %s, %s, %s, %s::jsonb, %s)",
                self.room.id,
                self._actor_id,
                self.request.nonce,
                self.request.digest,
                msgspec.json.encode(self.reply).decode(),
                self.now,
            )


async def lock_room(manager: Manager, room_id: int, request: Request | None, actor_id: int) -> Log | None:
    """Lock the room's row and read it; None for no such room."""
    # The time is taken under the lock, and is the database's: entries are not older than those before them, and a
    # process whose clock is wrong keeps nobody out for an hour.
    row = await manager.row(
        f"WITH locked AS MATERIALIZED (SELECT {ROOM_COLUMNS} FROM rooms r WHERE r.id = %s FOR UPDATE) "
        "SELECT locked.*, clock_timestamp() FROM locked",
        room_id,
    )
    return Log(manager, room_of(row[:-1]), row[-1].astimezone(UTC), request, actor_id) if row else None
