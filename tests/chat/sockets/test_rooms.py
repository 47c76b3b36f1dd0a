"""The multi-room protocol to the letter: what it answers, what it refuses, and who hears what."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from accounts.actions import load_user
from accounts.tokens import SOCKET, create_token, sign
from chat.policy import Role
from chat.sockets import doorstep
from chat.sockets import rooms as rooms_module
from tests.chat.sockets.old import OldProgram, old_program
from tests.conftest import SECRET_KEY
from tests.people import HANDSHAKE, House, Person

NO_KEY_YET = "Authentication required before sending any other messages"
UNKNOWN_ACTION = (
    "Invalid message action. Next actions are allowed: ['authenticate', 'select_room', 'new_message']"
)
MISSING = "Some of required keys are absent or empty. Required keys: ['action', 'uuid']"


async def uuid_of(house: House, slug: str = "lobby") -> UUID:
    """The room's own uuid."""
    found: UUID = await house.node.manager.value("SELECT uuid FROM rooms WHERE slug = %s", slug)
    return found


async def id_of(house: House, slug: str = "lobby") -> int:
    """The room's number."""
    found: int = await house.node.manager.value("SELECT id FROM rooms WHERE slug = %s", slug)
    return found


# -- the table of the first system, row by row ---------------------------------------------------------------------


async def test_a_token_authenticates(house: House, alice: Person) -> None:
    program = await old_program(house, alice, known=False)
    token = await create_token(house.node.manager, alice.id)
    await program.sends({"uuid": "1", "action": "authenticate", "token": token})
    assert await program.reads() == {"uuid": "1", "action": "authenticate", "status": "success"}


@pytest.mark.parametrize(
    "token", [None, "", "nonsense", "ach_" + "x" * 43, 7, ["ach_"], {}, True, "\0", "1.2.3.x", "ä.ö"]
)
async def test_a_wrong_or_missing_token_does_not(house: House, alice: Person, token: Any) -> None:
    program = await old_program(house, alice, known=False)
    fields = {} if token is None else {"token": token}
    await program.sends({"uuid": "1", "action": "authenticate", **fields})
    assert await program.reads() == {
        "uuid": "1",
        "action": "authenticate",
        "error_message": "Invalid authentication token",
        "status": "error",
    }
    assert (await program.asks_for("select_room", room="lobby")).error_message == NO_KEY_YET


@pytest.mark.parametrize(
    "action", ["select_room", "new_message", "rooms", "history", "resume", "read", "dance", ["x"]]
)
async def test_before_authentication_nothing_else_is_done(house: House, alice: Person, action: Any) -> None:
    program = await old_program(house, alice, known=False)
    await program.sends({"uuid": "1", "action": action, "room": "lobby", "text": "hi"})
    assert await program.reads() == {
        "uuid": "1",
        "action": action if isinstance(action, str) else None,
        "error_message": NO_KEY_YET,
        "status": "error",
    }
    assert await house.kinds() == ["added"]


async def test_a_room_is_selected_with_its_last_twenty_messages_oldest_first(
    house: House, alice: Person, bob: Person
) -> None:
    house.node.limits = replace(house.node.limits, burst=100)
    await bob.enters()
    numbers = [(await bob.says(f"{number}")).seq for number in range(23)]
    program, room = await old_program(house, alice), await uuid_of(house)
    await program.sends({"uuid": "1", "action": "select_room", "room": room.hex})
    answer = await program.reads()
    messages = answer.pop("room_messages")
    assert answer == {"uuid": "1", "action": "select_room", "room": room.hex, "status": "success"}
    assert [message["text"] for message in messages] == [f"{number}" for number in range(3, 23)]
    last = messages[-1]
    assert abs(last.pop("timestamp") - time.time()) < 60
    assert last == {
        "id": await id_of(house) * 2**32 + numbers[-1],
        "user": {"username": "bob"},
        "room": room.hex,
        "text": "22",
    }


