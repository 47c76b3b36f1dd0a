"""The frames of the multi-room protocol: what a client may ask, what it is refused with, what it is told."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from chat.connection import text_frame
from chat.log import Nonce
from chat.models import Room
from helpers.codec import BadFrame, bad_frame
from helpers.errors import AppError

T = TypeVar("T")

BITS = 32
PAGE = 20
MOST_PAGE = 100
MOST_UUID = 256
MOST_ECHOED = 100
OLD_ACTIONS = ["authenticate", "select_room", "new_message"]
ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
BIGGEST = 2**63 - 1

Number = Annotated[int, msgspec.Meta(ge=0, le=BIGGEST)]


class OldError(AppError):
    """What the first system refused in these very words: its error frames have no more than they had."""

    code = "bad_parameter"


class MissingKeys(OldError):
    """A frame without an action, or with an empty uuid."""

    message = "Some of required keys are absent or empty. Required keys: ['action', 'uuid']"


class InvalidAction(OldError):
    """No action is called that. The sentence names the three there have always been."""

    message = f"Invalid message action. Next actions are allowed: {OLD_ACTIONS}"


class AuthenticationRequired(OldError):
    """Nobody is known on this socket yet."""

    code = "not_signed_in"
    message = "Authentication required before sending any other messages"
    status = 401


class InvalidToken(OldError):
    """The key is unknown, revoked or run out."""

    code = "bad_token"
    message = "Invalid authentication token"
    status = 401


class InvalidRoom(OldError):
    """No such room, or none one may be in: both are told alike."""

    code = "no_such_room"
    message = "Invalid room id"
    status = 404


class NotUuid(InvalidRoom):
    """No such room, asked for by what is no uuid."""

    message = "'{given}' is not a valid UUID."


class EmptyText(OldError):
    """There is nothing in it to say."""

    code = "empty"
    message = "Message text can't be empty"


class TextNotString(OldError):
    """A text is words."""

    message = "Message text must be a string"


# -- what is asked -----------------------------------------------------------------------------------------------------


class Key(msgspec.Struct):
    """Beside a token: whether everything that happens is wanted, or messages only."""

    events: bool = False


class Words(msgspec.Struct):
    """Beside words: the client's own name for the request, and what they answer."""

    nonce: Nonce | None = None
    reply_to: Number = 0


class Before(msgspec.Struct):
    """A page of messages before a number."""

    before: Number = BIGGEST
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_PAGE)] = PAGE


class After(msgspec.Struct):
    """Everything after a number."""

    epoch: str
    after: Number


class Upto(msgspec.Struct):
    """Read up to a number."""

    upto: Number


def read(asked: dict[str, Any], kind: type[T]) -> T:
    """The fields of a request that the first system did not have. Raises BadFrame."""
    try:
        return msgspec.convert(asked, kind)
    except msgspec.ValidationError as error:
        raise bad_frame(error) from error
    except UnicodeEncodeError as error:
        # JSON may hold half of a surrogate pair, as the name of a field, too.
        raise BadFrame(problem="there is half a character in it") from error


def safe(text: str) -> str | msgspec.Raw:
    """A client's own text on its way back: with half a surrogate pair in it, it can be sent only escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return msgspec.Raw(json.dumps(text).encode())
    return text


def echo(uuid: Any) -> str | msgspec.Raw | int | float | None:
    """The uuid as it is sent back: a word or a number as it came, anything else as null."""
    match uuid:
        case bool():
            return None
        case str():
            return safe(uuid) if len(uuid) <= MOST_UUID else None
        case int():
            return uuid if abs(uuid) <= BIGGEST else None
        case float():
            return uuid if abs(uuid) < float("inf") else None
        case _:
            return None


def room_key(given: Any) -> UUID | int | str:
    """How a room is asked for: by its uuid, with dashes or without, its number, or its address. Raises InvalidRoom."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given <= BIGGEST:
        return given
    if not isinstance(given, str) or not given:
        raise InvalidRoom
    try:
        return UUID(given)
    except ValueError:
        if not ADDRESS.fullmatch(given):
            raise not_found(given) from None
    return given


def not_found(given: Any) -> InvalidRoom:
    """What is said where nothing was found, by how it was asked for."""
    if not isinstance(given, str) or not given:
        return InvalidRoom()
    try:
        UUID(given)
    except ValueError:
        return NotUuid(given=given if len(given) <= MOST_ECHOED else f"{given[: MOST_ECHOED - 1]}…")
    return InvalidRoom()


# -- what is told ------------------------------------------------------------------------------------------------------


def frame(**fields: Any) -> bytes:
    """A frame of this protocol."""
    return text_frame(msgspec.json.encode(fields))


def refused(error: AppError, uuid: Any, action: Any) -> bytes:
    """An error frame; for what the first system did not refuse, with what every refusal here says beside it."""
    told = {"uuid": uuid, "action": action, "error_message": safe(error.text), "status": "error"}
    if not isinstance(error, OldError):
        more = error.told()
        del more["message"]
        told |= more
    return frame(**told)


def room_added(room: Room) -> bytes:
    """The frame that says that one hears a room from now on."""
    told = {
        "room": room.uuid.hex,
        "id": room.id,
        "slug": room.slug,
        "title": room.title,
        "head": room.last_seq,
    }
    return frame(**told, uuid=None, action="room_added", status="success")


def message_id(room_id: int, seq: int) -> int:
    """A message's number in the whole site."""
    return room_id << BITS | seq


def seq_of(room_id: int, number: int) -> int:
    """The number within its room, given as it is or as a message's id. Raises BadFrame."""
    if number >> BITS in (0, room_id):
        return number & (1 << BITS) - 1
    if number == BIGGEST:
        return number
    raise BadFrame(problem="that is the id of a message in another room")


def message(
    room_id: int, room: str, seq: int, name: str, at: datetime, text: str, style: str = ""
) -> dict[str, Any]:
    """A message as the first system told it."""
    return {
        "id": message_id(room_id, seq),
        "user": {"username": name},
        "room": room,
        "timestamp": at.timestamp(),
        "text": f"* {name} {text}" if style == "action" else text,
    }
