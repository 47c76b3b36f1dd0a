"""Tagged JSON to typed values and back; what does not fit is refused by the name of its field."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec

from helpers.errors import AppError

T = TypeVar("T")
PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
SHAPE = re.compile(r" matching regex (.+)$", re.DOTALL)
# What a pattern means, by how it is quoted in a complaint.
_MEANT: dict[str, str] = {}


def shaped(pattern: str, meant: str) -> msgspec.Meta:
    """A text of this shape. `meant` says of what it is made, for nobody is shown a regular expression."""
    _MEANT[repr(pattern)] = meant
    return msgspec.Meta(pattern=pattern)


class BadFrame(AppError):
    """What came in cannot be read as what was expected."""

    code = "bad_request"
    message = "That could not be read: {problem}. Correct it and send it again."


class Codec(Generic[T]):
    """Reads and writes one type, usually a union of tagged structs."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._encoder = msgspec.json.Encoder()

    def decode(self, data: bytes | str) -> T:
        """Raises `BadFrame` with what is wrong and, where known, the `field`."""
        try:
            return self._decoder.decode(data)
        except msgspec.DecodeError as error:
            raise bad_frame(error) from error
        except RecursionError as error:
            raise BadFrame(problem="it is nested too deeply") from error

    def encode(self, value: T) -> bytes:
        """The value as UTF-8 JSON."""
        return self._encoder.encode(value)


def bad_frame(error: msgspec.DecodeError) -> BadFrame:
    """msgspec's complaint as a refusal."""
    problem = str(error)
    place = PLACE.search(problem)
    problem = PLACE.sub("", problem).replace("`", "'").rstrip(".")
    if shape := SHAPE.search(problem):
        problem = f"{problem[: shape.start()]} of {_MEANT.get(shape[1], 'another form')}"
    if place and place[1]:
        return BadFrame(problem=f"{problem} in '{place[1]}'", field=place[1])
    return BadFrame(problem=problem)