async def test_a_room_is_named_by_uuid_number_or_address(house: House, alice: Person) -> None:
    room, number = await uuid_of(house), await id_of(house)
    program = await old_program(house, alice)
    for name in (room.hex, str(room), room.hex.upper(), number, str(number), "lobby"):
        answer = await program.asks_for("select_room", room=name)
        assert (answer.status, answer.room) == ("success", room.hex), name
    await house.room("7", alice)
    seven = await uuid_of(house, "7")
    assert (await program.asks_for("select_room", room="7")).room == seven.hex, (
        "an address comes before a number"
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Invalid room id"),
        ({"room": None}, "Invalid room id"),
        ({"room": ""}, "Invalid room id"),
        ({"room": 10**6}, "Invalid room id"),
        ({"room": 0}, "Invalid room id"),
        ({"room": -1}, "Invalid room id"),
        ({"room": 10**30}, "Invalid room id"),
        ({"room": 1.5}, "Invalid room id"),
        ({"room": True}, "Invalid room id"),
        ({"room": ["lobby"]}, "Invalid room id"),
        ({"room": {"id": 1}}, "Invalid room id"),
        ({"room": "0" * 32}, "Invalid room id"),
        ({"room": "12345678-1234-5678-1234-567812345678"}, "Invalid room id"),
        ({"room": "7"}, "'7' is not a valid UUID."),
        ({"room": "nowhere"}, "'nowhere' is not a valid UUID."),
        ({"room": "a room"}, "'a room' is not a valid UUID."),
        ({"room": "\0"}, "'\0' is not a valid UUID."),
        ({"room": "\ud800"}, "'\ud800' is not a valid UUID."),
        ({"room": "9" * 40}, f"'{'9' * 40}' is not a valid UUID."),
    ],
)
@pytest.mark.parametrize("action", ["select_room", "new_message"])
async def test_a_room_there_is_not_is_refused_in_the_old_words(
    house: House, alice: Person, action: str, given: dict[str, Any], sentence: str
) -> None:
    program = await old_program(house, alice)
    await program.sends({"uuid": "1", "action": action, "text": "hi", **given})
    assert await program.reads() == {
        "uuid": "1", "action": action, "error_message": sentence, "status": "error",
    }  # fmt: skip


async def test_a_private_room_of_others_looks_like_none(house: House, alice: Person, olga: Person) -> None:
    await house.room("cellar", olga, private=True)
    uuid, number = await uuid_of(house, "cellar"), await id_of(house, "cellar")
    program = await old_program(house, alice)
    for name, sentence in (
        ("cellar", "'cellar' is not a valid UUID."),
        (uuid.hex, "Invalid room id"),
        (number, "Invalid room id"),
    ):
        for action in ("select_room", "new_message", "history", "read"):
            answer = await program.asks_for(action, room=name, text="hi", upto=1)
            assert (answer.status, answer.error_message) == ("error", sentence)
    await house.ranks(alice, Role.MEMBER, "cellar")
    assert (await program.asks_for("select_room", room=uuid.hex)).status == "success"


