"""The plain-text protocol to the letter, as programs written years ago expect it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.sockets.old import OldPage, old_page
from tests.people import HANDSHAKE, House, Person

OLD_HELP = (
    "- /help - display this msg\n"
    "- /kill {username} - remove user from room\n"
    "- /clear - empty all messages in room\n"
)
WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def without_time(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame as the transcript tells it, once its time was looked at."""
    assert WITH_OFFSET.fullmatch(frame["created_at"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(frame["created_at"])).total_seconds()) < 60
    return {name: value for name, value in frame.items() if name != "created_at"}


async def test_two_people_talk_as_in_the_transcript(olga: Person, bob: Person, house: House) -> None:
    """Line for line, but for what was plainly broken: /kill without a name, and nobody hearing who left."""
    one = await old_page(olga)
    assert without_time(await one.reads()) == {"text": "@olga join chat room", "user": None}
    two = await old_page(bob)
    for page in (one, two):
        assert without_time(await page.reads()) == {"text": "@bob join chat room", "user": None}
    await one.types("  spaced  ")
    for page in (one, two):
        assert without_time(await page.reads()) == {"text": "spaced", "user": "olga"}
    await two.types("/help")
    helped = await two.reads()
    assert set(helped) == {"text"}
    assert helped["text"].startswith(OLD_HELP)
    assert "/who" in helped["text"].removeprefix(OLD_HELP)
    await two.types("/nope")
    assert await two.reads() == {"text": "wrong cmd /nope"}
    await two.types("/clear now")
    assert await two.reads() == {"text": "wrong cmd /clear now"}
    await one.types("/clear")
    for page in (one, two):
        assert await page.reads() == {"cmd": "empty"}
    await one.types("/kill BOB")
    assert await two.is_closed() == 1000
    assert two.screen[-1] == "You were removed from the room"
    assert without_time(await one.reads()) == {"text": "@bob was removed by @olga", "user": None}
    assert without_time(await one.reads()) == {"text": "@bob left chat room", "user": None}
    assert "Removed @bob" in (await one.reads())["text"]
    assert await house.kinds() == [
        "added", "joined", "joined", "message", "cleared", "kicked", "left",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/ws/{}", "/rooms/{}/ws"])
async def test_both_addresses_speak_plain_text_to_who_names_no_protocol(
    alice: Person, house: House, path: str
) -> None:
    page = await old_page(alice, path=path)
    await page.shows("@alice join chat room")
    program = await house.program(alice)
    socket = await program.client.ws_connect(path.format("lobby"))
    await socket.send_str("by token")
    assert (await page.shows("@alice: by token"))["user"] == "alice"
    await socket.close()


async def test_the_old_address_speaks_the_native_protocol_to_who_names_it(alice: Person) -> None:
    socket = await alice.client.ws_connect("/ws/lobby", protocols=["aiochat.v2"])
    assert (await socket.receive_json())["type"] == "hello"
    await socket.close()


async def test_the_word_close_closes(alice: Person, bob: Person) -> None:
    one, two = await old_page(alice), await old_page(bob)
    await two.shows("@bob join chat room")
    await one.types(" close ")
    assert await one.is_closed() == 1000
    await two.shows("@alice left chat room")


@pytest.mark.parametrize(
    "line",
    [
        "/nope",
        "/nope with words",
        "/",
        "/ x",
        "/1",
        "/etc/hosts",
        "/killall x",
        "/clear now",
        "/CLEAR now",
        "/clear\nx",
    ],
)
async def test_a_command_there_is_not_is_named_and_never_said(alice: Person, house: House, line: str) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await page.types(line)
    assert await page.reads() == {"text": f"wrong cmd {line}"}
    assert "message" not in await house.kinds()


async def test_a_long_wrong_command_is_named_in_short(alice: Person) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await page.types("/nope" + "x" * 3000)
    assert len((await page.reads())["text"]) < 300


async def test_commands_do_not_look_at_case(olga: Person) -> None:
    page = await old_page(olga)
    await page.shows("@olga join chat room")
    await page.types("/CLEAR")
    assert await page.reads() == {"cmd": "empty"}
    await page.types("/HELP")
    assert (await page.reads())["text"].startswith(OLD_HELP)


async def test_a_slash_twice_says_one(alice: Person) -> None:
    page = await old_page(alice)
    await page.types("//kill is a command")
    await page.shows("@alice: /kill is a command")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "There is nothing in it to send. Write something first."),
        (" \n ", "There is nothing in it to send. Write something first."),
        ("x" * 4001, "4,001 of at most 4,000 characters. Make it shorter or send it in parts."),
        ("/kill", "Usage: /kill @user [reason]. Example: /kill @ann off topic."),
        ("/kill nobody", "Only moderators of #lobby can /kill. Ask one of them."),
        ("/clear", "Only owners of #lobby can /clear. Ask one of them."),
    ],
)
async def test_a_refusal_is_a_sentence_for_who_asked_alone(
    alice: Person, bob: Person, house: House, line: str, sentence: str
) -> None:
    one, two = await old_page(alice), await old_page(bob)
    await one.types(line)
    assert await one.shows(sentence) == {"text": sentence}
    await one.types("fine")
    await one.shows("@alice: fine")
    await two.shows("@alice: fine")
    assert sentence not in two.screen


