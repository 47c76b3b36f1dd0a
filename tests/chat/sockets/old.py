"""Programs as they were written years ago, stood in for from the transcripts: they know nothing of this server."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from accounts.tokens import create_token
from tests.people import Frame, House, Person, Tab, received


class OldPage(Tab):
    """The page of the plain-text system: it shows what comes, line by line, and empties itself when told."""

    def __init__(self, socket: ClientWebSocketResponse[bool]) -> None:
        super().__init__(socket)
        self.screen: list[str] = []

    async def types(self, text: str) -> None:
        """Send what stands in the input, as it stands."""
        await self.socket.send_str(text)

    async def reads(self) -> dict[str, Any]:
        """The next frame, whichever it is; what it does to the screen is done. Raises EOFError at the end."""
        message = await received(self.socket)
        if message.type is not WSMsgType.TEXT:
            told = message.type is WSMsgType.CLOSE
            self.close_code = message.data if told else self.socket.close_code
            self.close_reason = str(message.extra or "") if told else ""
            raise EOFError(self.close_code)
        frame: dict[str, Any] = json.loads(message.data)
        if frame.get("cmd") == "empty":
            self.screen = []
        elif "cmd" not in frame:
            name = f"@{frame['user']}: " if frame.get("user") else ""
            self.screen.append(name + frame["text"])
        return frame

    async def shows(self, line: str) -> dict[str, Any]:
        """Wait until this line comes to the screen; its frame."""
        while True:
            frame = await self.reads()
            if self.screen and self.screen[-1] == line and "cmd" not in frame:
                return frame

    async def is_emptied(self) -> None:
        """Wait until it is told to empty itself."""
        while "cmd" not in await self.reads():
            pass

    async def is_closed(self) -> int | None:
        """Wait for the end; with which code."""
        while self.close_code is None:
            try:
                await self.reads()
            except EOFError:
                break
        return self.close_code


async def old_page(person: Person, room: str = "lobby", path: str = "/ws/{}") -> OldPage:
    """Somebody signed in opens the old page of a room: no subprotocol, the page's own Origin."""
    url: Any = path.format(room)
    socket = await person.client.ws_connect(url, headers={"Origin": person.origin}, max_msg_size=0)
    assert socket.protocol is None
    page = OldPage(socket)
    person.tabs.append(page)
    return page


class OldProgram(Tab):
    """A program of the multi-room system: it names each request by a uuid and waits for the answer that has it."""

    async def asks_for(self, action: str, **fields: Any) -> Frame:
        """Ask, and wait for the frame that has this very uuid."""
        uuid = fields.setdefault("uuid", f"{action}-{self.nonce()}")
        await self.sends({"action": action, **fields})
        return await self.answer(uuid)

    async def answer(self, uuid: Any) -> Frame:
        """The next frame with this uuid."""
        while True:
            for place, frame in enumerate(self.unheard):
                if frame.get("uuid") == uuid:
                    return self.unheard.pop(place)
            await self._next()

    async def reads(self) -> Frame:
        """The next frame, whichever it is."""
        while not self.unheard:
            await self._next()
        return self.unheard.pop(0)

    async def hears_words(self, text: str) -> Frame:
        """Wait until these words come as a message; the whole frame."""
        while True:
            for place, frame in enumerate(self.unheard):
                if (
                    frame.action == "new_message"
                    and frame.status == "success"
                    and frame["message"]["text"] == text
                ):
                    return self.unheard.pop(place)
            await self._next()

    async def hears_of(self, kind: str) -> Frame:
        """Wait for an event of this kind that is no message; the event."""
        while True:
            for place, frame in enumerate(self.unheard):
                if frame.action == "event" and frame["event"]["type"] == kind:
                    return Frame(self.unheard.pop(place)["event"])
            await self._next()

    async def hears_frame(self, action: str, **fields: Any) -> Frame:
        """Wait until a frame of this action comes that nobody asked for, with these fields."""
        while True:
            for place, frame in enumerate(self.unheard):
                if frame.action == action and all(frame.get(name) == value for name, value in fields.items()):
                    return self.unheard.pop(place)
            await self._next()

    async def settles(self) -> None:
        """Hear everything that was on its way: an action nobody knows is answered in its order."""
        uuid = self.nonce()
        await self.sends({"uuid": uuid, "action": "?"})
        while not any(frame.get("uuid") == uuid for frame in self.unheard):
            await self._next()
        await self.answer(uuid)

    async def all_words(self) -> list[str]:
        """All words that have come by now."""
        await self.settles()
        return [frame["message"]["text"] for frame in self.unheard if frame.action == "new_message"]


async def old_program(
    house: House, person: Person, *, at: int = 0, known: bool = True, **fields: Any
) -> OldProgram:
    """A program of somebody's opens the multi-room socket, and says whose it is."""
    stranger = await house.stranger(at=at)
    program = OldProgram(await stranger.client.ws_connect("/ws", max_msg_size=0))
    stranger.tabs.append(program)
    if known:
        token = await create_token(house.node.manager, person.id)
        assert (await program.asks_for("authenticate", token=token, **fields)).status == "success"
    return program