async def test_the_removed_and_the_banned_find_no_room(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    await house.marks(alice, "out_until = now() + interval '42 s'")
    again = await old_program(house, alice)
    assert (
        await again.asks_for("select_room", room=(await uuid_of(house)).hex)
    ).error_message == "Invalid room id"
    await house.marks(alice, "out_until = NULL, banned_until = '9999-01-01', is_member = false")
    again = await old_program(house, alice)
    assert (await again.asks_for("new_message", room="lobby", text="hi")).status == "error"
    await program.settles()


async def test_words_go_to_every_connection_of_every_member_whichever_room_is_selected(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    await house.room("garden", olga)
    lobby = (await uuid_of(house)).hex
    speaking, other_tab = await old_program(house, alice), await old_program(house, alice)
    nowhere, elsewhere = await old_program(house, bob), await old_program(house, olga)
    stranger = await old_program(house, await house.person("carol"))
    await elsewhere.asks_for("select_room", room="garden")
    await speaking.sends({"uuid": "u-1", "action": "new_message", "room": lobby, "text": "hi"})
    mine = await speaking.reads()
    message = mine.pop("message")
    assert mine == {"uuid": "u-1", "action": "new_message", "room": lobby, "status": "success"}
    assert abs(message.pop("timestamp") - time.time()) < 60
    assert message == {
        "id": message["id"], "user": {"username": "alice"}, "room": lobby, "text": "hi",
    }  # fmt: skip
    for program in (other_tab, nowhere, elsewhere):
        frame = await program.hears_words("hi")
        assert set(frame) == {"uuid", "action", "room", "message", "status"}
        assert frame["message"]["id"] == message["id"]
        assert UUID(frame.uuid)
        assert await program.all_words() == []
    assert await stranger.all_words() == []
    assert await speaking.all_words() == []


@pytest.mark.parametrize("text", [None, "", "   ", "\n\t", "\u200b\u2060", "\x07"])
async def test_words_that_are_none_are_refused_in_the_old_words(
    house: House, alice: Person, text: Any
) -> None:
    program = await old_program(house, alice)
    fields = {} if text is None else {"text": text}
    for given in (fields, {"text": text}):
        answer = await program.asks_for("new_message", room="lobby", uuid="1", **given)
        assert answer == {
            "uuid": "1", "action": "new_message", "error_message": "Message text can't be empty", "status": "error",
        }  # fmt: skip


@pytest.mark.parametrize("text", [7, True, ["hi"], {"text": "hi"}, 1e300])
async def test_words_that_are_no_words_are_refused_without_a_trace_of_the_program(
    house: House, alice: Person, text: Any
) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for("new_message", room="lobby", text=text)
    assert answer.error_message == "Message text must be a string"
    assert "message" not in await house.kinds()


@pytest.mark.parametrize("action", ["shout", "Select_room", "close", "x" * 90])
async def test_an_action_there_is_not_is_refused_with_the_three_of_old(
    house: House, alice: Person, action: str
) -> None:
    program = await old_program(house, alice)
    assert await program.asks_for(action, uuid="1") == {
        "uuid": "1", "action": action, "error_message": UNKNOWN_ACTION, "status": "error",
    }  # fmt: skip


@pytest.mark.parametrize("action", [1, ["select_room"], {"a": 1}, True, "x" * 257])
async def test_an_action_that_is_no_word_is_not_sent_back(house: House, alice: Person, action: Any) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for(action, uuid="1")
    assert (answer.action, answer.error_message) == (None, UNKNOWN_ACTION)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("frame", "uuid", "action"),
    [
        ({"uuid": "1"}, "1", None),
        ({"uuid": "1", "action": None}, "1", None),
        ({"uuid": "1", "action": ""}, "1", ""),
        ({"uuid": "1", "action": 0}, "1", None),
        ({"uuid": "1", "action": []}, "1", None),
        ({"uuid": "", "action": "rooms"}, "", "rooms"),
        ({"uuid": None, "action": "rooms"}, None, "rooms"),
        ({"uuid": [], "action": "rooms"}, None, "rooms"),
        ({"uuid": {"a": [1]}, "action": "rooms"}, None, "rooms"),
        ({"uuid": True, "action": "rooms"}, None, "rooms"),
        ({"uuid": 10**40, "action": "rooms"}, None, "rooms"),
        ({"uuid": "x" * 257, "action": "rooms"}, None, "rooms"),
    ],
)
async def test_a_frame_without_its_keys_is_refused_in_the_old_words(
    house: House, alice: Person, frame: dict[str, Any], uuid: Any, action: Any, known: bool
) -> None:
    program = await old_program(house, alice, known=known)
    await program.sends(frame)
    assert await program.reads() == {
        "uuid": uuid, "action": action, "error_message": MISSING, "status": "error",
    }  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("{}", "Missing required keys"),
        ('{"action": "authenticate"}', "Missing required keys"),
        ("[]", "Missing required keys"),
        ('["uuid"]', "Missing required keys"),
        ('"uuid"', "Missing required keys"),
        ("7", "Missing required keys"),
        ("null", "Missing required keys"),
        ("NaN", "Missing required keys"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("close", "Expecting value: line 1 column 1 (char 0)"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"uuid": "1"} x', "Extra data: line 1 column 15 (char 14)"),
        ("\0", "Expecting value: line 1 column 1 (char 0)"),
        ("[" * 60_000, "Too deep, or a number too long"),
        ('{"uuid":' + "9" * 60_000 + "}", "Too deep, or a number too long"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_frame_that_is_no_request_ends_the_socket_with_1003_and_says_why(
    house: House, alice: Person, frame: str, reason: str, known: bool
) -> None:
    program = await old_program(house, alice, known=known)
    await program.sends(frame)
    assert await program.is_closed() == 1003
    assert program.close_reason == reason


@pytest.mark.parametrize("uuid", ["1", 1, -7, 1.5, "é", "\ud800", "\0", "a" * 256])
async def test_the_uuid_comes_back_as_it_was(house: House, alice: Person, uuid: Any) -> None:
    program = await old_program(house, alice)
    assert (await program.asks_for("select_room", room="lobby", uuid=uuid)).status == "success"
    said = await program.asks_for("new_message", room="lobby", text="hi", uuid=uuid)
    assert (said.action, said.status) == ("new_message", "success")


async def test_a_server_that_stops_says_1001(house: House, alice: Person) -> None:
    known, unknown = await old_program(house, alice), await old_program(house, alice, known=False)
    await house.node.let_go()
    for program in (known, unknown):
        assert (await program.is_closed(), program.close_reason) == (1001, "Server shutdown")


async def test_whose_name_holds_what_json_escapes_is_told_as_it_is(house: House, olga: Person) -> None:
    zoe = await house.person("Zoë")
    program = await old_program(house, zoe)
    await program.asks_for("new_message", room="lobby", text='"</script>\\ \u2028 👩‍👩‍👧')
    assert (await program.asks_for("select_room", room="lobby")).room_messages[0] == {
        "id": await id_of(house) * 2**32 + 3,
        "user": {"username": "Zoë"},
        "room": (await uuid_of(house)).hex,
        "timestamp": pytest.approx(time.time(), abs=60),
        "text": '"</script>\\ \u2028 👩‍👩‍👧',
    }


# -- whose a socket is ---------------------------------------------------------------------------------------------


async def test_a_uuid_is_never_an_address(house: House, alice: Person, bob: Person) -> None:
    """The old server answered whoever had used a uuid first: eve got the victim's success, and her session."""
    eve, victim = await old_program(house, bob), await old_program(house, alice, known=False)
    assert (await eve.asks_for("select_room", room="lobby", uuid="1")).status == "success"
    token = await create_token(house.node.manager, alice.id)
    assert (await victim.asks_for("authenticate", token=token, uuid="1")).status == "success"
    assert (await victim.asks_for("select_room", room="lobby", uuid="1")).status == "success"
    assert (
        await victim.asks_for("new_message", room="lobby", text="hers", uuid="1")
    ).message.user.username == "alice"
    said = await eve.asks_for("new_message", room="lobby", text="his", uuid="1")
    assert said.message.user.username == "bob"
    heard = [frame for frame in eve.unheard if frame.action == "new_message"]
    assert [frame["message"]["text"] for frame in heard] == ["hers"]
    assert heard[0].uuid != "1"


async def test_to_authenticate_again_is_to_be_somebody_else(
    house: House, alice: Person, olga: Person
) -> None:
    await house.room("cellar", olga, private=True)
    program = await old_program(house, alice)
    await program.asks_for("select_room", room="lobby")
    token = await create_token(house.node.manager, olga.id)
    assert (await program.asks_for("authenticate", token=token)).status == "success"
    await olga.enters("cellar")
    await olga.says("psst")
    assert (await program.hears_words("psst")).message.user.username == "olga"
    assert (await program.asks_for("new_message", room="lobby", text="me")).message.user.username == "olga"
    await alice.enters()
    assert [kind for kind in await house.kinds() if kind in ("joined", "left")][:2] == ["joined", "left"]
    token = await create_token(house.node.manager, alice.id)
    await program.asks_for("authenticate", token=token)
    await olga.says("again")
    assert "again" not in await program.all_words()


async def test_a_wrong_token_later_changes_nothing(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    assert (await program.asks_for("authenticate", token="wrong")).status == "error"
    assert (await program.asks_for("new_message", room="lobby", text="hi")).message.user.username == "alice"


async def test_the_same_person_again_goes_on_hearing(house: House, alice: Person, bob: Person) -> None:
    program = await old_program(house, alice)
    token = await create_token(house.node.manager, alice.id)
    await program.asks_for("authenticate", token=token)
    await bob.enters()
    await bob.says("hi")
    await program.hears_words("hi")
    assert await program.all_words() == []


async def test_a_cookie_says_nothing_here(house: House, alice: Person) -> None:
    program = OldProgram(await alice.client.ws_connect("/ws"))
    alice.tabs.append(program)
    assert (await program.asks_for("select_room", room="lobby")).error_message == NO_KEY_YET


async def test_who_shows_no_key_in_time_is_let_go(house: House, alice: Person) -> None:
    house.node.limits = replace(house.node.limits, authenticate=0.05)
    waiting = await old_program(house, alice, known=False)
    assert await waiting.is_closed() == 4510
    assert waiting.close_reason == "Nobody authenticated in time."
    house.node.limits = replace(house.node.limits, authenticate=10.0)
    known = await old_program(house, alice)
    house.node.limits = replace(house.node.limits, authenticate=0.05)
    late = await old_program(house, alice, known=False)
    await late.is_closed()
    assert (await known.asks_for("rooms")).status == "success"


async def test_a_signed_key_is_good_here_until_its_user_signs_out_everywhere(
    house: House, alice: Person
) -> None:
    user = await load_user(house.node.manager, alice.id)
    assert user is not None
    program = await old_program(house, alice, known=False)
    for wrong in (
        sign(SECRET_KEY.encode(), user, "another purpose"),
        sign(SECRET_KEY.encode(), user, SOCKET, seconds=-1),
        sign(b"another secret", user, SOCKET),
    ):
        assert (await program.asks_for("authenticate", token=wrong)).status == "error"
    key = sign(SECRET_KEY.encode(), user, SOCKET)
    assert (await program.asks_for("authenticate", token=key)).status == "success"
    lasting = await old_program(house, alice)
    assert (await alice.fills("/me/sign-out-everywhere", on="/me")).status == 303
    assert await program.is_closed() == 4501
    assert (await lasting.asks_for("rooms")).status == "success"


async def test_who_is_made_to_rest_is_let_go_everywhere(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    node = house.node
    await node.manager.execute("UPDATE users SET suspended_until = '9999-01-01' WHERE id = %s", alice.id)
    node.hub.audience.lost()
    assert await program.is_closed() == 4501


async def test_one_person_has_only_so_many_sockets(house: House, alice: Person) -> None:
    house.node.limits = replace(house.node.limits, connections=1)
    first = await old_program(house, alice)
    second = await old_program(house, alice, known=False)
    await second.sends(
        {"uuid": "1", "action": "authenticate", "token": await create_token(house.node.manager, alice.id)}
    )
    assert await second.is_closed() == 4509
    assert (await first.asks_for("rooms")).status == "success"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Upgrade": "", "Connection": "close"}, 400),
        ({"Sec-WebSocket-Version": "12"}, 400),
        ({"Authorization": "Bearer nonsense"}, 401),
    ],
)
async def test_who_may_not_open_a_socket_is_refused_before_the_handshake(
    house: House, olga: Person, headers: dict[str, str], status: int
) -> None:
    stranger = await house.stranger()
    wanted = {**HANDSHAKE, "Origin": stranger.origin, **headers}
    assert (await stranger.opens("/ws", **wanted)).status == status


async def test_a_page_of_an_allowed_site_opens_a_socket_and_one_of_another_does_not(
    house: House, alice: Person
) -> None:
    house.settings = replace(house.settings, allowed_origins=("https://school.example",))
    await house.opens()
    stranger = await house.stranger(at=1)
    socket = await stranger.client.ws_connect("/ws", headers={"Origin": "https://school.example"})
    await socket.close()
    refused = await stranger.opens("/ws", **HANDSHAKE, Origin="https://evil.example")
    assert (refused.status, refused.refusal.code) == (403, "foreign_origin")
    refused = await stranger.opens("/ws/lobby", **HANDSHAKE, Origin="https://school.example")
    assert refused.status == 403, "where a cookie speaks, only the site's own pages may ask"


async def test_one_address_has_only_so_many_sockets_of_nobodys(
    house: House, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorstep, "MOST_WAITING", 2)
    first, _ = await old_program(house, alice, known=False), await old_program(house, alice, known=False)
    stranger = await house.stranger()
    refused = await stranger.opens("/ws", **HANDSHAKE)
    assert (refused.status, refused.refusal.code, refused.refusal.temporary) == (429, "rate_limited", True)
    token = await create_token(house.node.manager, alice.id)
    assert (await first.asks_for("authenticate", token=token)).status == "success"
    third = await old_program(house, alice, known=False)
    assert (await third.asks_for("authenticate", token="wrong")).status == "error"
    assert (await first.asks_for("authenticate", token=token)).status == "success"
    for program in (first, third):
        await program.leaves()
    await old_program(house, alice)


async def test_a_key_that_is_looked_at_for_long_is_not_late(
    house: House, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await create_token(house.node.manager, alice.id)
    house.node.limits = replace(house.node.limits, authenticate=1.0)
    look = rooms_module.user_of_key

    async def looks_for_long(*args: Any) -> Any:
        await asyncio.sleep(1.5)
        return await look(*args)

    monkeypatch.setattr(rooms_module, "user_of_key", looks_for_long)
    program = await old_program(house, alice, known=False)
    assert (await program.asks_for("authenticate", token=token)).status == "success"
    assert (await program.asks_for("rooms")).status == "success"
    late = await old_program(house, alice, known=False)
    assert (await late.asks_for("authenticate", token="wrong")).status == "error"
    assert await late.is_closed() == 4510


async def test_who_is_made_to_rest_while_their_key_is_looked_at_does_not_come_in(
    house: House, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = rooms_module.user_of_key

    async def rests_meanwhile(*args: Any) -> Any:
        shown = await look(*args)
        await house.node.manager.execute(
            "UPDATE users SET suspended_until = '9999-01-01' WHERE id = %s", alice.id
        )
        return shown

    monkeypatch.setattr(rooms_module, "user_of_key", rests_meanwhile)
    program = await old_program(house, alice, known=False)
    token = await create_token(house.node.manager, alice.id)
    answer = await program.asks_for("authenticate", token=token)
    assert answer.error_message == "Invalid authentication token"
    assert (await program.asks_for("rooms")).error_message == NO_KEY_YET
    assert house.node.hub.audience.of(alice.id) == ()


async def test_half_a_surrogate_pair_in_a_uuid_harms_nobody(house: House, alice: Person, bob: Person) -> None:
    """It can be sent back only escaped; words that could not be told would be lost for the whole room."""
    whole, other = await old_program(house, alice, events=True), await old_program(house, bob)
    for uuid in ("\ud800", "a\udfffb"):
        said = await whole.asks_for("new_message", room="lobby", text=repr(uuid), uuid=uuid)
        assert said["event"]["text"] == repr(uuid)
        await other.hears_words(repr(uuid))
        assert (await whole.asks_for("\ud800", uuid=uuid)).action == "\ud800"


@pytest.mark.parametrize("given", [{"before": "\ud800"}, {"\ud800": 1}, {"limit": {"\ud800": "\ud800"}}])
async def test_half_a_surrogate_pair_in_another_field_is_refused(
    house: House, alice: Person, given: dict[str, Any]
) -> None:
    program = await old_program(house, alice)
    await program.sends({"uuid": "1", "action": "history", "room": "lobby", **given})
    assert (await program.reads())["code"] == "bad_request"