async def test_bytes_are_refused_in_words(alice: Person) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await page.socket.send_bytes(b"\0\xff")
    assert await page.reads() == {"text": "Only text frames are understood here."}


async def test_bad_utf_8_ends_the_page(alice: Person) -> None:
    page = await old_page(alice)
    await page.socket.send_frame(b"\xff", WSMsgType.TEXT)
    assert await page.is_closed() == 1007


async def test_a_text_too_large_ends_the_page(alice: Person) -> None:
    page = await old_page(alice)
    await page.types("x" * 65537)
    assert await page.is_closed() == 1009


async def test_who_is_muted_reads_so(alice: Person, house: House) -> None:
    await house.marks(alice, "muted_until = now() + interval '1 hour'")
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await page.types("hi")
    assert (await page.reads())["text"].startswith("You are muted")


async def test_saying_too_much_at_once_is_told_and_nothing_is_lost(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=2, rate=0.01)
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    for number in range(3):
        await page.types(f"{number}")
    await page.shows("@alice: 1")
    assert "too fast" in (await page.reads())["text"]


async def test_a_second_page_of_one_person_is_no_second_arrival(alice: Person, bob: Person) -> None:
    watching = await old_page(bob)
    first, second = await old_page(alice), await old_page(alice)
    await second.types("in both")
    for page in (first, second, watching):
        await page.shows("@alice: in both")
    await first.leaves()
    await second.types("still here")
    await watching.shows("@alice: still here")
    assert watching.screen.count("@alice join chat room") == 1
    assert "@alice left chat room" not in watching.screen


async def test_what_else_happens_is_a_notice_of_nobodys(olga: Person, bob: Person, house: House) -> None:
    page = await old_page(bob)
    await olga.enters()
    await olga.says("/topic Demos at ten")
    await page.shows("@olga set the topic: Demos at ten")
    await olga.says("/topic clear")
    await page.shows("@olga emptied the topic")
    await olga.says("/op bob")
    await page.shows("@bob is moderator now")
    await olga.says("/deop bob")
    await page.shows("@bob is member now")
    await olga.says("/op bob")
    await page.shows("@bob is moderator now")
    await page.types("/deop bob")
    await page.shows("@bob stepped down")
    await olga.says("/voice bob")
    await page.shows("@bob may speak now")
    await olga.says("/devoice bob")
    await page.shows("@bob may speak no more")
    said = await olga.says("helo")
    await olga.tab.asks("edit", target=said.seq, text="hello")
    frame = await page.shows("@olga changed a message: hello")
    assert frame["user"] is None
    await olga.says("/me waves")
    assert (await page.shows("@olga: * olga waves"))["user"] == "olga"
    await page.types("/nick Rob")
    await page.shows("@bob is @Rob now")
    gone = await olga.says("a password")
    await page.shows("@olga: a password")
    await olga.tab.asks("remove", target=gone.seq)
    await olga.says("after")
    await page.shows("@olga: after")
    assert page.screen[-3:] == [
        "You are called Rob now. bob stays yours for 30 days.",
        "@olga: a password",
        "@olga: after",
    ]


