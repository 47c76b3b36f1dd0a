"""How a socket ends: with which code, and what is said."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSMsgType

from chat.errors import Unavailable
from tests.people import HANDSHAKE, PROTOCOL, House, Person, Tab, received


async def test_ten_unreadable_frames_in_a_minute_end_the_socket(alice: Person) -> None:
    await alice.enters()
    for _ in range(10):
        await alice.tab.sends("{")
    assert await alice.tab.is_closed() == 4500
    assert len([frame for frame in alice.tab.unheard if frame.type == "error"]) == 10


@pytest.mark.parametrize("data", ["x" * 65537, "x" * 300_000, b"x" * 70_000])
async def test_a_frame_too_large_ends_the_socket(alice: Person, data: str | bytes) -> None:
    await alice.enters()
    await alice.tab.sends(data)
    assert await alice.tab.is_closed() == 1009


async def test_a_frame_of_just_64_kib_is_read(alice: Person) -> None:
    await alice.enters()
    frame = json.dumps({"type": "say", "nonce": "n", "text": ""})
    await alice.tab.sends(frame[:-2] + "x" * (65536 - len(frame)) + '"}')
    assert (await alice.hears("error")).code == "too_long"


async def test_bad_utf_8_ends_the_socket(alice: Person) -> None:
    await alice.enters()
    await alice.tab.socket.send_frame(b'{"type":"say","text":"\xff"}', WSMsgType.TEXT)
    assert await alice.tab.is_closed() == 1007


async def test_signing_out_closes_the_tabs_of_that_session_and_no_others(alice: Person, house: House) -> None:
    await alice.enters()
    await alice.enters()
    elsewhere = await house.again("alice", alice.id)
    await elsewhere.enters()
    program = await house.program(alice)
    await program.enters()
    assert (await alice.fills("/logout")).status == 303
    assert [await tab.is_closed() for tab in alice.tabs] == [4501, 4501]
    assert (await elsewhere.says("still here")).seq
    assert (await program.says("me too")).seq


async def test_signing_out_everywhere_closes_every_session(alice: Person, house: House) -> None:
    await alice.enters()
    elsewhere = await house.again("alice", alice.id)
    await elsewhere.enters()
    assert (await alice.fills("/me/sign-out-everywhere", on="/me")).status == 303
    assert await alice.tab.is_closed() == 4501
    assert await elsewhere.tab.is_closed() == 4501


async def test_a_socket_of_a_session_ends_with_it_whatever_else_it_carried(alice: Person) -> None:
    """A header in front of the session, from a proxy or a thief, must not let the socket outlive it."""
    socket = await alice.client.ws_connect(
        "/rooms/lobby/ws",
        protocols=[PROTOCOL],
        headers={"Origin": alice.origin, "Authorization": "Basic eA=="},
    )
    await received(socket)
    assert (await alice.fills("/logout")).status == 303
    tab = Tab(socket)
    assert await tab.is_closed() == 4501


async def test_one_person_has_only_so_many_sockets(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, connections=2)
    await alice.enters()
    await alice.enters()
    with pytest.raises(ConnectionResetError):
        await alice.enters()
    assert alice.tab.close_code == 4509
    assert (await alice.tabs[0].says("fine")).seq


async def test_who_is_shown_out_while_coming_in_is_not_greeted(alice: Person, house: House) -> None:
    """Between the look at the door and the greeting somebody may be removed: the second look counts."""
    look = house.node.hub.channel

    async def removed_meanwhile(room_id: int) -> Any:
        await house.marks(alice, "out_until = now() + interval '1 minute'")
        return await look(room_id)

    house.node.hub.channel = removed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(ConnectionResetError):
        await alice.enters()
    assert alice.tab.close_code == 4502


async def test_saying_too_much_at_once_is_asked_to_wait(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=3, rate=0.01)
    await alice.enters()
    for number in range(3):
        await alice.says(f"{number}")
    why = await alice.refused("3")
    assert (why.code, why.temporary) == ("rate_limited", True)
    assert why.retry_after > 50


async def test_who_goes_on_after_being_asked_to_wait_is_let_go(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.001)
    await alice.enters()
    for number in range(12):
        await alice.tab.sends({"type": "say", "nonce": f"n-{number}", "text": "me, me"})
    assert await alice.tab.is_closed() == 4429


async def test_a_flood_of_frames_ends_the_socket(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.001)
    hello = await alice.enters()
    for _ in range(30):
        await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": 0})
    assert await alice.tab.is_closed() == 4429


async def test_who_asks_again_and_again_for_all_that_was_said_floods_sooner(alice: Person) -> None:
    hello = await alice.enters()
    for _ in range(60):
        await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
    assert await alice.tab.is_closed() == 4429
    assert len([frame for frame in alice.tab.unheard if frame.type == "resumed"]) >= 20


async def test_a_restart_closes_with_1012_and_calls_nobody_gone(alice: Person, house: House) -> None:
    await alice.enters()
    await alice.hears("joined")
    await house.node.let_go()
    assert await alice.tab.is_closed() == 1012
    assert "left" not in await house.kinds()


async def test_who_cannot_be_let_in_just_now_is_asked_to_come_back(alice: Person, house: House) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise Unavailable

    house.node.comings.come = fails  # type: ignore[method-assign]
    await alice.enters()
    assert (await alice.hears("error")).temporary is True
    assert await alice.tab.is_closed() == 1011


async def test_who_signs_out_while_coming_in_is_not_let_in(alice: Person, house: House) -> None:
    """The word that a session ended may come before the socket listens for it: the second look counts."""
    look = house.node.hub.channel

    async def signed_out_meanwhile(room_id: int) -> Any:
        house.node.hub.channel = look  # type: ignore[method-assign]
        await house.node.redis.flushdb()
        return await look(room_id)

    house.node.hub.channel = signed_out_meanwhile  # type: ignore[method-assign]
    with pytest.raises(ConnectionResetError):
        await alice.enters()
    assert alice.tab.close_code == 4501


async def test_who_is_made_to_rest_while_coming_in_is_not_let_in(alice: Person, house: House) -> None:
    program = await house.program(alice)
    look = house.node.hub.channel

    async def rests_meanwhile(room_id: int) -> Any:
        await house.node.manager.execute(
            "UPDATE users SET suspended_until = '9999-01-01' WHERE id = %s", alice.id
        )
        return await look(room_id)

    house.node.hub.channel = rests_meanwhile  # type: ignore[method-assign]
    with pytest.raises(ConnectionResetError):
        await program.enters()
    assert program.tab.close_code == 4501


@pytest.mark.parametrize("moment", [0, 1, 3, 10])
async def test_who_goes_at_any_moment_is_nobodys_fault(alice: Person, house: House, moment: int) -> None:
    """The line is cut after so many turns of the loop, with frames on their way that would have been answered."""
    cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in alice.client.session.cookie_jar)
    wanted = {
        **HANDSHAKE,
        "Host": alice.origin.removeprefix("http://"),
        "Origin": alice.origin,
        "Cookie": cookies,
    }
    head = "GET /rooms/lobby/ws HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in wanted.items()
    )
    ping = b"\x89\x80\0\0\0\0"
    for _ in range(10):
        _, writer = await asyncio.open_connection(alice.client.host, alice.client.port)
        writer.write(head.encode() + b"\r\n" + ping * 50)
        for _ in range(moment):
            await asyncio.sleep(0)
        writer.transport.abort()
    hello = await alice.enters()
    assert hello.you.id == alice.id
