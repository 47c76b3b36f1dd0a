"""Tagged JSON to typed values and back; what does not fit is refused by the name of its field."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec

from helpers.errors import AppError

T = TypeVar("T")
PLACE = re.compile(r" - at `\$\.?([^`]*)`$")


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
    if place and place[1]:
        return BadFrame(problem=f"{problem} in '{place[1]}'", field=place[1])
    return BadFrame(problem=problem)
