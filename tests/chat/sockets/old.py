"""Programs as they were written years ago, stood in for from the transcripts: they know nothing of this server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.people import PATIENCE, Person, Tab


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
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.receive()
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