async def test_comings_that_a_room_does_not_record_are_not_told(
    alice: Person, bob: Person, house: House
) -> None:
    await house.sets({"comings_and_goings": False})
    one = await old_page(alice)
    await old_page(bob)
    await one.types("first")
    assert (await one.reads())["text"] == "first"


async def test_a_server_that_stops_says_so_and_closes(alice: Person, house: House) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await house.node.let_go()
    assert await page.reads() == {"text": "Server shutdown"}
    assert await page.is_closed() == 1001
    assert page.close_reason == "Server shutdown"
    assert "left" not in await house.kinds()


async def test_who_is_signed_out_reads_why(alice: Person) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    await alice.fills("/logout")
    assert await page.reads() == {"text": "You signed out."}
    assert await page.is_closed() == 4501


async def test_too_many_pages_are_told_in_words(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, connections=1)
    await old_page(alice)
    second = await old_page(alice)
    assert await second.is_closed() == 4509
    assert second.screen == ["Too many connections. Close another one first."]


@pytest.mark.parametrize("path", ["/ws/lobby", "/rooms/lobby/ws"])
async def test_who_is_nobody_is_refused_before_the_handshake(house: House, olga: Person, path: str) -> None:
    """The old server said 101 and then wrote an error of HTTP into the stream."""
    stranger = await house.stranger()
    plain = {name: value for name, value in HANDSHAKE.items() if name != "Sec-WebSocket-Protocol"}
    answer = await stranger.opens(path, Origin=stranger.origin, **plain)
    assert (answer.status, answer.refusal.code) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/ws/nowhere", {}, 404, "no_such_room"),
        ("/ws/lobby", {"Upgrade": ""}, 400, None),
        ("/ws/lobby", {"Origin": "https://evil.example"}, 403, "foreign_origin"),
        ("/ws/lobby", {"Authorization": "Bearer nonsense"}, 401, "bad_token"),
        ("/ws/lobby", {"Sec-WebSocket-Protocol": "chat"}, 400, "unknown_protocol"),
        ("/ws/lobby", {"Sec-WebSocket-Protocol": ""}, 400, "unknown_protocol"),
        ("/ws/LOBBY%00", {}, 404, "no_such_room"),
    ],
)
async def test_who_may_not_come_in_is_told_before_the_handshake(
    alice: Person, path: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    plain = {name: value for name, value in HANDSHAKE.items() if name != "Sec-WebSocket-Protocol"}
    answer = await alice.opens(path, **{"Origin": alice.origin, **plain, **headers})
    assert answer.status == status
    if code is not None:
        assert answer.refusal.code == code


async def test_a_plain_get_opens_nothing_and_makes_nobody_a_member(house: House, olga: Person) -> None:
    carol = await house.person("carol")
    assert (await carol.opens("/ws/lobby")).status == 400
    assert await house.kinds() == ["added"]


async def test_the_removed_and_the_banned_do_not_come_back_at_once(alice: Person, olga: Person) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    ruling = await old_page(olga)
    await ruling.types("/kill alice too loud")
    assert await page.is_closed() == 1000
    assert page.screen[-1] == "You were removed from the room: too loud"
    assert page.close_reason == "too loud"
    assert (await alice.knocks(Sec_WebSocket_Protocol=None)).refusal.code == "removed"


async def test_a_reason_in_any_script_is_cut_between_its_characters(alice: Person, olga: Person) -> None:
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    ruling = await old_page(olga)
    await ruling.types("/kill alice " + "ß" * 100)
    assert await page.is_closed() == 1000
    assert page.close_reason == "ß" * 61


async def test_nothing_follows_a_close(alice: Person, bob: Person) -> None:
    """The old server wrote the notice of somebody's leaving after it had said goodbye to them."""
    talking = await old_page(bob)
    cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in alice.client.session.cookie_jar)
    wanted = {**HANDSHAKE, "Host": alice.origin.removeprefix("http://"), "Cookie": cookies}
    del wanted["Sec-WebSocket-Protocol"]
    head = "GET /ws/lobby HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
    reader, writer = await asyncio.open_connection(alice.client.host, alice.client.port)
    writer.write(head.encode() + b"\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await talking.shows("@alice join chat room")
    for number in range(20):
        await talking.types(f"{number}")
    writer.write(b"\x88\x82\0\0\0\0\x03\xe9")
    heard = await reader.read()
    writer.close()
    while heard and heard[0] == 0x81:
        size = heard[1]
        start = 2 if size < 126 else 4
        size = size if size < 126 else int.from_bytes(heard[2:4], "big")
        heard = heard[start + size :]
    assert (heard[0], len(heard)) == (0x88, 4), "a close frame is the last thing there is"
    await talking.shows("@alice left chat room")


lines = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.sampled_from(
        ["/help", "/who", "/topic", "/kill", "/kill alice", "/op x", "/clear", "/me", "//", "/?", "\0", "{}"]
    ),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    ).map(json.dumps),
)


