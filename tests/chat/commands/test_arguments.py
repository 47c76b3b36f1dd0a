"""A typed line against a signature."""

import contextlib
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.commands.arguments import Arguments, Grammar
from chat.commands.converters import Duration, Misfit, Name, Nick, Number, Reason, Rest, Slug, Text

TEN_MINUTES = timedelta(minutes=10)


async def kill(context: None, who: Nick, reason: Reason = "") -> None: ...
async def mute(context: None, who: Nick, length: Duration | None = None, reason: Rest = "") -> None: ...
async def me(context: None, action: Text) -> None: ...
async def invite(context: None, *who: Nick) -> None: ...
async def slowmode(context: None, wait: Duration | Literal["off"]) -> None: ...
async def moderated(context: None, state: Literal["on", "off"]) -> None: ...
async def purge(context: None, count: Annotated[int, Number(1, 100)]) -> None: ...
async def join(context: None, room: Slug, code: str = "") -> None: ...
async def help_(context: None, command: Name = "") -> None: ...
async def clear(context: None) -> None: ...
async def seat(context: None, who: Nick, row: int = 1, length: timedelta = TEN_MINUTES) -> None: ...
async def ban(
    context: None,
    who: Nick,
    length: Duration | Literal["forever"] | None = None,
    reason: Rest = "",
    *,
    purge: Duration | Literal["all"] | None = None,
    quiet: bool = False,
) -> None: ...


def read(function: Any, line: str, more: str = "") -> tuple[Any, ...]:
    return Grammar.of(function).read(line, more).values


@pytest.mark.parametrize(
    ("function", "line", "values"),
    [
        (kill, "ann", ("ann", "")),
        (kill, "@ann off  topic ", ("ann", "off  topic")),
        (kill, "  @ann\toff", ("ann", "off")),
        (kill, '"king lear" out', ("king lear", "out")),
        (kill, '@"king lear"', ("king lear", "")),
        (kill, r'"the \"king\"" out', ('the "king"', "out")),
        (kill, r'"a\b"', (r"a\b", "")),
        (kill, 'ann "not closed', ("ann", '"not closed')),
        (kill, "ann --loud -- very", ("ann", "--loud -- very")),
        (kill, "-- ann", ("ann", "")),
        (kill, '"-x"', ("-x", "")),
        (mute, "ann", ("ann", None, "")),
        (mute, "ann 10m", ("ann", TEN_MINUTES, "")),
        (mute, "ann 10m off topic", ("ann", TEN_MINUTES, "off topic")),
        (mute, "ann 10m 5m of noise", ("ann", TEN_MINUTES, "5m of noise")),
        (mute, "ann 10mx", ("ann", None, "10mx")),
        (mute, 'ann "10m" said', ("ann", None, '"10m" said')),
        (mute, "ann off topic 10m", ("ann", None, "off topic 10m")),
        (mute, 'ann "stop', ("ann", None, '"stop')),
        (mute, "10m", ("10m", None, "")),
        (invite, '@ann bob "king lear" ann', ("ann", "bob", "king lear")),
        (slowmode, "5s", (timedelta(seconds=5),)),
        (slowmode, "OFF", ("off",)),
        (moderated, "on", ("on",)),
        (purge, "100", (100,)),
        (join, "#Lobby", ("lobby", "")),
        (join, "lobby 7Q4K", ("lobby", "7Q4K")),
        (help_, "/KILL", ("kill",)),
        (help_, "", ("",)),
        (clear, "  ", ()),
        (seat, "ann 3 2h", ("ann", 3, timedelta(hours=2))),
        (seat, "ann 2h", ("ann", 1, timedelta(hours=2))),
        (me, "waves", ("waves",)),
        (me, "-- waves", ("-- waves",)),
    ],
)
def test_a_line_that_fits(function: Any, line: str, values: tuple[Any, ...]) -> None:
    assert read(function, line) == values


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (kill, ""),
        (kill, "@"),
        (kill, '""'),
        (kill, '"king lear'),
        (kill, '"king"lear'),
        (kill, "--loud"),
        (me, "   "),
        (invite, ""),
        (invite, "ann @"),
        (slowmode, "soon"),
        (slowmode, '"off"'),
        (moderated, ""),
        (moderated, "on off"),
        (purge, "0"),
        (purge, "101"),
        (purge, "many"),
        (purge, "1" * 400),
        (join, "#"),
        (help_, "/"),
        (clear, "now"),
        (seat, "ann 3 2h more"),
        (ban, "ann --purge"),
        (ban, "ann --purge soon"),
        (ban, "ann --prge 1h"),
        (ban, "ann --quiet --quiet"),
        (ban, "--quiet"),
    ],
)
def test_a_line_that_does_not_fit(function: Any, line: str) -> None:
    with pytest.raises(Misfit):
        read(function, line)


