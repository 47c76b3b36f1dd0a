"""What processes tell each other beside the logs: read marks, activity, and "have you heard?"."""

from __future__ import annotations

import msgspec

from chat.events import Person
from chat.notify import Notify
from chat.status import Status
from helpers.codec import Codec

NODES = "aiochat:{nodes}"


def room_topic(room_id: int) -> str:
    """Where a room's events are told."""
    return f"aiochat:{{room:{room_id}}}"


class Stirred(msgspec.Struct, frozen=True, array_like=True):
    """Something was said in a room: its last number and count of messages, and who was meant by name in which of them.

    `anew` says that words were hidden or brought back, so that counts are to be made again.
    """

    room_id: int
    seq: int
    ordinal: int
    mentioned: list[tuple[int, int]] = []
    anew: bool = False


class Activity(msgspec.Struct, frozen=True, tag="activity"):
    """The rooms in which something was said within the last moment."""

    rooms: list[Stirred]


class HaveYouHeard(msgspec.Struct, frozen=True, tag="have_you_heard"):
    """Every process is to hear this room up to `seq`, where anybody listens to it, and answer."""

    id: str
    asker: str
    room_id: int
    seq: int


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """The answer of one process."""

    id: str
    node: str


class ReadMoved(msgspec.Struct, frozen=True, tag="read_moved"):
    """A user has read a room up to here; `ordinal` counts the messages among that."""

    user_id: int
    room_id: int
    slug: str
    seq: int
    ordinal: int


class Belongs(msgspec.Struct, frozen=True, tag="belongs"):
    """A user became a member of a room, or is none any more.

    With a `slug` and `title` their own sockets are told; nobody's who never knew of the room. `by` invited them, or
    took that back.
    """

    user_id: int
    room_id: int
    member: bool
    slug: str = ""
    title: str = ""
    by: Person | None = None


class StatusMoved(msgspec.Struct, frozen=True, tag="status_moved"):
    """Somebody has another status, for all in these rooms to see. `version` counts their changes."""

    user: Person
    version: int
    status: Status
    rooms: list[int]


class NotifyMoved(msgspec.Struct, frozen=True, tag="notify_moved"):
    """Somebody wants to be told otherwise of a room."""

    user_id: int
    room_id: int
    slug: str
    notify: Notify


class IgnoresMoved(msgspec.Struct, frozen=True, tag="ignores_moved"):
    """A user wants to hear somebody no more, or again: the list is to be read anew."""

    user_id: int


class Remark(msgspec.Struct, frozen=True, tag="remark"):
    """Redis has forgotten who is here: every process is to say it again."""

    node: str


Signal = (
    Activity | HaveYouHeard | Heard | ReadMoved | Belongs | Remark | StatusMoved | IgnoresMoved | NotifyMoved
)
SIGNALS: Codec[Signal] = Codec(Signal)
