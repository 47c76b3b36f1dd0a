"""How a room speaks to the guests in it, at `/chat`: every event as one JSON frame, or as none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from chat.channel import Channel
from chat.connection import CloseCode, text_frame
from chat.events import (
    Audited,
    Event,
    Here,
    MemberAdded,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnbanned,
    MemberUnmuted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageRemoved,
    MessagesPurged,
    MessageUnpinned,
    Person,
    Renamed,
    RoleChanged,
    RoomCleared,
    SettingsChanged,
    StatusChanged,
    TopicChanged,
    Typing,
    Undone,
)
from chat.listeners import Listener

SHOWN_OUT = frozenset({CloseCode.KICKED, CloseCode.BANNED})


def frame(action: Any, **fields: Any) -> bytes:
    """A frame of this protocol."""
    return text_frame(msgspec.json.encode({"action": action, **fields}))


def answer(action: Any, message: str = "", *, success: bool = True) -> bytes:
    """What came of a request."""
    return frame(action, success=success, message=message)


@dataclass(frozen=True, slots=True)
class NickDialect:
    """What the others of a room hear. Its name there is its title, whatever each of them called it."""

    channel: Channel

    def encode(self, event: Event) -> bytes | None:
        room = self.channel.room.title
        match event:
            case MessagePosted(text=str(text), style=style, by=by):
                said = f"* {by.name} {text}" if style == "action" else text
                return frame("chat_message", message=said, user=by.name)
            case MemberJoined(user=user, moved=True):
                return frame("joined", room=room, user=user.name)
            case MemberJoined(user=user):
                return self._join(user)
            case MemberLeft(user=user, lost=lost):
                return self._left(user, lost)
            case Renamed(user=user, was=was):
                return frame("nick_changed", room=room, from_user=was, to_user=user.name)
            case Here(joined=joined, left=left):
                return b"".join([*map(self._join, joined), *map(self._left, left)]) or None
            case (
                MessagePosted()
                | MessageEdited()
                | MessageRemoved()
                | MessagesPurged()
                | MessagePinned()
                | MessageUnpinned()
                | RoomCleared()
                | Undone()
                | MemberAdded()
                | MemberRemovedSelf()
                | MemberKicked()
                | MemberBanned()
                | MemberUnbanned()
                | MemberMuted()
                | MemberUnmuted()
                | RoleChanged()
                | TopicChanged()
                | SettingsChanged()
                | Audited()
                | Typing()
                | StatusChanged()
            ):
                # This protocol has no word for it.
                return None
            case never:
                assert_never(never)

    def encode_for_author(self, event: Event) -> bytes | None:
        # Who asked for it is answered; the broadcast is for the others.
        return None

    def encode_unseen(self, event: Event) -> bytes | None:
        return None

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        listener.connection.close(code, reason)
        if isinstance(listener, GuestListener) and code in SHOWN_OUT:
            listener.shown_out()

    def _join(self, user: Person) -> bytes:
        return frame("join", user=user.name, room=self.channel.room.title)

    def _left(self, user: Person, lost: bool = False) -> bytes:
        return frame("left", room=self.channel.room.title, user=user.name, shame=lost)


class Doorway:
    """A room as a newcomer hears it: nothing, then the frames that greet them in the place of their own joining,
    then what everybody hears. So no word comes before the greeting, and none after their joining is missed."""

    def __init__(self, dialect: NickDialect, user_id: int, greeting: bytes) -> None:
        self.dialect = dialect
        self.opened = asyncio.Event()
        self._user_id = user_id
        self._greeting = greeting

    def encode(self, event: Event) -> bytes | None:
        if self.opened.is_set():
            return self.dialect.encode(event)
        match event:
            case MemberJoined(user=user) if user.id == self._user_id:
                return self.open()
            case Here(joined=joined) if self._user_id in [user.id for user in joined]:
                return self.open()
            case _:
                return None

    def open(self) -> bytes:
        """They are in; what greets them."""
        self.opened.set()
        return self._greeting

    def encode_for_author(self, event: Event) -> bytes | None:
        return None

    def encode_unseen(self, event: Event) -> bytes | None:
        return None

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        self.dialect.dismiss(listener, code, reason)


@dataclass(eq=False, slots=True)
class GuestListener(Listener):
    """A guest in a room. `shown_out` is called when they are made to leave."""

    shown_out: Callable[[], None] = lambda: None
