"""Something that happened in a room: recorded (it has a number and is replayed) or passing (it is gone when told)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from chat.status import Status
from helpers.codec import Codec

LONG_AGO = datetime.fromtimestamp(0, UTC)
NO_PARTS = msgspec.Raw()


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who it was: `id` is the identity, `name` the name at that moment."""

    id: int
    name: str
    guest: bool = False


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="type"):
    """One entry of a room's log.

    `seq` is its number there, `at` its time, `by` who did it; `nonce` is the client's own, told to its author alone.
    `as_admin` says that they could only because the site is theirs, not the room. The journal fills in `seq` and `at`.
    """

    seq: int = 0
    at: datetime = LONG_AGO
    by: Person
    nonce: str = ""
    as_admin: bool = False

    @property
    def kind(self) -> str:
        """The word for it, on the wire and in the table."""
        tag = self.__struct_config__.tag
        assert isinstance(tag, str)
        return tag


class MessagePosted(Recorded, frozen=True, tag="message"):
    """Words. `text` is None and `gone` true once they were removed, by whom `gone_by` says where somebody did.

    `parts` is the text parsed, as JSON.
    """

    text: str | None
    parts: msgspec.Raw = NO_PARTS
    style: str = ""
    reply_to: int = 0
    edited: bool = False
    gone: bool = False
    gone_by: str = ""


class MessageEdited(Recorded, frozen=True, tag="edited"):
    """The words of `target` are others now."""

    target: int
    text: str | None
    parts: msgspec.Raw = NO_PARTS
    gone: bool = False


class MessageRemoved(Recorded, frozen=True, tag="removed"):
    """The words of `target` are shown no more."""

    target: int
    reason: str = ""


class RoomCleared(Recorded, frozen=True, tag="cleared"):
    """Everything up to the number `upto` is hidden: `count` messages, until `undo_until` to be brought back."""

    upto: int
    count: int
    undo_until: datetime
    reason: str = ""


class MessagesPurged(Recorded, frozen=True, tag="purged"):
    """Some messages are hidden together."""

    targets: list[int]
    count: int
    undo_until: datetime
    reason: str = ""
    user: Person | None = None


class Undone(Recorded, frozen=True, tag="undone"):
    """The act with the number `target` is taken back; `act` is its kind. One message comes with its words."""

    target: int
    act: str
    message: int = 0
    text: str | None = None
    parts: msgspec.Raw = NO_PARTS
    count: int = 0


class MemberJoined(Recorded, frozen=True, tag="joined"):
    """Came in: the first connection of theirs; `moved` when they came over from another room, on the same one."""

    user: Person
    moved: bool = False


class MemberLeft(Recorded, frozen=True, tag="left"):
    """Went: the last connection of theirs; `lost` when the line broke."""

    user: Person
    lost: bool = False


class MemberAdded(Recorded, frozen=True, tag="added"):
    """Is a member from now on."""

    user: Person


class MemberRemovedSelf(Recorded, frozen=True, tag="removed_self"):
    """Ended their membership."""

    user: Person


class Renamed(Recorded, frozen=True, tag="renamed"):
    """Is called otherwise now."""

    user: Person
    was: str


class TopicChanged(Recorded, frozen=True, tag="topic"):
    """What the room is about."""

    topic: str


class RoleChanged(Recorded, frozen=True, tag="role"):
    """Has another role; or, where `voiced` is given, may speak in a moderated room from now on, or may not."""

    user: Person
    role: str
    voiced: bool | None = None


class MemberKicked(Recorded, frozen=True, tag="kicked"):
    """Is out now, and may come back after `until`."""

    user: Person
    reason: str = ""
    until: datetime | None = None


class MemberBanned(Recorded, frozen=True, tag="banned"):
    """Is out, and stays out until then."""

    user: Person
    until: datetime
    reason: str = ""


class MemberUnbanned(Recorded, frozen=True, tag="unbanned"):
    """May come again."""

    user: Person


class MemberMuted(Recorded, frozen=True, tag="muted"):
    """May read, not speak, until then."""

    user: Person
    until: datetime
    reason: str = ""


class MemberUnmuted(Recorded, frozen=True, tag="unmuted"):
    """May speak again."""

    user: Person


