"""How the multi-room protocol says what happens in a room, and a connection's place in one of its rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from chat.channel import Channel
from chat.connection import CloseCode
from chat.events import Event, MessagePosted, Recorded
from chat.listeners import Listener
from chat.sockets.rooms_frames import frame, message


@dataclass(frozen=True, eq=False)
class RoomsDialect:
    """One room's events in this protocol; with `whole` not only messages."""

    room_id: int
    uuid: UUID
    whole: bool

    def told(self, event: MessagePosted) -> dict[str, Any]:
        """A message as the first system told it."""
        return message(
            self.room_id, self.uuid.hex, event.seq, event.by.name, event.at, event.text or "", event.style
        )

    def encode(self, event: Event) -> bytes | None:
        if isinstance(event, Recorded) and event.nonce:
            event = msgspec.structs.replace(event, nonce="")
        return self.encode_for_author(event)

    def encode_for_author(self, event: Event) -> bytes | None:
        return self.say(event, None)

    def say(self, event: Event, uuid: Any) -> bytes | None:
        """The frame of an event; `uuid` is that of the request it came from, on the connection that asked."""
        told: dict[str, Any] = {"room": self.uuid.hex}
        if self.whole:
            told["event"] = event
        if isinstance(event, MessagePosted) and event.text is not None:
            # Others never see what uuid the request had: it might be one they wait for themselves.
            ours = UUID(int=(self.uuid.int + event.seq) % 2**128).hex
            told |= {"message": self.told(event), "uuid": ours if uuid is None else uuid}
            return frame(**told, action="new_message", status="success")
        return frame(**told, uuid=None, action="event", status="success") if self.whole else None

    def encode_unseen(self, event: Event) -> bytes | None:
        if not self.whole or not isinstance(event, Recorded):
            return None
        skip = {"type": "skip", "seq": event.seq}
        return frame(room=self.uuid.hex, event=skip, uuid=None, action="event", status="success")

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        assert isinstance(listener, Seat)
        listener.lost(listener)


dialect = lru_cache(maxsize=4096)(RoomsDialect)
"""The same dialect for all who hear a room in the same way: then each event is encoded once."""


@dataclass(eq=False, slots=True, kw_only=True)
class Seat(Listener):
    """A connection's place in one of its rooms. `voice` says events there, `lost` is called when the place is gone."""

    channel: Channel
    voice: RoomsDialect
    lost: Callable[[Seat], None]

    def asks(self, nonce: str, uuid: Any) -> None:
        """Words are on their way under this nonce: they are to come back with this uuid."""
        if not isinstance(self.dialect, Asking):
            self.channel.listeners.turn(self, Asking(self.voice, self))
        assert isinstance(self.dialect, Asking)
        self.dialect.uuids[nonce] = uuid

    def is_answered(self, nonce: str) -> None:
        """They came back, or never will."""
        if isinstance(self.dialect, Asking):
            self.dialect.uuids.pop(nonce, None)
            if not self.dialect.uuids:
                self.channel.listeners.turn(self, self.voice)


@dataclass(eq=False)
class Asking:
    """The dialect of one connection while words of its own are on their way: they come back with its uuid."""

    dialect: RoomsDialect
    seat: Seat
    uuids: dict[str, Any] = field(default_factory=dict)

    def encode(self, event: Event) -> bytes | None:
        return self.dialect.encode(event)

    def encode_for_author(self, event: Event) -> bytes | None:
        nonce = event.nonce if isinstance(event, Recorded) else ""
        if nonce not in self.uuids:
            return self.dialect.encode_for_author(event)
        told = self.dialect.say(event, self.uuids[nonce])
        asyncio.get_running_loop().call_soon(self.seat.is_answered, nonce)
        return told

    def encode_unseen(self, event: Event) -> bytes | None:
        return self.dialect.encode_unseen(event)

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        self.dialect.dismiss(listener, code, reason)
