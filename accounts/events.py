"""What accounts tell every process, on the topic of the one concerned: whose connections must end."""

from __future__ import annotations

import msgspec

from helpers.codec import Codec


class SignedOut(msgspec.Struct, tag="signed_out", frozen=True):
    """One session ended. `session` is its ref, as `accounts.sessions.session_ref` gives it."""

    session: str


class SignedOutEverywhere(msgspec.Struct, tag="signed_out_everywhere", frozen=True):
    """Every session of this user ended."""

    user_id: int


class Suspended(msgspec.Struct, tag="suspended", frozen=True):
    """The account rests: every connection ends, tokens included."""

    user_id: int


AccountEvent = SignedOut | SignedOutEverywhere | Suspended

_codec: Codec[AccountEvent] = Codec(AccountEvent)


EVERY_USER = "aiochat:{user:*"
"""Where all that is told of users is heard."""


def user_topic(user_id: int) -> str:
    """Where the bus tells what concerns this user."""
    return f"aiochat:{{user:{user_id}}}"


def encode(event: AccountEvent) -> bytes:
    """The event as tagged JSON."""
    return _codec.encode(event)


def decode(data: bytes) -> AccountEvent:
    """The event behind these bytes. Raises `BadFrame`."""
    return _codec.decode(data)
