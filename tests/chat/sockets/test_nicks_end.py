"""How guests go, and what the others hear of it: in order, in shame, shown out, or all at once."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chat.errors import Unavailable
from chat.events import SettingsChanged
from chat.policy import Role
from tests.chat.backstage import until, until_kept
from tests.chat.sockets.old_nicks import OldNick, Street
from tests.people import PATIENCE, House, Person

VICTIM = """
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(sys.argv[1]) as ws:
            await ws.send_json({"action": "set_nick", "nick": "Victim"})
            async for message in ws:
                print(message.data, flush=True)
asyncio.run(main())
"""


async def left(witness: OldNick, name: str) -> bool:
    """Whether somebody left in shame; they left once, and their room was Default."""
    frame = await witness.hears("left", user=name)
    assert set(frame) == {"action", "room", "user", "shame"}
    assert frame.room == "Default"
    assert [other for other in await witness.settles() if other.action == "left"] == []
    shame: bool = frame.shame
    return shame


# -- by themselves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 4001, 3000])
async def test_who_closes_leaves_without_shame(street: Street, code: int) -> None:
    witness, guest = await street.comes(), await street.comes("Victim")
    await guest.leaves(code)
    assert await left(witness, "Victim") is False


async def test_a_killed_program_leaves_in_shame(street: Street) -> None:
    witness = await street.comes()
    url = str((await street.client()).make_url("/chat"))
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, url, stdout=asyncio.subprocess.PIPE
    )
    await witness.hears("nick_changed", to_user="Victim")
    program.kill()
    await program.wait()
    assert await left(witness, "Victim") is True


async def test_a_line_that_is_reset_is_a_shame(street: Street) -> None:
    witness, guest = await street.comes(), await street.comes("Victim")
    assert guest.socket._conn is not None
    assert guest.socket._conn.transport is not None
    raw = guest.socket._conn.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    guest.breaks()
    assert await left(witness, "Victim") is True


async def test_a_line_that_ends_without_a_goodbye_is_a_shame(street: Street) -> None:
    witness, guest = await street.comes(), await street.comes("Victim")
    assert guest.socket._conn is not None
    assert guest.socket._conn.transport is not None
    guest.socket._conn.transport.write_eof()
    assert await left(witness, "Victim") is True


async def test_who_is_silent_too_long_leaves_in_shame(street: Street, house: House) -> None:
    witness, guest = await street.comes(), await street.comes("Victim")
    (connection,) = [
        one for one in house.node.hub.audience.strangers if one.user.name == guest_name(house, one)
    ]

    def is_let_go() -> bool:
        # An answer to a ping may still be on its way.
        connection.heard_at = float("-inf")
        return connection.closing is not None

    await until(is_let_go)
    assert await left(witness, "Victim") is True
    assert await guest.is_closed() == 4408


def guest_name(house: House, connection: Any) -> str:
    """The name with which whoever is called Victim now has come."""
    channel = next(iter(house.node.hub.channels()))
    (listener,) = [one for one in channel.listeners if one.member.name == "Victim"]
    return str(listener.connection.user.name)


async def test_nobody_waits_for_a_guest(street: Street, house: House) -> None:
    house.node.comings._grace = 3600.0
    witness, guest = await street.comes(), await street.comes("Victim")
    guest.breaks()
    assert await left(witness, "Victim") is True


async def test_what_was_lost_in_the_log_is_a_shame_on_the_wire(street: Street, house: House) -> None:
    guest = await street.comes("Victim")
    guest.breaks()
    await until_kept(lambda: _has_left(house))
    lost = await house.node.manager.value("SELECT body->>'lost' FROM messages WHERE kind = 'left'")
    assert lost == "true"


async def _has_left(house: House) -> bool:
    return "left" in await house.kinds("default")


async def test_who_said_nothing_leaves_no_row_and_who_spoke_does(street: Street, house: House) -> None:
    silent, loud = await street.comes("Silent"), await street.comes("Loud")
    await loud.asks("chat_message", message="hello")
    await silent.leaves()
    await loud.leaves()
    names = "SELECT name FROM users WHERE is_guest ORDER BY name"

    async def only_loud() -> bool:
        return await house.node.manager.rows(names) == [("Loud",)]

    await until(lambda: not house.node.guests._guests)
    await until_kept(only_loud)
    assert (
        await house.node.manager.value("SELECT count(*) FROM memberships WHERE present_since IS NOT NULL")
        == 0
    )
    await until(lambda: not house.node.guests.claims.held)
    assert not house.node.guests._doors
    assert not house.node.hub.audience.strangers


# -- shown out -------------------------------------------------------------------------------------------------


@pytest.fixture
async def lobby(house: House, olga: Person) -> None:
    """A lobby that welcomes guests, with its owner in it."""
    await house.sets({"guests_welcome": True})
    await olga.enters()


@pytest.mark.usefixtures("lobby")
async def test_who_is_killed_is_closed_with_4502_and_others_hear_that_they_left(
    street: Street, olga: Person, house: House
) -> None:
    witness, guest = await street.comes("Witness", "lobby"), await street.comes("Jonas K", "lobby")
    answer = await olga.says('/kill "Jonas K" off topic')
    assert answer.text == "Removed @Jonas K. They can come back in 60 s. /ban keeps them out."
    assert await guest.is_closed() == 4502
    assert guest.close_reason == "off topic"
    frame = await witness.hears("left", user="Jonas K")
    assert frame.shame is False
    assert (await olga.hears("kicked")).user.guest is True
    assert (await house.kinds()).count("left") == 1


@pytest.mark.usefixtures("lobby")
async def test_who_is_killed_is_not_back_under_another_name(
    street: Street, olga: Person, house: House
) -> None:
    guest, stays = await street.comes("Jonas", "lobby"), await street.comes("Stays", "lobby")
    await olga.says("/kill Jonas")
    await guest.is_closed()
    await until_kept(lambda: house.node.redis.keys("*out*"))
    again = await street.comes("Hotfix")
    refused = await again.asks("join_room", room="lobby")
    assert (refused.success, refused.message.startswith("You were removed from #lobby.")) == (False, True)
    assert (await stays.asks("chat_message", message="I am still here")).success
    key = [one async for one in house.node.redis.scan_iter("*out*")]
    assert 50_000 < await house.node.redis.pttl(key[0]) <= 60_000
    await house.node.redis.delete(*key)
    assert (await again.asks("join_room", room="lobby")).success


@pytest.mark.usefixtures("lobby")
async def test_who_is_banned_is_kept_out_as_long_under_any_name(
    street: Street, olga: Person, house: House
) -> None:
    guest = await street.comes("Jonas", "lobby")
    await olga.says("/ban Jonas 10m spam")
    assert await guest.is_closed() == 4503
    await until_kept(lambda: house.node.redis.keys("*out*"))
    again = await street.comes("Hotfix")
    assert (await again.asks("join_room", room="lobby")).success is False
    key = [one async for one in house.node.redis.scan_iter("*out*")]
    assert 590_000 < await house.node.redis.pttl(key[0]) <= 600_000


@pytest.mark.usefixtures("lobby")
async def test_who_is_muted_hears_why_and_others_speak(street: Street, olga: Person) -> None:
    guest, other = await street.comes("Jonas", "lobby"), await street.comes("Hotfix", "lobby")
    await olga.says("/mute Jonas 10m too loud")
    told = await guest.asks("chat_message", message="hello")
    assert (told.success, "too loud" in told.message) == (False, True)
    assert (await other.asks("chat_message", message="hello")).success
    await olga.says("/unmute Jonas")
    assert (await guest.asks("chat_message", message="hello")).success


async def test_who_is_killed_in_the_first_room_is_refused_at_the_door(
    street: Street, house: House, olga: Person
) -> None:
    guest = await street.comes("Jonas")
    await house.ranks(olga, Role.OWNER, "default")
    await olga.enters("default")
    await olga.says("/kill Jonas")
    await guest.is_closed()
    client = await street.client()
    await until_kept(lambda: house.node.redis.keys("*out*"))
    answer = await client.get("/chat", headers=_handshake())
    assert answer.status == 403
    assert (await answer.json())["error"]["code"] == "removed"
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def _handshake() -> dict[str, str]:
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }


@pytest.mark.usefixtures("lobby")
async def test_what_was_sent_before_the_end_was_known_is_not_done(
    street: Street, olga: Person, house: House
) -> None:
    guest = await street.comes("Jonas", "lobby")
    await olga.says("/kill Jonas")
    with suppress(ConnectionResetError):
        for number in range(5):
            await guest.sends({"action": "chat_message", "message": f"{number}"})
    assert await guest.is_closed() == 4502
    assert "message" not in await house.kinds()


@pytest.mark.usefixtures("lobby")
async def test_the_muted_are_told_so_and_stay(street: Street, house: House) -> None:
    guest = await street.comes("Jonas", "lobby")
    await house.node.manager.execute(
        "UPDATE memberships m SET muted_until = '9999-01-01' FROM users u WHERE u.id = m.user_id AND u.name = 'Jonas'"
    )
    told = await guest.asks("chat_message", message="hello")
    assert (told.success, told.message.startswith("You are muted for ever")) == (False, True)
    told = await guest.asks("set_nick", nick="olga-is-a-fool")
    assert (told.success, told.message.startswith("You are muted for ever")) == (False, True)
    assert (await guest.asks("user_list", room="lobby")).users == ["olga", "Jonas"]


@pytest.mark.usefixtures("lobby")
@pytest.mark.parametrize("switches", [{"private": True}, {"guests_welcome": False}])
async def test_a_room_that_closes_to_guests_lets_them_go_and_keeps_its_members(
    street: Street, olga: Person, house: House, switches: dict[str, bool]
) -> None:
    guest, elsewhere = await street.comes("Jonas", "lobby"), await street.comes("Hotfix")
    room_id = await house.node.manager.value("SELECT id FROM rooms WHERE slug = 'lobby'")
    await house.sets(switches)
    async with house.node.journal.transaction(room_id) as log:
        by = (await log.member(olga.id)).person
        await log.record(SettingsChanged(by=by, changed={"switches": switches}))
    assert await guest.is_closed() == 4504
    assert (await olga.hears("left", user="Jonas")).user.guest is True
    assert (await olga.says("only us")).seq
    assert (await elsewhere.asks("user_list", room="lobby")).users == []
    assert "only us" not in str(await elsewhere.settles())


# -- too much --------------------------------------------------------------------------------------------------


async def test_saying_too_much_at_once_is_asked_to_wait(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=3, rate=0.01)
    guest = await street.comes()
    for number in range(3):
        assert (await guest.asks("chat_message", message=f"{number}")).success
    refused = await guest.asks("chat_message", message="3")
    assert (refused.success, refused.message.startswith("That was too fast")) == (False, True)


async def test_all_of_one_address_together_say_no_more_than_a_few_would(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=2, rate=0.01)
    guests = [await street.comes() for _ in range(6)]
    said = [(await guest.asks("chat_message", message="hi")).success for guest in guests for _ in range(2)]
    assert said == [True] * 7 + [False] * 5


async def test_frames_that_ask_for_nothing_count_as_well(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.0001)
    guests = [await street.comes() for _ in range(6)]
    told = []
    for guest in guests:
        for _ in range(8):
            await guest.sends({"action": "nope"})
            told.append((await guest.answered("nope")).message)
    assert told[:40] == ["Not allowed."] * 40
    assert all(message.startswith("That was too fast") for message in told[40:])


async def test_one_address_holds_only_so_many_sockets(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, guests=2)
    first, _ = await street.comes(), await street.comes()
    client = await street.client()
    for path in ("/chat", "/echo"):
        answer = await client.get(path, headers=_handshake())
        assert (answer.status, (await answer.json())["error"]["code"]) == (429, "rate_limited")
    await first.leaves()
    await until(lambda: house.node.guests._doors["127.0.0.1"].sockets == 1)
    await street.comes()


async def test_one_address_sends_only_so_many_newcomers(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, arrivals=2)
    for _ in range(2):
        await (await street.comes()).leaves()
    client = await street.client()
    answer = await client.get("/chat", headers=_handshake())
    assert (answer.status, (await answer.json())["error"]["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 500


async def test_one_address_names_only_so_many_rooms_into_being(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, named_rooms=2)
    guest = await street.comes()
    assert [(await guest.asks("join_room", room=f"room {n}")).success for n in range(3)] == [
        True,
        True,
        False,
    ]
    assert (await guest.asks("join_room", room="room 0")).success, "one that is there"


async def test_a_flood_of_frames_ends_the_line(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.001)
    guest = await street.comes()
    for _ in range(30):
        await guest.sends({"action": "nope"})
    assert await guest.is_closed() == 4429


@pytest.mark.parametrize("data", ["x" * 65537, b"x" * 70_000])
async def test_a_frame_too_large_ends_the_line(street: Street, data: str | bytes) -> None:
    guest = await street.comes()
    await guest.sends(data)
    assert await guest.is_closed() == 1009


# -- the server ------------------------------------------------------------------------------------------------


async def test_where_guests_are_off_the_door_says_so(street: Street, house: House) -> None:
    house.settings = replace(house.settings, guests=False)
    await house.opens()
    client = await street.client(at=1)
    answer = await client.get("/chat", headers=_handshake())
    told = (await answer.json())["error"]
    assert (answer.status, told["code"]) == (403, "disabled")
    assert "AIOCHAT_GUESTS=on" in told["message"]
    socket = await client.ws_connect("/echo")
    await socket.close()


async def test_a_plain_get_is_no_handshake(street: Street) -> None:
    client = await street.client()
    for path in ("/chat", "/echo"):
        answer = await client.get(path, headers={"Accept": "application/json"})
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "no_handshake")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_another_site_opens_no_socket(street: Street, origin: str) -> None:
    client = await street.client()
    for path in ("/chat", "/echo"):
        answer = await client.get(path, headers={**_handshake(), "Origin": origin})
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "foreign_origin")


async def test_a_page_of_a_site_that_is_allowed_opens_one(street: Street, house: House) -> None:
    house.settings = replace(house.settings, allowed_origins=("https://club.example",))
    await house.opens()
    guest = await street.arrives(at=1, Origin="https://club.example")
    await guest.greeting()


async def test_a_server_that_stops_says_so_and_everybody_has_left(street: Street, house: House) -> None:
    await house.opens()
    guests = [await street.comes(f"Guest{number}") for number in range(5)]
    witness = await street.comes(at=1)
    await house.node.let_go()
    assert [await guest.is_closed() for guest in guests] == [1001] * 5
    for number in range(5):
        assert (await witness.hears("left")).shame is False, number
    assert (await witness.asks("user_list", room="Default")).users == [witness.name]
    client = await street.client()
    answer = await client.get("/chat", headers=_handshake())
    assert answer.status == 503


async def test_who_cannot_be_let_in_just_now_is_asked_to_come_back(street: Street, house: House) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise Unavailable

    house.node.comings.arrive = fails  # type: ignore[method-assign]
    guest = await street.arrives()
    told = await guest.reads()
    assert (told.action, told.success) == (None, False)
    assert await guest.is_closed() == 1011
    await until(lambda: not house.node.guests._guests)


async def test_who_falls_between_two_rooms_is_asked_to_come_back(street: Street, house: House) -> None:
    witness, guest = await street.comes("Witness"), await street.comes("Jonas")

    def fails(*_: Any, **__: Any) -> None:
        raise Unavailable

    transactions = house.node.journal.transactions
    house.node.journal.transactions = fails  # type: ignore[method-assign]
    told = await guest.asks("join_room", room="test")
    house.node.journal.transactions = transactions  # type: ignore[method-assign]
    assert (told.success, told.message.startswith("The server cannot keep this just now")) == (False, True)
    assert await guest.is_closed() == 1011
    assert (await witness.hears("left", user="Jonas")).shame is False
    assert (await witness.asks("user_list", room="test")).users == []
    await until(lambda: len(house.node.guests._guests) == 1)
    assert len(house.node.guests.claims.held) == 1


@pytest.mark.parametrize("moment", [0, 1, 3, 10, 30])
async def test_who_goes_at_any_moment_is_nobodys_fault(street: Street, house: House, moment: int) -> None:
    client = await street.client()
    head = "GET /chat HTTP/1.1\r\nHost: localhost\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in _handshake().items())
    for _ in range(8):
        _, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(head.encode() + b"\r\n" + b"\x89\x80\0\0\0\0" * 50)
        for _ in range(moment):
            await asyncio.sleep(0)
        writer.transport.abort()
    guest = await street.comes("Jonas")
    async with asyncio.timeout(PATIENCE):
        while (await guest.asks("user_list", room="Default")).users != ["Jonas"]:
            await asyncio.sleep(0.05)
    await until(lambda: len(house.node.guests.claims.held) == 1)
    assert (await house.kinds("default")).count("left") == (await house.kinds("default")).count("joined") - 1
