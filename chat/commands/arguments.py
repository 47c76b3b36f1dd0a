"""A typed line against a function's signature: the signature is the grammar, its types read the words.

Parameters after the first (the context) are filled from left to right. One with a default is passed over
where the word does not fit it, so a reason is never taken for a duration. Keyword-only parameters are
options: `--name value`, or `--name` alone for a bool; they stand before the rest of the line; `--` ends them.
`*names` takes all that follows.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from chat.commands.converters import Converter, Flag, Misfit, Remainder, Token, converter_for

_WORD = re.compile(r"\S+")
_SPACE = re.compile(r"\s*")
_QUOTE = '"'


@dataclass(frozen=True, slots=True)
class Parameter:
    """One place in the grammar. `option` is given by name, `many` takes every word left."""

    key: str
    converter: Converter
    required: bool
    many: bool = False
    option: bool = False

    @property
    def name(self) -> str:
        """As people read it: `new_name` is "new name"."""
        return self.key.strip("_").replace("_", " ")

    @property
    def flag(self) -> bool:
        """Whether the option stands alone, without a value."""
        return isinstance(self.converter, Flag)

    @property
    def rest(self) -> bool:
        return isinstance(self.converter, Remainder)

    @property
    def usage(self) -> str:
        hint = self.converter.hint(self.name)
        if self.option:
            dashed = f"--{self.name.replace(' ', '-')}"
            return f"[{dashed}]" if self.flag else f"[{dashed} {hint}]"
        if self.many:
            return f"{hint} […]"
        if self.required:
            return hint
        return f"[{hint.removeprefix('<').removesuffix('>')}]"

    def told(self) -> dict[str, Any]:
        """As `GET /api/commands` tells it."""
        told: dict[str, Any] = {
            "name": self.name,
            "kind": self.converter.kind,
            "required": self.required,
            "rest": self.rest,
            "usage": self.usage,
        }
        if self.converter.choices:
            told["choices"] = self.converter.choices
        for claim in ("many", "option"):
            if getattr(self, claim):
                told[claim] = True
        return told


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a line gave, ready to call the function with. Options not given are absent."""

    values: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The parameters of a command in order, read from its function's signature."""

    parameters: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    defaults: dict[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Grammar":
        """Raises TypeError where the signature cannot be a grammar; that is a mistake of the programmer."""
        hints = get_type_hints(function, include_extras=True)
        places: list[Parameter] = []
        options: list[Parameter] = []
        defaults: dict[str, Any] = {}
        for place in list(inspect.signature(function).parameters.values())[1:]:
            if places and (places[-1].rest or places[-1].many) and place.kind is not place.KEYWORD_ONLY:
                raise TypeError(f"{function.__name__}: {places[-1].key} takes all that is left of the line")
            option = place.kind is place.KEYWORD_ONLY
            many = place.kind is place.VAR_POSITIONAL
            converter = Flag() if hints[place.name] is bool and option else converter_for(hints[place.name])
            required = place.default is place.empty and not option
            if option and place.default is place.empty:
                raise TypeError(f"{function.__name__}: option {place.name} needs a default")
            if not required:
                defaults[place.name] = place.default
            (options if option else places).append(Parameter(place.name, converter, required, many, option))
        return cls(tuple(places), tuple(options), defaults)

    @property
    def usage(self) -> str:
        """All parameters in a line, the options before what takes the rest."""
        places = list(self.parameters)
        last = [places.pop()] if places and places[-1].rest else []
        return " ".join(part.usage for part in (*places, *self.options, *last))

    def read(self, line: str, more: str = "") -> Arguments:
        """Fill the parameters from what follows the name; `more` is what stands below it. Raises Misfit."""
        return _Reading(self, line).read(more)


class _Reading:
    """One line being read; `at` is how far."""

    def __init__(self, grammar: Grammar, line: str) -> None:
        self.grammar = grammar
        self.line = line
        self.at = 0
        self.left = list(grammar.parameters)
        self.values: dict[str, Any] = {}
        self.many: list[Any] = []
        self.options: dict[str, Any] = {}
        self.options_ended = False

    def read(self, more: str) -> Arguments:
        while self._skip_space() < len(self.line):
            if not (self._take_option() or self._take_argument()):
                raise Misfit
        self._take_lines(more)
        if not self.many and any(place.many for place in self.grammar.parameters):
            raise Misfit
        values = [self._value(place) for place in self.grammar.parameters if not place.many]
        return Arguments((*values, *dict.fromkeys(self.many)), self.options)

    def _skip_space(self) -> int:
        space = _SPACE.match(self.line, self.at)
        self.at = space.end() if space else self.at
        return self.at

    def _take_option(self) -> bool:
        if self.options_ended or not self.line.startswith("--", self.at):
            return False
        word = self._word()
        if not self.grammar.options and (word.word != "--" or self._rest_is_next()):
            return False
        self.at = word.end
        if word.word == "--":
            self.options_ended = True
            return True
        key = word.word[2:].replace("-", "_").lower()
        option = next((option for option in self.grammar.options if option.key.strip("_") == key), None)
        if option is None or option.key in self.options:
            raise Misfit
        if option.flag:
            self.options[option.key] = True
        elif self._skip_space() < len(self.line):
            token = self._token()
            self.options[option.key] = option.converter.read(token)
            self.at = token.end
        else:
            raise Misfit
        return True

    def _rest_is_next(self) -> bool:
        """Whether the words from here on may belong to the rest of the line, where dashes are only dashes."""
        return any(place.rest for place in self.left) and not any(
            place.required and not place.rest for place in self.left
        )

    def _take_argument(self) -> bool:
        while self.left:
            place = self.left[0]
            if place.rest:
                self.values[place.key] = place.converter.read(
                    Token(self.line[self.at :].rstrip(), len(self.line))
                )
                self.at = len(self.line)
                self.left.pop(0)
                return True
            try:
                token = self._token()
                value = place.converter.read(token)
            except Misfit:
                if place.required:
                    raise
                self.left.pop(0)
                continue
            self.at = token.end
            if place.many:
                self.many.append(value)
            else:
                self.values[place.key] = value
                self.left.pop(0)
            return True
        return False

    def _take_lines(self, more: str) -> None:
        if not more.strip():
            return
        last = self.grammar.parameters[-1] if self.grammar.parameters else None
        if last is None or not isinstance(last.converter, Remainder) or not last.converter.lines:
            raise Misfit
        first = self.values.get(last.key)
        self.values[last.key] = more.rstrip() if first is None else f"{first}\n{more.rstrip()}"

    def _value(self, place: Parameter) -> Any:
        if place.key in self.values:
            return self.values[place.key]
        if place.required:
            raise Misfit
        return self.grammar.defaults[place.key]

    def _word(self) -> Token:
        word = _WORD.match(self.line, self.at)
        if word is None:
            raise Misfit
        return Token(word[0], word.end())

    def _token(self) -> Token:
        """The word here, or what stands in double quotes; `\\"` is a quote inside them."""
        start = self.at + 1 if self.line.startswith("@" + _QUOTE, self.at) else self.at
        if not self.line.startswith(_QUOTE, start):
            return self._word()
        inside: list[str] = []
        at = start + 1
        while at < len(self.line):
            letter = self.line[at]
            if letter == _QUOTE:
                if at + 1 < len(self.line) and not self.line[at + 1].isspace():
                    raise Misfit
                return Token("".join(inside), at + 1, quoted=True)
            if letter == "\\" and self.line.startswith(_QUOTE, at + 1):
                at += 1
                letter = _QUOTE
            inside.append(letter)
            at += 1
        raise Misfit
