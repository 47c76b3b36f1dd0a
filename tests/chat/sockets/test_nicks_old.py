"""The old programs for rooms of nicks, unmodified: what they send and hear, as it was recorded on the wire."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.chat.sockets.old_nicks import OldNick, Street
from tests.people import PATIENCE, House

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 0.0.0.0:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\nUser-Agent: Python/3.11 aiohttp/3.14.5\r\n\r\n"
)


class Screen:
    """What the terminal client kept: everything it was told, in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], nick: str, room: str) -> None:
        self.socket = socket
        self.nick = nick
        self.room = room
        self.told: list[dict[str, Any]] = []
        self.read = 0

    async def starts(self) -> None:
        """What it sends before it reads anything: its room, its nick, who is there, and a ping of its own."""
        await self.socket.send_json({"action": "join_room", "room": self.room})
        await self.socket.send_json({"action": "set_nick", "nick": self.nick})
        await self.socket.send_json({"action": "user_list", "room": self.room})
        await self.socket.ping()

    async def hears(self) -> dict[str, Any]:
        """The next frame, answers to `join_room` apart: the old server gave none, and the old client passes it over."""
        while True:
            async with asyncio.timeout(PATIENCE):
                frame: dict[str, Any] = await self.socket.receive_json()
            self.told.append(frame)
            if frame["action"] != "join_room" or not frame["success"]:
                return frame


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_recorded_evening_happens_again(
    house: House, street: Street, http: aiohttp.ClientSession
) -> None:
    url = str((await street.client()).make_url("/chat"))
    jonas = Screen(await http.ws_connect(url), "Jonas", "test")
    await jonas.starts()
    connecting, join = await jonas.hears(), await jonas.hears()
    was = connecting["user"]
    assert connecting == {"action": "connecting", "room": "Default", "user": was}
    assert join == {"action": "join", "user": was, "room": "Default"}
    assert await jonas.hears() == {"action": "set_nick", "success": True, "message": ""}
    assert await jonas.hears() == {"action": "user_list", "success": True, "room": "test", "users": ["Jonas"]}
    assert jonas.told[2] == {"action": "join_room", "success": True, "message": ""}, "as the README promised"

    hotfix = Screen(await http.ws_connect(url), "Hotfix", "test")
    await hotfix.starts()
    other = (await hotfix.hears())["user"]
    assert await jonas.hears() == {"action": "joined", "room": "test", "user": other}, "the right room"
    assert await jonas.hears() == {
        "action": "nick_changed",
        "room": "test",
        "from_user": other,
        "to_user": "Hotfix",
    }
    await hotfix.hears()
    await hotfix.hears()
    assert await hotfix.hears() == {
        "action": "user_list",
        "success": True,
        "room": "test",
        "users": ["Jonas", "Hotfix"],
    }
    await jonas.socket.send_json({"action": "chat_message", "message": "Hello from Jonas"})
    assert await jonas.hears() == {"action": "chat_message", "success": True, "message": "Hello from Jonas"}
    assert await hotfix.hears() == {"action": "chat_message", "message": "Hello from Jonas", "user": "Jonas"}

    await hotfix.socket.close()
    assert hotfix.socket.close_code == 1000
    assert await jonas.hears() == {"action": "left", "room": "test", "user": "Hotfix", "shame": False}

    nobody = Screen(await http.ws_connect(url), "", "")
    await nobody.socket.send_json({"action": "join_room", "room": ""})
    await nobody.socket.send_json({"action": "set_nick", "nick": ""})
    await nobody.hears()
    await nobody.hears()
    bad_room = "Room name must be a string and between 3-20 chars."
    bad_nick = "Name must be a string and between 3-20 chars."
    assert await nobody.hears() == {"action": "join_room", "success": False, "message": bad_room}
    assert await nobody.hears() == {"action": "set_nick", "success": False, "message": bad_nick}
    await nobody.socket.close()

    victim = Screen(await http.ws_connect(url), "Victim", "test")
    await victim.starts()
    for _ in range(4):
        await victim.hears()
    assert [(await jonas.hears())["action"] for _ in range(2)] == ["joined", "nick_changed"]
    assert victim.socket._conn is not None
    assert victim.socket._conn.transport is not None
    victim.socket._conn.transport.abort()
    assert await jonas.hears() == {"action": "left", "room": "test", "user": "Victim", "shame": True}, (
        "at last"
    )
    await jonas.socket.close()
    assert [text for _, kind, text in await house.log("test") if kind == "message"] == ["Hello from Jonas"]


