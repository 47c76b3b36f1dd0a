"""What a client of the native socket may ask, field by field. Whatever does not fit is refused by name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from chat.log import Nonce
from helpers.codec import Codec

Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Say(msgspec.Struct, tag="say"):
    """Words or a command."""

    nonce: Nonce
    text: str
    reply_to: Number = 0


class Edit(msgspec.Struct, tag="edit"):
    """Other words for one's own message."""

    nonce: Nonce
    target: Number
    text: str


class Remove(msgspec.Struct, tag="remove"):
    """Take a message back."""

    nonce: Nonce
    target: Number


class Resume(msgspec.Struct, tag="resume"):
    """Everything after a number, then live."""

    epoch: str
    after: Number


class Read(msgspec.Struct, tag="read"):
    """Read up to here."""

    seq: Number


class IsTyping(msgspec.Struct, tag="typing"):
    """Is writing words."""


class Ping(msgspec.Struct, tag="ping"):
    """A browser cannot see the pings of the protocol beneath: it may ask by this."""


Asked = Say | Edit | Remove | Resume | Read | IsTyping | Ping
ASKED: Codec[Asked] = Codec(Asked)


class Ack(msgspec.Struct, tag="ack", omit_defaults=True):
    """What this nonce asked for is committed, as this number if it has one; `duplicate`: it was so before."""

    nonce: str
    at: datetime | None
    seq: int = 0
    duplicate: bool = False
