"""The terminal client as somebody at a terminal knows it."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

from accounts.tokens import create_token
from chat.connection import CloseCode
from tests.aiochat.console.terminal import Terminal, terminal
from tests.examples.conftest import program
from tests.people import House, Person


async def test_words_go_both_ways(screen: Terminal, bob: Person) -> None:
    await bob.enters()
    await screen.shows("bob came in")
    await bob.says("hi alice")
    await screen.shows(r"\d\d:\d\d  bob: hi alice")
    screen.types("hi bob\r")
    assert (await bob.hears("message", by="alice")).text == "hi bob"
    await screen.shows(r"\d\d:\d\d  alice: hi bob")


async def test_the_room_as_it_was_stands_there_first(
    house: House, at_home: dict[str, str], bob: Person
) -> None:
    await bob.enters()
    for number in range(35):
        await bob.says(f"word {number}.", nonce=f"n-{number}")
        house.node.flood._buckets.clear()
    long_ago = "UPDATE messages SET at = at - interval '3 days' WHERE text = 'word 1.' RETURNING at"
    day = (await house.node.manager.value(long_ago)).astimezone()
    async with terminal("#lobby", **at_home) as screen:
        await screen.shows(r"bob: word 34\.")
        assert "word 2." not in screen.text
        screen.types("/older\r")
        await screen.shows(rf"Before that:(.|\n)*{day:%A}, {day.day} {day:%B %Y}\s+\d\d:\d\d  bob: word 1\.")
        await screen.shows(r"bob: word 2\.(.|\n)*And now again:")
        screen.types("/older\r")
        await screen.shows("There is nothing before that")


async def test_what_happens_does_not_mix_with_what_is_typed(screen: Terminal, bob: Person) -> None:
    await bob.enters()
    for number in range(8):
        screen.types(f"{number} ")
        await bob.says(f"between {number}")
        await screen.shows(f"bob: between {number}")
    screen.types("and done\r")
    assert (await bob.hears("message", by="alice")).text == "0 1 2 3 4 5 6 7 and done"
    for line in screen.text.split("\n"):
        assert not re.search(r"\d bob: between|between \d\S", line), line


async def test_the_foot_says_who_is_here(screen: Terminal, bob: Person) -> None:
    await screen.shows("#lobby · 1 here: alice")
    await bob.enters()
    await screen.shows("2 here: alice, bob")


async def test_commands_are_completed_and_answered(screen: Terminal, bob: Person) -> None:
    await bob.enters()
    await screen.shows("2 here")
    screen.types("/wh")
    await screen.shows("Lists who is here, with their roles")
    screen.types("\t\r")
    await screen.shows(r"2 here in #lobby")
    screen.types("/kcik bob\r")
    await screen.shows("No command /kcik")
    screen.types("hello @b")
    await screen.shows("@bob")
    screen.types("\t\r")
    assert (await bob.hears("message", by="alice")).text == "hello @bob"


async def test_what_a_command_takes_is_shown_while_it_is_typed(house: House, mona: Person) -> None:
    port, token = house.servers[0].port, await create_token(house.node.manager, mona.id)
    async with terminal("lobby", CHAT_SITE=f"http://127.0.0.1:{port}", CHAT_TOKEN=token) as screen:
        await screen.shows("mona>")
        screen.types("/kill ")
        await screen.shows(r"/kill @user \[reason\] · Shows them out")


async def test_no_words_can_move_the_cursor(screen: Terminal, bob: Person) -> None:
    await bob.enters()
    await bob.says("\x1b[2Jgone \x1b]0;owned\x07 \x9b31m \u202eback")
    await screen.shows(r"bob: .?\[2Jgone")
    for forbidden in ("\x1b[2Jgone", "\x1b]0;", "\x9b", "\u202e"):
        assert forbidden not in screen.written


async def test_it_comes_back_and_sends_what_waited(screen: Terminal, house: House, bob: Person) -> None:
    await bob.enters()
    await screen.shows("2 here")
    for connection in house.node.hub.audience.of(next(iter(await ids(house, "alice")))):
        connection.close(CloseCode.RESTART, "The server restarts.")
    await screen.shows(r"The line is down: The server restarts\. What you write")
    screen.types("still there?\r")
    await bob.says("meanwhile")
    assert (await bob.hears("message", by="alice")).text == "still there?"
    await screen.shows("bob: meanwhile")
    await screen.shows("The line is back, and nothing was missed")


async def ids(house: House, name: str) -> tuple[int]:
    row = await house.node.manager.row("SELECT id FROM users WHERE name = %s", name)
    assert row is not None
    return (row[0],)


async def test_who_is_shown_out_reads_why_and_is_out(screen: Terminal, mona: Person) -> None:
    await mona.enters()
    await mona.says("/kill alice too loud")
    await screen.shows("aiochat-client: .*too loud")
    assert await screen.ends() == 1


async def test_it_is_left_by_a_key_or_a_word(at_home: dict[str, str], bob: Person) -> None:
    await bob.enters()
    for keys in ("\x04", "/quit\r", "half a line\x03\x04"):
        async with terminal("lobby", **at_home) as screen:
            await screen.shows("alice>")
            screen.types(keys)
            assert await screen.ends() == 0
        assert (await bob.hears("left", user="alice")).lost is None


async def test_a_token_is_asked_for_and_not_shown(at_home: dict[str, str]) -> None:
    token = at_home["CHAT_TOKEN"]
    async with terminal("lobby", CHAT_SITE=at_home["CHAT_SITE"]) as screen:
        await screen.shows("API token: ")
        screen.types(f"{token}\r")
        await screen.shows("alice>")
        assert token not in screen.written


async def test_what_is_wrong_is_one_line(at_home: dict[str, str], tmp_path: Path) -> None:
    for arguments, more, words in (
        (["nowhere"], {}, "There is no room of that name"),
        (["lobby"], {"CHAT_TOKEN": "ach_wrong"}, "This token is not known here"),
        (["lobby"], {"CHAT_SITE": "localhost:8080"}, "'localhost:8080' is no address"),
        (["lobby", "--token-file", str(tmp_path / "none")], {}, "No such file"),
    ):
        async with terminal(*arguments, **{**at_home, **more}) as screen:
            await screen.shows(f"aiochat-client: .*{words}")
            assert await screen.ends() == 1
            assert "Traceback" not in screen.text


async def test_who_waits_for_a_site_that_is_not_there_is_told(at_home: dict[str, str]) -> None:
    async with terminal("lobby", **{**at_home, "CHAT_SITE": "http://127.0.0.1:1"}) as screen:
        await screen.shows("http://127.0.0.1:1 does not answer yet")
        screen.process.send_signal(signal.SIGINT)
        assert await screen.ends() == 130


async def test_a_script_says_lines_and_reads_answers(at_home: dict[str, str], bob: Person) -> None:
    await bob.enters()
    async with program("-m", "aiochat.console", "lobby", environ=at_home) as script:
        for line in ("build green", "", "/who"):
            await script.is_told(line)
        assert script.process.stdin is not None
        script.process.stdin.close()
        assert await script.ends() == 0
        assert (await bob.hears("message", by="alice")).text == "build green"
        assert "2 here in #lobby" in script.said


async def test_a_line_that_is_refused_keeps_none_from_being_said(
    at_home: dict[str, str], bob: Person
) -> None:
    await bob.enters()
    async with program("-m", "aiochat.console", "lobby", environ=at_home) as script:
        stdin = script.process.stdin
        assert stdin is not None
        stdin.write(b"/xyzzy not found\nno UTF-8: \xff\n")
        stdin.close()
        assert await script.ends() == 1
        assert (await bob.hears("message", by="alice")).text == "no UTF-8: \N{REPLACEMENT CHARACTER}"
        assert script.said == ["aiochat-client: No command /xyzzy. Nothing was posted. /help lists them."]


async def test_a_token_may_stand_in_a_file(at_home: dict[str, str], tmp_path: Path, bob: Person) -> None:
    await bob.enters()
    file = tmp_path / "token"
    await asyncio.to_thread(file.write_text, at_home["CHAT_TOKEN"] + "\n")
    async with program(
        "-m", "aiochat.console", "lobby", "--token-file", str(file), "--site", at_home["CHAT_SITE"]
    ) as script:
        await script.is_told("by a file")
        assert (await bob.hears("message", by="alice")).text == "by a file"


async def test_who_is_ignored_is_not_shown(screen: Terminal, bob: Person, mona: Person) -> None:
    await bob.enters()
    await mona.enters()
    await bob.says("before")
    await screen.shows("bob: before")
    screen.types("/ignore bob\r")
    await screen.shows("You do not hear @bob any more")
    await bob.says("noise")
    await mona.says("a word")
    await screen.shows("mona: a word")
    assert "noise" not in screen.text
