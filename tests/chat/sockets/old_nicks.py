"""Clients of the rooms of nicks as they were written years ago: they send before they read, and know nothing else."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient

from tests.people import Frame, House, received


class OldNick:
    """One program at `/chat`. It hears frames in the order in which they come, and passes over none."""

    def __init__(self, socket: ClientWebSocketResponse[bool]) -> None:
        self.socket = socket
        self.name = ""
        self.close_code: int | None = None
        self.close_reason = ""

    async def sends(self, frame: Any) -> None:
        """Send a frame: a dict as JSON, a string or bytes as they stand."""
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def asks(self, action: str, **fields: Any) -> Frame:
        """Send a request; the next frame that is an answer to it."""
        await self.sends({"action": action, **fields})
        return await self.answered(action)

    async def answered(self, action: Any) -> Frame:
        """The next answer to such a request; broadcasts before it are passed over."""
        while True:
            frame = await self.reads()
            if frame.action == action and "success" in frame:
                return frame

    async def reads(self) -> Frame:
        """The next frame, whichever it is. Raises EOFError at the end."""
        message = await received(self.socket)
        if message.type is WSMsgType.TEXT:
            return Frame(json.loads(message.data))
        if message.type is WSMsgType.CLOSE:
            self.close_code, self.close_reason = message.data, message.extra or ""
        raise EOFError(self.close_code)

    async def hears(self, action: str, **fields: Any) -> Frame:
        """The next broadcast of this kind and content; others before it are passed over."""
        while True:
            frame = await self.reads()
            if frame.action == action and "success" not in frame and frame | fields == frame:
                return frame

    async def greeting(self) -> list[Frame]:
        """The two frames that are told to a newcomer."""
        frames = [await self.reads(), await self.reads()]
        self.name = frames[0].user
        return frames

    async def settles(self) -> list[Frame]:
        """Everything that was on its way: an action nobody knows is answered in its turn."""
        await self.sends({"action": "settle"})
        frames: list[Frame] = []
        while True:
            frame = await self.reads()
            if frame.action == "settle":
                return frames
            frames.append(frame)

    async def called(self, nick: str, room: str = "") -> OldNick:
        """Itself, under this nick and perhaps in this room."""
        if room:
            assert (await self.asks("join_room", room=room)).success
        answer = await self.asks("set_nick", nick=nick)
        assert answer.success, answer
        self.name = nick
        return self

    async def is_closed(self) -> int | None:
        """Wait until the other side closes; with which code."""
        while self.close_code is None:
            try:
                await self.reads()
            except EOFError:
                break
        return self.close_code

    async def leaves(self, code: int = 1000) -> None:
        """Close in order."""
        await self.socket.close(code=code)

    def breaks(self) -> None:
        """The line is cut."""
        transport = self.socket._conn.transport if self.socket._conn is not None else None
        if transport is not None:
            transport.abort()


class Street:
    """Where guests come from: browsers and programs that nobody knows, all of one address."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._clients: dict[int, TestClient[web.Request, Any]] = {}
        self._nicks: list[OldNick] = []

    async def client(self, at: int = 0) -> TestClient[web.Request, Any]:
        """A client without cookies at one process."""
        if at not in self._clients:
            self._clients[at] = (await self.house.stranger(at=at)).client
        return self._clients[at]

    async def arrives(self, *, at: int = 0, path: str = "/chat", **headers: str) -> OldNick:
        """Open a socket, and read nothing yet."""
        client = await self.client(at)
        nick = OldNick(await client.ws_connect(path, headers=headers, max_msg_size=0))
        self._nicks.append(nick)
        return nick

    async def comes(self, nick: str = "", room: str = "", *, at: int = 0) -> OldNick:
        """Somebody new, greeted; called so and in that room where they are named."""
        guest = await self.arrives(at=at)
        await guest.greeting()
        if nick:
            await guest.called(nick, room)
        elif room:
            assert (await guest.asks("join_room", room=room)).success
        return guest

    async def clears(self) -> None:
        """Everybody goes home, in order."""
        for nick in self._nicks:
            nick.breaks()