class SumsBot:
    """The bot that asked sums: it sends everything at once, and looks at answers when they come."""

    sums = ("1 + 1", "2 + 2", "10 * 2", "3 - 4")

    async def asks(self, bot: OldNick) -> None:
        await bot.sends({"action": "join_room", "room": "math"})
        await bot.sends({"action": "set_nick", "nick": "MathStudent"})
        for question in self.sums:
            await bot.sends({"action": "chat_message", "message": question})


async def test_the_bot_that_asks_sums_gets_them_answered(street: Street) -> None:
    answering = await street.comes("Teacher", "math")
    asking = await street.arrives()
    await SumsBot().asks(asking)
    for question in SumsBot.sums:
        heard = await answering.hears("chat_message", user="MathStudent")
        assert heard.message == question
        await answering.sends({"action": "chat_message", "message": f"@MathStudent: {eval(question)}"})
    expected = ["connecting", "join", "join_room", "set_nick"]
    assert [(await asking.reads()).action for _ in range(4)] == expected
    answers = [await asking.hears("chat_message", user="Teacher") for _ in SumsBot.sums]
    assert [frame.message for frame in answers] == [f"@MathStudent: {result}" for result in (2, 4, 20, -1)]


async def test_the_oldest_handshake_is_taken_and_all_may_come_in_one_piece(street: Street) -> None:
    """Everything in one packet, from the request line to the last frame: nothing of it is lost."""
    client = await street.client()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    mask = bytes(4)

    def masked(frame: dict[str, Any]) -> bytes:
        payload = json.dumps(frame).encode()
        return bytes((0x81, 0x80 | len(payload))) + mask + payload

    frames = [{"action": "set_nick", "nick": "Jonas"}, {"action": "user_list", "room": "Default"}]
    writer.write(HANDSHAKE.format(path="/chat").encode() + b"".join(map(masked, frames)))
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 101")
        assert "sec-websocket-protocol" not in head
        assert "sec-websocket-extensions" not in head
        told = b""
        while b'"users"' not in told or not told.endswith(b"}"):
            told += await reader.read(4096)
    actions = re.findall(rb'"action":"(\w+)"', told)
    assert actions == [b"connecting", b"join", b"set_nick", b"user_list"]
    assert b'"users":["Jonas"]' in told
    # "command close": a Close frame, and TCP is ended at once, whatever comes back.
    writer.write(b"\x88\x82" + mask + (1000).to_bytes(2, "big"))
    writer.close()
    guest = await street.comes()
    async with asyncio.timeout(PATIENCE):
        while (await guest.asks("user_list", room="Default")).users != [guest.name]:
            # Not so often that it would be a flood.
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", ["fin", "rst", "abort"])
@pytest.mark.parametrize("code", [1000, 4001, None])
async def test_who_says_goodbye_and_hangs_up_at_once_is_no_shame(
    street: Street, how: str, code: int | None
) -> None:
    """The terminal client ended so: its Close frame came, and TCP was gone before the answer."""
    witness = await street.comes()
    client = await street.client()
    for _ in range(3):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(HANDSHAKE.format(path="/chat").encode())
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b'"action":"join"')
        name = (await witness.hears("join")).user
        words = b"" if code is None else code.to_bytes(2, "big")
        writer.write(bytes((0x88, 0x80 | len(words))) + bytes(4) + words)
        await writer.drain()
        if how == "rst":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        (writer.close if how != "abort" else writer.transport.abort)()
        assert await witness.hears("left", user=name) == {
            "action": "left",
            "room": "Default",
            "user": name,
            "shame": False,
        }
