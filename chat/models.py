"""What PostgreSQL remembers of rooms. The tables themselves are made by the migrations."""

from __future__ import annotations

from typing import Any

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    IntegerField,
    TextField,
    UUIDField,
)
from playhouse.postgres_ext import BinaryJSONField, DateTimeTZField

from chat.policy import Switches
from helpers.database import BaseModel


class Room(BaseModel):
    """A room as it is stored. `last_seq` is the last number of its log, `last_ordinal` counts its messages."""

    id = BigAutoField()
    uuid = UUIDField()
    slug = TextField(unique=True)
    title = TextField()
    kind = TextField()
    topic = TextField()
    welcome = TextField()
    switches = BinaryJSONField()
    last_seq = BigIntegerField()
    last_ordinal = BigIntegerField()
    cleared_upto = BigIntegerField()
    cleared_ordinal = BigIntegerField()
    created_by = BigIntegerField()
    created_at = DateTimeTZField()
    last_at = DateTimeTZField()

    class Meta:
        table_name = "rooms"

    @property
    def set(self) -> Switches:
        """Its switches, typed."""
        kept, switches = self._read
        if kept is not self.switches:
            switches = Switches.read(self.switches)
            self._read = self.switches, switches
        return switches

    # Read once for each value: every word said asks for them.
    _read: tuple[Any, Switches] = (None, Switches())

    def told(self) -> dict[str, Any]:
        """The room as clients see it."""
        return {
            "slug": self.slug,
            "title": self.title,
            "topic": self.topic,
            "kind": self.kind,
            "switches": self.set.told(),
        }


class RoomSlug(BaseModel):
    """An address a room once had; it leads to the room still."""

    slug = TextField(primary_key=True)
    room_id = BigIntegerField()
    since = DateTimeTZField()

    class Meta:
        table_name = "room_slugs"


class Membership(BaseModel):
    """A user's lasting place in a room: rank, bans and mutes as dates, how far they have read, what they are told of.

    `present_since` is the number of their `joined` while they are here, else null.
    """

    room_id = BigIntegerField()
    user_id = BigIntegerField()
    role = IntegerField()
    is_member = BooleanField()
    voiced = BooleanField()
    muted_until = DateTimeTZField(null=True)
    banned_until = DateTimeTZField(null=True)
    out_until = DateTimeTZField(null=True)
    reason = TextField()
    present_since = BigIntegerField(null=True)
    read_seq = BigIntegerField()
    read_ordinal = BigIntegerField()
    floor = BigIntegerField()
    notify = TextField()
    notify_until = DateTimeTZField(null=True)
    notify_then = TextField()
    joined_at = DateTimeTZField()

    class Meta:
        table_name = "memberships"
        primary_key = CompositeKey("room_id", "user_id")


class Message(BaseModel):
    """One entry of a room's log: one numbered thing said or done. `kind` says which."""

    room_id = BigIntegerField()
    seq = BigIntegerField()
    kind = TextField()
    author_id = BigIntegerField()
    author_name = TextField()
    author_guest = BooleanField()
    at = DateTimeTZField()
    nonce = TextField()
    request_hash = BlobField()
    ordinal = BigIntegerField(null=True)
    text = TextField(null=True)
    parts = BinaryJSONField(null=True)
    body = BinaryJSONField()
    edited_seq = BigIntegerField(null=True)
    gone_seq = BigIntegerField(null=True)

    class Meta:
        table_name = "messages"
        primary_key = CompositeKey("room_id", "seq")


class Mention(BaseModel):
    """Somebody was meant by name in a message."""

    room_id = BigIntegerField()
    user_id = BigIntegerField()
    seq = BigIntegerField()

    class Meta:
        table_name = "mentions"
        primary_key = CompositeKey("room_id", "user_id", "seq")


class Clear(BaseModel):
    """Everything up to a number is hidden, in one row; `undone_seq` is the entry that took it back."""

    room_id = BigIntegerField()
    seq = BigIntegerField()
    upto = BigIntegerField()
    upto_ordinal = BigIntegerField()
    count = BigIntegerField()
    undo_until = DateTimeTZField()
    undone_seq = BigIntegerField(null=True)

    class Meta:
        table_name = "clears"
        primary_key = CompositeKey("room_id", "seq")


class Receipt(BaseModel):
    """The answer a command got, kept with its act: a repeat is answered from here and does nothing."""

    room_id = BigIntegerField()
    author_id = BigIntegerField()
    nonce = TextField()
    request_hash = BlobField()
    answer = BinaryJSONField()
    at = DateTimeTZField()

    class Meta:
        table_name = "receipts"
        primary_key = CompositeKey("room_id", "author_id", "nonce")


class Invitation(BaseModel):
    """A link that lets people in: to one room, or to the site. Only the hash of its token is kept."""

    id = BigAutoField()
    room_id = BigIntegerField(null=True)
    token_hash = BlobField(unique=True)
    created_by = BigIntegerField()
    uses_left = IntegerField(null=True)
    expires_at = DateTimeTZField(null=True)
    revoked_at = DateTimeTZField(null=True)
    created_at = DateTimeTZField()

    class Meta:
        table_name = "invitations"


MODELS: list[type[BaseModel]] = [Room, RoomSlug, Membership, Message, Mention, Clear, Receipt, Invitation]