class MessagePinned(Recorded, frozen=True, tag="pinned"):
    """Kept in sight."""

    target: int


class MessageUnpinned(Recorded, frozen=True, tag="unpinned"):
    """Kept in sight no more."""

    target: int


class SettingsChanged(Recorded, frozen=True, tag="settings"):
    """Switches, the title or the address of the room are others now; `changed` holds the new values.

    With `offered` and `until` in it an owner offers their place to somebody, who may take it until then.
    """

    changed: dict[str, Any]
    reason: str = ""


class Audited(Recorded, frozen=True, tag="audit"):
    """Something only moderators may see."""

    act: str
    facts: dict[str, Any] = {}


class Unforeseen(Audited, frozen=True, tag="unforeseen"):
    """An entry that cannot be read here, of the kind `act`: a newer version of this program, at work beside this one or
    before it, kept it. Nobody here sees more of it than its number.
    """


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="typing"):
    """Is writing; shown for six seconds."""

    user: Person


class Here(msgspec.Struct, frozen=True, tag_field="type", tag="here"):
    """Who came and who went, in a room that does not record it; `count` is how many are here now."""

    joined: list[Person]
    left: list[Person]
    count: int = 0


class StatusChanged(msgspec.Struct, frozen=True, tag_field="type", tag="status"):
    """Says something else of themselves: away, not to be disturbed, a text; an empty status says nothing."""

    user: Person
    status: Status


class UnreadCount(msgspec.Struct, frozen=True, tag_field="type", tag="unread"):
    """How much of another room of theirs one person has not read. `room` is its slug."""

    room: str
    count: int
    mentions: int


class ReadMark(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    """How far one person has read the room, told to their own sockets alone."""

    seq: int


class Ignored(msgspec.Struct, frozen=True, tag_field="type", tag="ignored"):
    """Whom one person does not want to hear, all of them, told to their own sockets alone."""

    ids: list[int]


class NotifyLevel(msgspec.Struct, frozen=True, tag_field="type", tag="notify", omit_defaults=True):
    """What one person wants to be told of a room, told to their own sockets alone. `room` is its slug."""

    room: str
    level: str
    until: datetime | None = None
    then: str = ""


class Belonging(msgspec.Struct, frozen=True, tag_field="type", tag="belongs", omit_defaults=True):
    """A room is one person's from now on, or no more; told to their own sockets alone, in whichever room.

    `room` is its slug, `by` who invited them or took that back, where somebody did.
    """

    room: str
    title: str
    member: bool = False
    by: Person | None = None


News = UnreadCount | ReadMark | Ignored | NotifyLevel | Belonging
"""What is told to one person, not to a room."""

RecordedEvent = (
    MessagePosted
    | MessageEdited
    | MessageRemoved
    | RoomCleared
    | MessagesPurged
    | Undone
    | MemberJoined
    | MemberLeft
    | MemberAdded
    | MemberRemovedSelf
    | Renamed
    | TopicChanged
    | RoleChanged
    | MemberKicked
    | MemberBanned
    | MemberUnbanned
    | MemberMuted
    | MemberUnmuted
    | MessagePinned
    | MessageUnpinned
    | SettingsChanged
    | Audited
)
PassingEvent = Typing | Here | StatusChanged
Event = RecordedEvent | PassingEvent


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What one commit wrote in one room, as the bus carries it.

    `ordinal` is the room's count of messages after it, `origin` the process that told it.
    """

    room_id: int
    events: list[Event]
    ordinal: int = 0
    origin: str = ""


BATCHES: Codec[Batch] = Codec(Batch)
RECORDED: Codec[RecordedEvent] = Codec(RecordedEvent)
NOT_IN_BODY = frozenset({"type", "seq", "at", "by", "nonce", "text", "parts", "edited", "gone", "gone_by"})


def body_of(event: Recorded) -> dict[str, Any]:
    """What the log keeps of an event beside its columns: never words."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return {name: value for name, value in fields.items() if name not in NOT_IN_BODY}


def told_to(user_id: int, event: RecordedEvent) -> dict[str, Any]:
    """An entry as its frame has it, as plain values; the nonce for its author alone."""
    if event.nonce and event.by.id != user_id:
        event = msgspec.structs.replace(event, nonce="")
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return fields
