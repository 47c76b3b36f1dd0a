"""What a room tells, typed. Whatever a newer server adds arrives as `Unknown`, and disturbs nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Status(msgspec.Struct, frozen=True):
    """What somebody says of themselves. `presence` is `away`, `dnd` or nothing; past its end a part of it is over."""

    presence: str = ""
    why: str = ""
    until: datetime | None = None
    emoji: str = ""
    text: str = ""
    text_until: datetime | None = None


class Person(msgspec.Struct, frozen=True):
    """Who it was: `id` is the identity, `name` the name at that moment.

    Of those who are here more is known: their `role` and `status`, until when they read but may not speak, in UTC, and
    whether they have a voice where only the voiced speak. A mute is over at its time, and nothing tells that.
    """

    id: int
    name: str
    guest: bool = False
    role: str = ""
    status: Status = Status()
    muted_until: datetime | None = None
    voiced: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Anything a room hands out."""


class Recorded(Event, frozen=True, kw_only=True):
    """An entry of the room's log: its number there, its time in UTC, and who did it.

    `as_admin` says that they could only because they are an admin of the site.
    """

    seq: int
    at: datetime
    by: Person
    as_admin: bool = False


class Message(Recorded, frozen=True, kw_only=True):
    """Words. `text` is None and `gone` true once they were removed; `nonce` is set on one's own."""

    text: str | None = None
    parts: list[dict[str, Any]] = []
    style: str = ""
    reply_to: int = 0
    edited: bool = False
    gone: bool = False
    gone_by: str = ""
    nonce: str = ""


class Edited(Recorded, frozen=True, kw_only=True):
    """The words of `target` are others now."""

    target: int
    text: str | None = None
    parts: list[dict[str, Any]] = []
    gone: bool = False


class Removed(Recorded, frozen=True, kw_only=True):
    """The words of `target` are shown no more."""

    target: int
    reason: str = ""


class Cleared(Recorded, frozen=True, kw_only=True):
    """Everything up to the number `upto` is hidden, `count` messages."""

    upto: int
    count: int = 0
    undo_until: datetime | None = None
    reason: str = ""


class Purged(Recorded, frozen=True, kw_only=True):
    """Some messages are hidden together."""

    targets: list[int]
    count: int = 0
    undo_until: datetime | None = None
    reason: str = ""
    user: Person | None = None


class Undone(Recorded, frozen=True, kw_only=True):
    """The act with the number `target` is taken back; `act` is its kind. Whoever shows messages loads them anew."""

    target: int
    act: str = ""
    message: int = 0
    text: str | None = None
    parts: list[dict[str, Any]] = []
    count: int = 0


class About(Recorded, frozen=True, kw_only=True):
    """Something about one person, `user`."""

    user: Person


class Joined(About, frozen=True, kw_only=True):
    """Came in; `moved` when they came over from another room, on the same connection."""

    moved: bool = False


class Left(About, frozen=True, kw_only=True):
    """Went; `lost` when the line broke."""

    lost: bool = False


class Added(About, frozen=True, kw_only=True):
    """Is a member from now on."""


class RemovedSelf(About, frozen=True, kw_only=True):
    """Ended their membership."""


class Renamed(About, frozen=True, kw_only=True):
    """Is called otherwise now."""

    was: str = ""


class RoleChanged(About, frozen=True, kw_only=True):
    """Has another role; or, where `voiced` is given, may speak in a moderated room from now on, or may not."""

    role: str
    voiced: bool | None = None


class Kicked(About, frozen=True, kw_only=True):
    """Was shown out, and may come back after `until`."""

    reason: str = ""
    until: datetime | None = None


class Banned(About, frozen=True, kw_only=True):
    """Is out, and stays out until then."""

    reason: str = ""
    until: datetime | None = None


class Unbanned(About, frozen=True, kw_only=True):
    """May come again."""


class Muted(About, frozen=True, kw_only=True):
    """May read, not speak, until then."""

    reason: str = ""
    until: datetime | None = None


class Unmuted(About, frozen=True, kw_only=True):
    """May speak again."""


class TopicChanged(Recorded, frozen=True, kw_only=True):
    """What the room is about."""

    topic: str = ""


class Pinned(Recorded, frozen=True, kw_only=True):
    """Kept in sight."""

    target: int


