"""Rooms of nicks, frame by frame: what each request is answered, and what the others hear."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.chat.sockets.old_nicks import Street
from tests.people import House, Person

BAD_NICK = "Name must be a string and between 3-20 chars."
BAD_ROOM = "Room name must be a string and between 3-20 chars."
NOT_OPEN = "There is no room of that name, or it is not open to you. /rooms lists those that are."


def answer(action: Any, message: str = "", *, success: bool = True) -> dict[str, Any]:
    """An answer, to the letter."""
    return {"action": action, "success": success, "message": message}


# -- coming in -------------------------------------------------------------------------------------------------


async def test_a_newcomer_is_greeted_under_a_name_of_chance(street: Street) -> None:
    guest = await street.arrives()
    connecting, join = await guest.greeting()
    name = connecting.user
    assert re.fullmatch(r"User\d{1,6}", name)
    assert connecting == {"action": "connecting", "room": "Default", "user": name}
    assert join == {"action": "join", "user": name, "room": "Default"}
    assert await guest.settles() == []


async def test_the_others_of_the_room_hear_who_comes(street: Street) -> None:
    first = await street.comes()
    second = await street.comes()
    assert second.name != first.name
    assert await first.reads() == {"action": "join", "user": second.name, "room": "Default"}
    assert await second.settles() == []


async def test_cookies_make_nobody_of_a_guest(alice: Person, house: House, street: Street) -> None:
    socket = await alice.client.ws_connect("/chat", headers={"Origin": alice.origin})
    assert (await socket.receive_json())["user"].startswith("User")
    await socket.close()


async def test_a_token_that_is_no_good_is_not_looked_at(street: Street) -> None:
    guest = await street.arrives(Authorization="Bearer nonsense")
    assert (await guest.reads()).action == "connecting"


# -- names -----------------------------------------------------------------------------------------------------


async def test_another_nick_is_told_to_the_others(street: Street) -> None:
    jonas, hotfix = await street.comes(), await street.comes()
    was = jonas.name
    await hotfix.settles()
    assert await jonas.asks("set_nick", nick="Jonas") == answer("set_nick")
    assert await hotfix.reads() == {
        "action": "nick_changed",
        "room": "Default",
        "from_user": was,
        "to_user": "Jonas",
    }
    assert [frame for frame in await jonas.settles() if frame.action == "nick_changed"] == []


@pytest.mark.parametrize(
    "nick",
    [
        *("", "ab", "x" * 21, "   ", " ab ", None, 5, 1.5, True, ["Jonas"], {"a": 1}),
        "a\nb",
        "abc\0",
        "\u202eabc",
        "abc\u200b",
        "a\tbc",
        "@nna",
        'say "x"',
        "`code`",
        "-abc",
        "/kill",
        "x" * 9999,
        "\u3164" * 4,
        "é" + "\u0301" * 10,
        "㎒" * 11,
    ],
)
async def test_what_cannot_be_a_nick_is_refused(street: Street, nick: Any) -> None:
    guest = await street.comes()
    assert await guest.asks("set_nick", nick=nick) == answer("set_nick", BAD_NICK, success=False)
    assert (await guest.asks("user_list", room="Default")).users == [guest.name]


async def test_a_nick_that_is_missing_is_refused(street: Street) -> None:
    guest = await street.comes()
    assert await guest.asks("set_nick") == answer("set_nick", BAD_NICK, success=False)


@pytest.mark.parametrize(
    "nick", ["abc", "x" * 20, "Jonas K", "été", "日本語", "_jo", "R2-D2", "o'neil", "bot [2]", "é.è"]
)
async def test_a_nick_may_be_much(street: Street, nick: str) -> None:
    guest = await street.comes(nick)
    assert (await guest.asks("user_list", room="Default")).users == [nick]


async def test_a_nick_is_kept_as_it_looks(street: Street) -> None:
    guest = await street.comes()
    assert (await guest.asks("set_nick", nick="  Ｊonas \u00a0  K ")).success
    assert (await guest.asks("user_list", room="Default")).users == ["Jonas K"]


@pytest.mark.parametrize("nick", ["Jonas", "JONAS", "jonas", "Ｊonas", " Jonas "])
async def test_a_nick_of_somebody_in_the_room_is_taken(street: Street, nick: str) -> None:
    await street.comes("Jonas")
    guest = await street.comes()
    assert await guest.asks("set_nick", nick=nick) == answer(
        "set_nick", "Name already in use.", success=False
    )


async def test_ones_own_nick_is_taken_and_may_be_spelled_otherwise(street: Street) -> None:
    guest = await street.comes("Jonas")
    assert await guest.asks("set_nick", nick="Jonas") == answer(
        "set_nick", "Name already in use.", success=False
    )
    assert await guest.asks("set_nick", nick="JONAS") == answer("set_nick")
    other = await street.comes()
    assert (await other.asks("set_nick", nick="jonas")).message == "Name already in use."


async def test_a_nick_is_free_in_another_room_and_once_it_is_given_up(street: Street) -> None:
    jonas = await street.comes("Jonas", "math")
    other = await street.comes("Jonas", "chess")
    assert (await other.asks("join_room", room="math")).message == "Name already in use in this room."
    await jonas.called("Hotfix")
    assert (await other.asks("join_room", room="math")).success
    await other.leaves()
    await jonas.hears("left", user="Jonas")
    await jonas.called("Jonas")


@pytest.mark.parametrize("nick", ["alice", "ALICE", "admin", "Moderator", "aiochat"])
async def test_nobody_takes_the_name_of_an_account_or_of_an_office(
    street: Street, alice: Person, nick: str
) -> None:
    guest = await street.comes()
    assert await guest.asks("set_nick", nick=nick) == answer(
        "set_nick", "Name already in use.", success=False
    )


async def test_the_name_an_account_has_just_given_up_rests(
    street: Street, alice: Person, house: House
) -> None:
    await alice.enters()
    await alice.says("/nick Anna")
    guest = await street.comes()
    assert (await guest.asks("set_nick", nick="alice")).message == "Name already in use."


# -- rooms -----------------------------------------------------------------------------------------------------


async def test_who_goes_to_another_room_is_told_of_in_both(street: Street) -> None:
    stays, awaits = await street.comes("Stays"), await street.comes("Awaits", "test")
    await stays.settles()
    goes = await street.comes("Goes")
    await stays.settles()
    assert await goes.asks("join_room", room="test") == answer("join_room")
    assert await stays.reads() == {"action": "left", "room": "Default", "user": "Goes", "shame": False}
    assert await awaits.reads() == {"action": "joined", "room": "test", "user": "Goes"}
    assert await goes.settles() == [], "nobody is told of themselves"
    await stays.asks("chat_message", message="who is left?")
    await awaits.asks("chat_message", message="hello")
    assert await goes.settles() == [{"action": "chat_message", "message": "hello", "user": "Awaits"}]


async def test_who_comes_back_to_the_first_room_has_joined_it(street: Street) -> None:
    stays = await street.comes("Stays")
    goes = await street.comes("Goes", "test")
    await stays.settles()
    assert await goes.asks("join_room", room="Default") == answer("join_room")
    assert await stays.reads() == {"action": "joined", "room": "Default", "user": "Goes"}


@pytest.mark.parametrize(
    "room",
    [
        "",
        "ab",
        "x" * 21,
        "  a  ",
        None,
        7,
        ["test"],
        {"room": "test"},
        "abc\0",
        "\u200b\u200b\u200b",
        "abc\u202e",
    ],
)
async def test_what_cannot_be_a_room_is_refused(street: Street, room: Any, house: House) -> None:
    guest = await street.comes()
    assert await guest.asks("join_room", room=room) == answer("join_room", BAD_ROOM, success=False)
    assert (await guest.asks("user_list", room="Default")).users == [guest.name]


async def test_a_room_that_is_not_named_is_refused(street: Street) -> None:
    guest = await street.comes()
    assert await guest.asks("join_room") == answer("join_room", BAD_ROOM, success=False)


@pytest.mark.parametrize("room", ["Default", "default", "DEFAULT "])
async def test_ones_own_room_is_refused(street: Street, room: str) -> None:
    guest = await street.comes()
    told = answer("join_room", "Name already in use in this room.", success=False)
    assert await guest.asks("join_room", room=room) == told


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("test", "TEST", True),
        ("Math club", "math-club", True),
        ("math", "maths", False),
        ("日本語の部屋", "中国語の部屋", False),
        ("日本語の部屋", " 日本語の部屋 ", True),
        ("чат 1", "чит 1", False),
        ("Чат 1", "чат 1", True),
        ("!!!", "???", False),
        ("api", "API", True),
        ("ws 1", "ws-1", True),
    ],
)
async def test_a_room_is_known_by_its_slug(street: Street, one: str, other: str, same: bool) -> None:
    first = await street.comes("First", one)
    second = await street.comes("Second", other)
    listed = await second.asks("user_list", room=other)
    assert listed.room == other, "as the client spells it"
    assert listed.users == (["First", "Second"] if same else ["Second"])
    assert (await first.asks("user_list", room=one)).users == (["First", "Second"] if same else ["First"])


async def test_a_room_named_by_a_guest_is_there_for_all_and_owned_by_nobody(
    street: Street, alice: Person, house: House
) -> None:
    guest = await street.comes("Jonas", "Math club")
    assert (await alice.enters("math-club")).room.title == "Math club"
    assert await guest.hears("join", user="alice", room="Math club")
    owners = await house.node.manager.value("SELECT count(*) FROM memberships WHERE role > 2")
    assert owners == 1, "olga's, of the lobby"


async def test_a_room_that_does_not_welcome_guests_is_refused(street: Street, alice: Person) -> None:
    guest = await street.comes()
    assert await guest.asks("join_room", room="lobby") == answer("join_room", NOT_OPEN, success=False)
    await alice.enters()
    assert (await guest.asks("user_list", room="lobby")).users == []


async def test_a_private_room_is_as_one_that_is_not_there(
    street: Street, alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True, title="Cellar")
    await house.sets({"guests_welcome": True}, "cellar")
    await olga.enters("cellar")
    guest, other = await street.comes("Jonas"), await street.comes("Hotfix")
    for name in ("cellar", "nowhere"):
        assert (await guest.asks("user_list", room=name)) == {
            "action": "user_list",
            "success": True,
            "room": name,
            "users": [],
        }
    assert await guest.asks("join_room", room="cellar") == answer("join_room")
    assert await other.asks("join_room", room="Cellar") == answer("join_room")
    assert await guest.hears("joined", user="Hotfix") == {
        "action": "joined",
        "room": "cellar",
        "user": "Hotfix",
    }
    assert (await guest.asks("user_list", room="cellar")).users == ["Jonas", "Hotfix"]
    await guest.asks("chat_message", message="is anybody here?")
    await olga.says("only us")
    assert not [frame for frame in await guest.settles() if "only us" in str(frame)]
    assert not await olga.tab.has_heard("message", text="is anybody here?")


async def test_whoever_takes_the_first_room_for_themselves_shuts_no_guest_out(
    street: Street, olga: Person, house: House
) -> None:
    await house.room("default", olga)
    guest = await street.comes()
    assert (await guest.asks("user_list", room="Default")).users == [guest.name]
    assert await house.kinds("default") == ["added"]


# -- who is there ----------------------------------------------------------------------------------------------


async def test_a_list_names_those_here_as_they_came(street: Street, alice: Person, house: House) -> None:
    await house.sets({"guests_welcome": True})
    jonas = await street.comes("Jonas", "lobby")
    await alice.enters()
    await street.comes("Hotfix", "lobby")
    expected = {
        "action": "user_list",
        "success": True,
        "room": "Lobby",
        "users": ["Jonas", "alice", "Hotfix"],
    }
    assert await jonas.asks("user_list", room="Lobby") == expected
    elsewhere = await street.comes()
    assert (await elsewhere.asks("user_list", room="lobby")).users == ["Jonas", "alice", "Hotfix"]


@pytest.mark.parametrize("room", ["nowhere", "", "x", "x" * 500, "a\0b", "日本", "../lobby", "%", "😀" * 100])
async def test_asking_after_a_room_makes_none(street: Street, house: House, room: str) -> None:
    guest = await street.comes()
    listed = await guest.asks("user_list", room=room)
    assert listed == {"action": "user_list", "success": True, "room": room, "users": []}
    assert await house.node.manager.value("SELECT count(*) FROM rooms") == 1


@pytest.mark.parametrize("fields", [{}, {"room": None}, {"room": 5}, {"room": ["Default"]}])
async def test_a_list_of_what_is_no_room_is_refused(street: Street, fields: dict[str, Any]) -> None:
    guest = await street.comes()
    assert await guest.asks("user_list", **fields) == answer("user_list", BAD_ROOM, success=False)


# -- words -----------------------------------------------------------------------------------------------------


async def test_words_go_to_the_others_and_the_sender_is_answered(street: Street, house: House) -> None:
    jonas, hotfix = await street.comes("Jonas", "test"), await street.comes("Hotfix", "test")
    elsewhere = await street.comes()
    await jonas.settles()
    assert await jonas.asks("chat_message", message="Hello from Jonas") == answer(
        "chat_message", "Hello from Jonas"
    )
    assert await hotfix.reads() == {"action": "chat_message", "message": "Hello from Jonas", "user": "Jonas"}
    assert await jonas.settles() == []
    assert [frame for frame in await elsewhere.settles() if frame.action == "chat_message"] == []
    assert (await house.log("test"))[-1][1:] == ("message", "Hello from Jonas")


@pytest.mark.parametrize("fields", [{}, {"message": None}, {"message": ""}, {"message": " \n "}])
async def test_no_words_are_refused(street: Street, fields: dict[str, Any]) -> None:
    guest = await street.comes()
    refused = answer("chat_message", "There is nothing in it to send. Write something first.", success=False)
    assert await guest.asks("chat_message", **fields) == refused


@pytest.mark.parametrize("message", [5, True, ["hi"], {"text": "hi"}])
async def test_what_is_no_text_is_refused(street: Street, message: Any) -> None:
    guest = await street.comes()
    refused = answer("chat_message", "Message must be a string.", success=False)
    assert await guest.asks("chat_message", message=message) == refused


async def test_too_long_a_message_is_refused_whole(street: Street, house: House) -> None:
    guest = await street.comes()
    told = await guest.asks("chat_message", message="x" * 4001)
    assert told == answer(
        "chat_message",
        "4,001 of at most 4,000 characters. Make it shorter or send it in parts.",
        success=False,
    )
    assert "message" not in await house.kinds("default")


async def test_a_command_answers_the_one_who_typed_it(street: Street, house: House) -> None:
    jonas, hotfix = await street.comes("Jonas"), await street.comes("Hotfix")
    await hotfix.settles()
    helped = await jonas.asks("chat_message", message="/help")
    assert (helped.success, "/who" in helped.message, "/kill" in helped.message) == (True, True, False)
    assert (
        await jonas.asks("chat_message", message="/who")
    ).message == "2 here in #default\nHotfix · guest\nJonas · guest"
    assert (await jonas.asks("chat_message", message="/kcik Hotfix")).message.startswith("No command /kcik.")
    for line in ("/kill Hotfix", "/clear", "/op Jonas", "/topic mine", "/nick Boss", "/undo"):
        told = await jonas.asks("chat_message", message=line)
        assert (told.success, told.message.startswith("Only ")) == (False, True), line
    assert await hotfix.settles() == []
    assert "message" not in await house.kinds("default")


async def test_a_guest_is_told_of_the_rooms_that_welcome_guests(
    street: Street, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await house.room("cafe", olga, guests=True)
    jonas = await street.comes("Jonas")
    listed = (await jonas.asks("chat_message", message="/list")).message
    assert sorted(line.split()[0] for line in listed.splitlines()) == ["#cafe", "#default"]
    await olga.enters()
    assert "#lobby" in (await olga.says("/list")).text


async def test_what_begins_with_two_strokes_is_said_with_one(street: Street) -> None:
    jonas, hotfix = await street.comes("Jonas"), await street.comes("Hotfix")
    assert (await jonas.asks("chat_message", message="//help")).message == "//help"
    assert (await hotfix.hears("chat_message")).message == "/help"


async def test_what_somebody_does_is_said_with_their_name(street: Street) -> None:
    jonas, hotfix = await street.comes("Jonas"), await street.comes("Hotfix")
    await jonas.asks("chat_message", message="/me waves")
    assert await hotfix.hears("chat_message") == {
        "action": "chat_message",
        "message": "* Jonas waves",
        "user": "Jonas",
    }


async def test_guests_and_people_with_accounts_speak_in_one_room(
    street: Street, alice: Person, house: House
) -> None:
    await house.sets({"guests_welcome": True})
    jonas = await street.comes("Jonas", "lobby")
    await alice.enters()
    assert await jonas.hears("join") == {"action": "join", "user": "alice", "room": "lobby"}
    await jonas.asks("chat_message", message="Hi @alice")
    heard = await alice.hears("message")
    assert (heard.text, heard.by.name, heard.by.guest) == ("Hi @alice", "Jonas", True)
    assert {"t": "mention", "s": "@alice", "id": alice.id} in heard.parts
    await alice.says("Hi @Jonas")
    assert await jonas.hears("chat_message") == {
        "action": "chat_message",
        "message": "Hi @Jonas",
        "user": "alice",
    }
    await jonas.called("Hotfix")
    renamed = await alice.hears("renamed", user="Hotfix")
    assert (renamed.was, renamed.user.guest) == ("Jonas", True)
    await alice.says("/nick Anna")
    assert (await jonas.hears("nick_changed")).to_user == "Anna"
    await jonas.leaves()
    left = await alice.hears("left", user="Hotfix")
    assert (left.user.guest, "lost" in left) == (True, False)
    assert await house.kinds() == [
        "added",
        "joined",
        "renamed",
        "joined",
        "message",
        "message",
        "renamed",
        "renamed",
        "left",
    ]


async def test_what_happens_to_words_has_no_frame_here(street: Street, olga: Person, house: House) -> None:
    await house.sets({"guests_welcome": True})
    jonas = await street.comes("Jonas", "lobby")
    hello = await olga.enters()
    await jonas.hears("join", user="olga")
    said = await olga.says("first")
    await olga.tab.asks("edit", target=said.seq, text="second")
    await olga.tab.asks("remove", target=said.seq)
    await olga.says("/topic Something")
    await olga.says("/clear")
    await olga.says("/undo")
    await olga.tab.sends({"type": "typing"})
    assert hello.type == "hello"
    assert await jonas.settles() == [{"action": "chat_message", "message": "first", "user": "olga"}]


async def test_where_comings_are_not_recorded_they_are_told_all_the_same(
    street: Street, alice: Person, house: House
) -> None:
    await house.sets({"guests_welcome": True, "comings_and_goings": False})
    jonas = await street.comes("Jonas", "lobby")
    hotfix = await street.comes()
    assert (await hotfix.asks("join_room", room="lobby")).success
    assert await jonas.reads() == {"action": "join", "user": hotfix.name, "room": "lobby"}
    await hotfix.called("Hotfix")
    await alice.enters()
    assert (await jonas.hears("join")).user == "alice"
    await hotfix.leaves()
    assert await jonas.hears("left") == {"action": "left", "room": "lobby", "user": "Hotfix", "shame": False}
    assert await house.kinds() == ["added", "renamed", "renamed"]


# -- everything else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action", ["nope", "", "connecting", "CHAT_MESSAGE", None, 5, True, ["set_nick"], {"a": []}]
)
async def test_what_is_no_action_is_not_allowed(street: Street, action: Any) -> None:
    guest = await street.comes()
    await guest.sends({"action": action, "nick": "Jonas"})
    assert await guest.reads() == answer(action, "Not allowed.", success=False)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "{",
        "[]",
        '[{"action": "user_list"}]',
        "null",
        "5",
        '"set_nick"',
        '{"action": "a\\ud800"}',
        "{}x",
        "[" * 60_000,
        '{"action": ' * 5_000,
        '{"action": "set_nick", "nick": "\x01"}',
        "\ufeff{}",
        "NaN",
    ],
)
async def test_a_frame_that_is_no_request_is_refused_and_the_line_lives(street: Street, frame: str) -> None:
    guest = await street.comes()
    await guest.sends(frame)
    assert await guest.reads() == answer(None, "Not allowed.", success=False)
    assert (await guest.asks("set_nick", nick="Jonas")).success


@pytest.mark.parametrize("frame", ["{}", '{"nick": "Jonas"}'])
async def test_a_frame_without_an_action_is_not_allowed(street: Street, frame: str) -> None:
    guest = await street.comes()
    await guest.sends(frame)
    assert await guest.reads() == answer(None, "Not allowed.", success=False)


@pytest.mark.parametrize("number", ["1e999", "123456789012345678901234567890123", "-0.0"])
async def test_an_action_that_cannot_be_read_comes_back_as_it_was_written(
    street: Street, number: str
) -> None:
    guest = await street.comes()
    await guest.sends(f'{{"action": {number}}}')
    message = await guest.socket.receive_str()
    assert message == f'{{"action":{number},"success":false,"message":"Not allowed."}}'


async def test_a_binary_frame_is_refused_and_the_line_lives(street: Street) -> None:
    guest = await street.comes()
    await guest.sends(b'{"action": "set_nick", "nick": "Jonas"}')
    assert await guest.reads() == answer(None, "Only text frames are understood here.", success=False)
    assert (await guest.asks("user_list", room="Default")).users == [guest.name]


async def test_ten_unreadable_frames_end_the_line(street: Street) -> None:
    guest = await street.comes()
    for _ in range(10):
        await guest.sends("{")
    assert await guest.is_closed() == 4500


async def test_requests_sent_at_once_are_answered_in_their_order(street: Street, house: House) -> None:
    guest = await street.arrives()
    for number in range(6):
        await guest.sends({"action": "set_nick", "nick": f"Jonas{number}"})
        await guest.sends({"action": "chat_message", "message": f"{number}"})
        await guest.sends({"action": "nope"})
    await guest.greeting()
    told = [
        (frame.action, frame.success, frame.message) for frame in [await guest.reads() for _ in range(18)]
    ]
    assert told == [
        one
        for number in range(6)
        for one in (
            ("set_nick", True, ""),
            ("chat_message", True, f"{number}"),
            ("nope", False, "Not allowed."),
        )
    ]
    rows = await house.node.manager.rows(
        "SELECT author_name, text FROM messages WHERE kind = 'message' ORDER BY seq"
    )
    assert rows == [(f"Jonas{number}", f"{number}") for number in range(6)]
