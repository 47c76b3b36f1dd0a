"""Commands as they are declared, found, run and explained."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.commands.command import CommandTable, Context, is_command, parse, words
from chat.commands.converters import Duration, Name, Nick, Rest, Text
from chat.errors import UnknownCommand, UsageError
from chat.policy import Permission, Role, Switches

talk = CommandTable("Everyone")
ruling = CommandTable("Moderation")


@talk.command(Permission.READ, aliases=("?", "commands"), example="/help kill", harmless=True)
async def help_(context: Context, command: Name = "") -> str | None:
    """Lists what you may do here."""
    return context.commands.help_text(context.role, command, context.switches)


@talk.command(Permission.SPEAK, example="/me waves")
async def me(context: Context, action: Text) -> str | None:
    """Says what you do.

    In the third person.
    """
    return action


@talk.command(Permission.READ, example="/who", aliases=("names",), harmless=True)
async def who(context: Context) -> None:
    """Lists who is here."""


@ruling.command(Permission.KICK, aliases=("kick", "remove"), example="/kill @ann off topic")
async def kill(context: Context, who: Nick, reason: Rest = "") -> str | None:
    """Shows them out; they may come back."""
    return f"{who}: {reason}"


@ruling.command(Permission.MUTE, example="/mute @ann 30m off topic")
async def mute(context: Context, who: Nick, length: Duration | None = None, reason: Rest = "") -> str | None:
    """Lets them read, not speak."""
    return f"{who} {length}"


@ruling.command(Permission.CLEAR, example="/clear")
async def clear(context: Context, reason: Rest = "") -> None:
    """Empties the room for all; /undo brings it back."""


@ruling.command(Permission.DESTROY, example="/destroy lobby", confirm=True)
async def destroy(context: Context, room: str) -> None:
    """Deletes the room."""


COMMANDS = CommandTable.join(ruling, talk)


NOBODY: Any = None  # What none of these commands ask.


def context(role: Role = Role.OWNER, line: str = "") -> Context:
    caller: Any = SimpleNamespace(role=role)
    return Context(NOBODY, NOBODY, caller, line, NOBODY, COMMANDS)


async def run(line: str, role: Role = Role.OWNER) -> str | None:
    return await COMMANDS.run(context(role, line), line)


@pytest.mark.parametrize("text", ["/kill", "/Kill @ann", "/etc/hosts", "/é", "/?", "/? kill", "/me\nwaves"])
def test_a_slash_and_a_letter_begin_a_command(text: str) -> None:
    assert is_command(text)


@pytest.mark.parametrize(
    "text", ["", "/", "//kill", "/ kill", " /kill", "/1", "/_x", "/?x", "a /kill", "hello\n/kill", "/\nkill"]
)
def test_anything_else_is_words(text: str) -> None:
    assert not is_command(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [("//kill", "/kill"), ("//etc/hosts", "/etc/hosts"), ("///", "//"), ("/1", "/1"), ("a", "a")],
)
def test_two_slashes_say_one(text: str, said: str) -> None:
    assert words(text) == said


@given(st.text("/?ka1 \n\té", max_size=12))
def test_a_text_is_either_words_or_a_command_that_can_be_taken_apart(text: str) -> None:
    if is_command(text):
        assert parse(text).name == parse(text).name.lower() != ""
    else:
        with pytest.raises(ValueError, match="not a command"):
            parse(text)


def test_a_line_is_taken_apart_verbatim() -> None:
    parsed = parse("/KILL  @ann  off  topic\nsecond\n third")
    assert (parsed.name, parsed.line, parsed.more) == ("kill", "@ann  off  topic", "second\n third")


async def test_a_command_runs_by_any_of_its_names() -> None:
    for line in ("/kill @ann off topic", "/KICK ann off topic", '/remove "ann" off topic'):
        assert await run(line) == "ann: off topic"


async def test_words_may_go_on_below() -> None:
    assert await run("/me waves\n  twice") == "waves\n  twice"


@pytest.mark.parametrize("line", ["/kill", "/kill @ann off\nsecond line", '/kill "ann'])
async def test_a_misfit_is_told_how_it_is_used(line: str) -> None:
    with pytest.raises(UsageError) as refused:
        await run(line)
    assert refused.value.text == "Usage: /kill @user [reason]. Example: /kill @ann off topic."


async def test_the_beginning_of_a_harmless_command_is_enough() -> None:
    assert await run("/wh") is None
    assert await run("/HEL me") == await run("/help me")


@pytest.mark.parametrize("line", ["/ki @ann", "/kic @ann", "/cl", "/clea", "/mut @ann", "/killer @ann"])
async def test_the_beginning_of_a_ruling_command_is_not(line: str) -> None:
    with pytest.raises(UnknownCommand):
        await run(line)


@pytest.mark.parametrize(
    ("line", "role", "near"),
    [
        ("/kcik @ann", Role.MODERATOR, ["kick"]),
        ("/killer @ann", Role.MODERATOR, ["kill"]),
        ("/killer @ann", Role.MEMBER, []),
        ("/claer", Role.MODERATOR, []),
        ("/claer", Role.OWNER, ["clear"]),
        ("/m", Role.OWNER, ["me", "mute"]),
        ("/m", Role.MEMBER, ["me"]),
        ("/etc/hosts", Role.ADMIN, []),
        ("/" + "k" * 4_000, Role.ADMIN, []),
    ],
)
async def test_near_names_are_offered_to_those_who_may_run_them(
    line: str, role: Role, near: list[str]
) -> None:
    with pytest.raises(UnknownCommand) as refused:
        await run(line, role)
    assert refused.value.facts["near"] == near


def test_the_switches_of_the_room_count() -> None:
    names = [command.name for command in COMMANDS.allowed(Role.MODERATOR, Switches(moderators_clear=True))]
    assert "clear" in names
    assert "clear" not in [command.name for command in COMMANDS.allowed(Role.MODERATOR)]


def test_a_member_is_told_of_what_members_may() -> None:
    assert [told["name"] for told in COMMANDS.describe(Role.MEMBER)] == ["help", "me", "who"]


def test_a_command_is_told_from_its_declaration() -> None:
    assert COMMANDS["kick"].told() == {
        "name": "kill",
        "aliases": ["kick", "remove"],
        "usage": "/kill @user [reason]",
        "help": "Shows them out; they may come back.",
        "example": "/kill @ann off topic",
        "permission": "kick",
        "role": "moderator",
        "group": "Moderation",
        "confirm": False,
        "arguments": [
            {"name": "who", "kind": "member", "required": True, "rest": False, "usage": "@user"},
            {"name": "reason", "kind": "text", "required": False, "rest": True, "usage": "[reason]"},
        ],
    }


def test_the_least_role_told_is_that_of_the_room() -> None:
    assert COMMANDS["clear"].told()["role"] == "owner"
    assert COMMANDS["clear"].told(Switches(moderators_clear=True))["role"] == "moderator"


async def test_help_lists_by_group_what_one_may_do() -> None:
    assert await run("/help", Role.MEMBER) == (
        "Everyone\n"
        "/help [command] · Lists what you may do here.\n"
        "/me <action> · Says what you do.\n"
        "/who · Lists who is here.\n"
        "\n"
        "/help name says more about one. //text posts /text."
    )
    everything = await run("/?") or ""
    assert everything.index("Moderation") < everything.index("/kill @user") < everything.index("Everyone")
    assert "/destroy <room> · Deletes the room. (asks first)" in everything


async def test_help_with_a_name_says_how_and_who() -> None:
    assert await run("/help /kick", Role.MEMBER) == (
        "/kill @user [reason]\n"
        "Shows them out; they may come back.\n"
        "Example: /kill @ann off topic\n"
        "Also: /kick, /remove\n"
        "Who may: moderators and up"
    )
    assert "Who may: everyone" in (await run("/help who") or "")
    assert "Asks for confirmation" in (await run("/help destroy") or "")


async def test_help_with_an_unknown_name_offers_near_ones() -> None:
    with pytest.raises(UnknownCommand) as refused:
        await run("/help kil")
    assert refused.value.facts["near"] == ["kill"]


def test_a_table_knows_its_commands() -> None:
    assert len(COMMANDS) == 7
    assert "kick" in COMMANDS
    assert "kcik" not in COMMANDS
    assert COMMANDS["?"].name == "help"


@pytest.mark.parametrize("names", [("kill", ()), ("slay", ("kick",))])
def test_two_commands_cannot_share_a_name(names: tuple[str, tuple[str, ...]]) -> None:
    name, aliases = names
    other = CommandTable("Other")
    other.command(Permission.READ, name=name, aliases=aliases, example=f"/{name}")(who)
    with pytest.raises(ValueError, match="two commands"):
        CommandTable.join(ruling, other)


def test_a_command_without_help_is_not_declared() -> None:
    async def bare(context: Context) -> None: ...

    declare: Callable[[Any], Any] = CommandTable().command(Permission.READ, example="/bare")
    with pytest.raises(TypeError):
        declare(bare)