class Unpinned(Recorded, frozen=True, kw_only=True):
    """Kept in sight no more."""

    target: int


class SettingsChanged(Recorded, frozen=True, kw_only=True):
    """The room is set otherwise; `changed` holds the new values."""

    changed: dict[str, Any] = {}
    reason: str = ""


class Audit(Recorded, frozen=True, kw_only=True):
    """Something only moderators are told."""

    act: str = ""
    facts: dict[str, Any] = {}


class Typing(Event, frozen=True, kw_only=True):
    """Is writing: to be shown for six seconds."""

    user: Person


class Here(Event, frozen=True, kw_only=True):
    """Who came and who went, in a room that does not record it."""

    joined: list[Person] = []
    left: list[Person] = []
    count: int = 0


class StatusChanged(Event, frozen=True, kw_only=True):
    """Says something else of themselves; an empty status says nothing."""

    user: Person
    status: Status


class Read(Event, frozen=True, kw_only=True):
    """One's own read mark was moved, perhaps on another machine."""

    seq: int


class Unread(Event, frozen=True, kw_only=True):
    """Where one stands in another room; `room` is its slug."""

    room: str
    count: int = 0
    mentions: int = 0


class Ignored(Event, frozen=True, kw_only=True):
    """Whom one does not want to hear, by their ids: from now on all of them, and nobody else."""

    ids: list[int] = []


class Notify(Event, frozen=True, kw_only=True):
    """What one wants to be told of a room: `all`, `mentions` or `none`; `then` another, from `until` on."""

    room: str
    level: str = "mentions"
    until: datetime | None = None
    then: str = ""


class Belongs(Event, frozen=True, kw_only=True):
    """A room is one's own from now on, or no more: `room` is its slug, `by` who invited one or took that back."""

    room: str
    title: str = ""
    member: bool = False
    by: Person | None = None


class Notice(Event, frozen=True, kw_only=True):
    """What a command answered, for this client alone; `nonce` is that of the command."""

    text: str
    nonce: str = ""


class Online(Event, frozen=True, kw_only=True):
    """The line stands, and everything that was missed has been handed out. `again` is false the first time."""

    again: bool


class Offline(Event, frozen=True, kw_only=True):
    """The line broke, with this close code; the next try is `pause` seconds away."""

    code: int
    reason: str = ""
    pause: float = 0.0


class Missed(Event, frozen=True, kw_only=True):
    """Nothing between the numbers `after` and `head` was or will be handed out: `Site.messages` reads it.

    So it is after a long absence, after a backup was put back, or where nobody took what waited here.
    """

    after: int
    head: int


class Unknown(Event, frozen=True, kw_only=True):
    """What this library has no word for: its type, its number where it has one, and all its fields."""

    type: str
    seq: int = 0
    fields: dict[str, Any] = {}


KINDS: dict[str, type[Event]] = {
    "message": Message,
    "edited": Edited,
    "removed": Removed,
    "cleared": Cleared,
    "purged": Purged,
    "undone": Undone,
    "joined": Joined,
    "left": Left,
    "added": Added,
    "removed_self": RemovedSelf,
    "renamed": Renamed,
    "role": RoleChanged,
    "kicked": Kicked,
    "banned": Banned,
    "unbanned": Unbanned,
    "muted": Muted,
    "unmuted": Unmuted,
    "topic": TopicChanged,
    "pinned": Pinned,
    "unpinned": Unpinned,
    "settings": SettingsChanged,
    "audit": Audit,
    "typing": Typing,
    "here": Here,
    "status": StatusChanged,
    "read": Read,
    "unread": Unread,
    "ignored": Ignored,
    "notify": Notify,
    "belongs": Belongs,
    "notice": Notice,
}


def event_of(frame: dict[str, Any]) -> Event:
    """The event in a frame, or in an entry of a page; what does not fit any is `Unknown`."""
    kind, seq = frame.get("type"), frame.get("seq")
    if isinstance(kind, str) and kind in KINDS:
        try:
            return msgspec.convert(frame, KINDS[kind])
        except msgspec.ValidationError:
            pass
    return Unknown(type=str(kind), seq=seq if isinstance(seq, int) else 0, fields=frame)