@pytest.mark.parametrize(
    ("line", "values", "options"),
    [
        ("ann --purge 1h spam", ("ann", None, "spam"), {"purge": timedelta(hours=1)}),
        ("--purge all ann forever", ("ann", "forever", ""), {"purge": "all"}),
        ("ann 10m --quiet --purge all off", ("ann", TEN_MINUTES, "off"), {"purge": "all", "quiet": True}),
        ("ann -- --purge all", ("ann", None, "--purge all"), {}),
        ("ann spam --purge 1h", ("ann", None, "spam --purge 1h"), {}),
    ],
)
def test_options_stand_before_the_rest_of_the_line(
    line: str, values: tuple[Any, ...], options: dict[str, Any]
) -> None:
    assert Grammar.of(ban).read(line) == Arguments(values, options)


def test_only_words_take_the_lines_below() -> None:
    assert read(me, "waves", "and\n smiles\n\n") == ("waves\nand\n smiles",)
    assert read(me, "", "waves") == ("waves",)
    assert read(kill, "ann", " \n") == ("ann", "")


@pytest.mark.parametrize(
    ("function", "line"), [(kill, "ann"), (mute, "ann 10m why"), (clear, ""), (invite, "ann")]
)
def test_a_second_line_fits_nothing_else(function: Any, line: str) -> None:
    with pytest.raises(Misfit):
        read(function, line, "second")


@pytest.mark.parametrize(
    ("function", "usage"),
    [
        (kill, "@user [reason]"),
        (mute, "@user [10m] [reason]"),
        (me, "<action>"),
        (invite, "@user […]"),
        (slowmode, "10m|off"),
        (moderated, "on|off"),
        (purge, "<count>"),
        (join, "#room [code]"),
        (help_, "[command]"),
        (clear, ""),
        (ban, "@user [10m|forever] [--purge 10m|all] [--quiet] [reason]"),
    ],
)
def test_the_usage_line_is_the_signature(function: Any, usage: str) -> None:
    assert Grammar.of(function).usage == usage


async def after_the_rest(context: None, who: Rest, more: str) -> None: ...
async def after_many(context: None, *who: Nick, loud: str) -> None: ...
async def of_no_type(context: None, number: float) -> None: ...


@pytest.mark.parametrize("function", [after_the_rest, after_many, of_no_type])
def test_a_signature_that_is_no_grammar_is_found_when_declared(function: Any) -> None:
    with pytest.raises(TypeError):
        Grammar.of(function)


letters = st.text('ab@#/-" \\\t\u00a01m', max_size=30)
names = st.text('abé中_. "\\-', min_size=1, max_size=12).filter(lambda name: name.strip() == name)
reasons = st.text('ab1m"\\@-- ', max_size=20).map(str.strip)


@given(
    st.sampled_from([kill, mute, me, invite, slowmode, purge, join, help_, clear, seat, ban]),
    letters,
    letters,
)
def test_every_line_is_read_or_refused(function: Any, line: str, more: str) -> None:
    with contextlib.suppress(Misfit):
        Grammar.of(function).read(line, more)


@given(names, reasons)
def test_a_quoted_name_and_a_reason_arrive_as_they_were_typed(name: str, reason: str) -> None:
    quoted = name.replace('"', '\\"')
    if "\\\\" in quoted or name.endswith("\\"):
        return
    assert read(kill, f'"{quoted}" {reason}') == (name.removeprefix("@"), reason)


@given(reasons, st.integers(1, 999), st.sampled_from("smhdw"))
def test_a_reason_is_never_eaten_as_a_duration(reason: str, count: int, unit: str) -> None:
    who, length, rest = read(mute, f"ann {count}{unit} {reason}")
    assert (who, rest) == ("ann", reason)
    assert length is not None
    _, none, rest = read(mute, f"ann {count}{unit}! {reason}")
    assert none is None
    assert rest == f"{count}{unit}! {reason}".rstrip()


def test_a_reason_turns_no_words_round_and_what_is_said_stays_as_it_is() -> None:
    assert read(kill, "ann \u202esuoived\u202c") == ("ann", "suoived")
    assert read(kill, "ann \u202e") == ("ann", "")
    assert read(me, "waves \u202ekcab") == ("waves \u202ekcab",)