async def test_no_line_whatever_ends_the_page_or_is_an_error_of_the_server(
    alice: Person, house: House
) -> None:
    house.node.limits = replace(house.node.limits, connections=1000, rate=1e6, burst=1_000_000)
    sent: list[str] = []

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(lines.filter(lambda line: line.strip() != "close"))
    def collect(line: str) -> None:
        sent.append(line)

    collect()
    page = await old_page(alice)
    await page.shows("@alice join chat room")
    for number, line in enumerate(sent):
        await page.types(line)
        await page.types(f"//{number}")
        while (frame := await page.reads()).get("text") != f"/{number}":
            assert set(frame) in ({"text"}, {"text", "created_at", "user"})
            assert "went wrong" not in frame["text"]


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["say", "again", "leave", "break", "read"])), max_size=25
    )
)
def collect_plays(play: list[tuple[int, str]]) -> None:
    PLAYS.append(play)


PLAYS: list[list[tuple[int, str]]] = []


async def test_two_people_may_do_anything_in_any_order(alice: Person, bob: Person, house: House) -> None:
    """Whatever they do, both read the same words in the same order, and comings and goings pair."""
    house.node.limits = replace(house.node.limits, connections=1000, rate=1e6, burst=1_000_000)
    collect_plays()
    watching = await old_page(await house.person("carol"))
    said = 0
    for play in PLAYS:
        pages: dict[int, OldPage] = {}
        for who, what in play:
            person = (alice, bob)[who]
            if who not in pages or what == "again":
                pages[who] = await old_page(person)
            match what:
                case "say":
                    said += 1
                    await pages[who].types(f"word {said}")
                case "leave":
                    await pages.pop(who).leaves()
                case "break":
                    pages.pop(who).breaks()
                case "read":
                    await pages[who].types(f"read {who}")
                    await pages[who].shows(f"@{person.name}: read {who}")
    last = await old_page(alice)
    await last.types("the end")
    await watching.shows("@alice: the end")
    words = [text for _, kind, text in await house.log() if kind == "message"]
    assert [line.partition(": ")[2] for line in watching.screen if ": " in line] == words
    for name in ("alice", "bob"):
        notices = [
            line for line in watching.screen if line in (f"@{name} join chat room", f"@{name} left chat room")
        ]
        assert notices[0::2] == [f"@{name} join chat room"] * len(notices[0::2])
        assert notices[1::2] == [f"@{name} left chat room"] * len(notices[1::2])
