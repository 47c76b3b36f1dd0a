"""How a typed word becomes a value: one converter for each type a command may ask for."""

import re
import types
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from chat.lines import straight
from chat.times import read_duration

_LINK = re.compile(
    r"(?:\A#?m?|(?:\A|.*/rooms/(?P<slug>[a-z0-9_-]+))(?:\?at=\d{1,15}#m|\?at=|#m))(?P<seq>\d{1,15})\Z",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


class Misfit(Exception):
    """A line does not fit the signature."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the line, its quotes taken off, and where it ended there."""

    word: str
    end: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Converter:
    """Reads one token as what a parameter asks for. Raises Misfit."""

    kind: ClassVar[str] = "text"

    def read(self, token: Token) -> Any:
        return token.word

    def hint(self, name: str) -> str:
        """How the parameter looks in a usage line, without its brackets."""
        return f"<{name}>"

    @property
    def choices(self) -> list[str]:
        """The words allowed, where they can be listed."""
        return []


@dataclass(frozen=True, slots=True)
class MemberName(Converter):
    kind: ClassVar[str] = "member"

    def read(self, token: Token) -> str:
        name = token.word.removeprefix("@")
        if not name.strip() or (name.startswith("-") and not token.quoted):
            raise Misfit
        return name

    def hint(self, name: str) -> str:
        return "@user"


@dataclass(frozen=True, slots=True)
class RoomName(Converter):
    kind: ClassVar[str] = "room"

    def read(self, token: Token) -> str:
        slug = token.word.removeprefix("#").lower()
        if not slug:
            raise Misfit
        return slug

    def hint(self, name: str) -> str:
        return "#room"


@dataclass(frozen=True, slots=True)
class HashedName(RoomName):
    """A room told apart from a person by its sign."""

    def read(self, token: Token) -> str:
        if token.quoted or not token.word.startswith("#"):
            raise Misfit
        # Without its arguments, `super` does not find the class that `slots` has made anew.
        return RoomName.read(self, token)


@dataclass(frozen=True, slots=True)
class CommandName(Converter):
    kind: ClassVar[str] = "command"

    def read(self, token: Token) -> str:
        name = token.word.removeprefix("/").lower()
        if not name:
            raise Misfit
        return name


@dataclass(frozen=True, slots=True)
class Length(Converter):
    kind: ClassVar[str] = "duration"
    sample: str = "10m"

    def read(self, token: Token) -> timedelta:
        length = None if token.quoted else read_duration(token.word)
        if length is None:
            raise Misfit
        return length

    def hint(self, name: str) -> str:
        return self.sample


@dataclass(frozen=True, slots=True)
class Number(Converter):
    kind: ClassVar[str] = "number"
    least: int = 0
    most: int = 999_999_999

    def read(self, token: Token) -> int:
        if token.quoted or not _NUMBER.fullmatch(token.word):
            raise Misfit
        number = int(token.word)
        if not self.least <= number <= self.most:
            raise Misfit
        return number


@dataclass(frozen=True, slots=True)
class Choice(Converter):
    kind: ClassVar[str] = "choice"
    words: tuple[str, ...] = ()

    def read(self, token: Token) -> str:
        word = token.word.lower()
        if token.quoted or word not in self.words:
            raise Misfit
        return word

    def hint(self, name: str) -> str:
        return "|".join(self.words)

    @property
    def choices(self) -> list[str]:
        return list(self.words)


@dataclass(frozen=True, slots=True)
class OneOf(Converter):
    """The first of several converters that the token fits."""

    converters: tuple[Converter, ...] = ()

    def read(self, token: Token) -> Any:
        for converter in self.converters:
            try:
                return converter.read(token)
            except Misfit:
                continue
        raise Misfit

    def hint(self, name: str) -> str:
        return "|".join(converter.hint(name) for converter in self.converters)

    @property
    def choices(self) -> list[str]:
        return [word for converter in self.converters for word in converter.choices]


@dataclass(frozen=True, slots=True)
class Remainder(Converter):
    """The rest of the line as it was typed; with `lines`, all after it too. `beside` names it turns none round."""

    lines: bool = False
    beside: bool = False

    def read(self, token: Token) -> str:
        return straight(token.word) if self.beside else token.word


class MessageNumber(int):
    """The number of a message. `slug` is the address of the room in its link, where that was said."""

    slug: str = ""


@dataclass(frozen=True, slots=True)
class MessageLink(Converter):
    """The address of a message as the page gives it, or its number in this room alone."""

    kind: ClassVar[str] = "message"

    def read(self, token: Token) -> int:
        found = _LINK.match(token.word)
        if token.quoted or found is None:
            raise Misfit
        number = MessageNumber(found["seq"])
        number.slug = found["slug"] or ""
        return number

    def hint(self, name: str) -> str:
        return "<link>"


@dataclass(frozen=True, slots=True)
class Calendar(Converter):
    kind: ClassVar[str] = "date"

    def read(self, token: Token) -> date:
        if token.quoted or not _DATE.fullmatch(token.word):
            raise Misfit
        try:
            return date.fromisoformat(token.word)
        except ValueError:
            raise Misfit from None

    def hint(self, name: str) -> str:
        return "YYYY-MM-DD"


@dataclass(frozen=True, slots=True)
class Flag(Converter):
    """An option that is said or not said, without a value."""

    kind: ClassVar[str] = "flag"


Nick = Annotated[str, MemberName()]
"""A member's name; the `@` is optional, a name with spaces stands in double quotes."""
Slug = Annotated[str, RoomName()]
"""A room's address; the `#` is optional."""
Hashed = Annotated[str, HashedName()]
"""A room's address with its `#`, where a name may stand instead."""
Name = Annotated[str, CommandName()]
"""A command's name; the `/` is optional."""
Day = Annotated[date, Calendar()]
"""A day: 2026-05-03."""
Link = Annotated[int, MessageLink()]
"""The number of a message: by its link, `#12`, or `12`."""
Duration = Annotated[timedelta, Length()]
"""A length of time: digits and one of s, m, h, d, w, nothing else."""
Rest = Annotated[str, Remainder()]
"""The rest of the line, verbatim. A second line is refused."""
Reason = Annotated[str, Remainder(beside=True)]
"""The same, to stand in a line behind who gave it: without marks that turn words round."""
Text = Annotated[str, Remainder(lines=True)]
"""The rest of the line and all lines after it, verbatim."""


def converter_for(hint: Any) -> Converter:
    """The converter that a parameter's type asks for. Raises TypeError where there is none."""
    origin = get_origin(hint)
    if origin is Annotated:
        return next(mark for mark in get_args(hint)[1:] if isinstance(mark, Converter))
    if origin is Literal:
        return Choice(tuple(get_args(hint)))
    if origin in (Union, types.UnionType):
        converters = tuple(converter_for(each) for each in get_args(hint) if each is not types.NoneType)
        return converters[0] if len(converters) == 1 else OneOf(converters)
    if hint is str:
        return Converter()
    if hint is int:
        return Number()
    if hint is timedelta:
        return Length()
    raise TypeError(f"no argument is read as {hint!r}")
