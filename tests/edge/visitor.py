"""Somebody who comes to the site through nginx: pages with their forms, and rooms."""

from __future__ import annotations

import asyncio
import html
import re
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, TCPConnector

PASSWORD = "a sentence is good"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
PATIENCE = 30.0


class Visitor:
    """One browser. `comes_from` is the loopback address it has."""

    def __init__(self, site: str, comes_from: str = "127.0.0.1") -> None:
        self.site = site
        self._seats: list[Seat] = []
        self._comes_from = comes_from

    async def __aenter__(self) -> Self:
        # An address is no domain, and its cookies are kept only when asked for.
        self._http = ClientSession(
            self.site,
            cookie_jar=CookieJar(unsafe=True),
            connector=TCPConnector(local_addr=(self._comes_from, 0)),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seat in self._seats:
            await seat.leaves()
        await self._http.close()

    async def opens(self, path: str) -> str:
        """The page, as text. It must be there."""
        async with self._http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return html.unescape(await answer.text())

    async def fills(self, path: str, **fields: str) -> tuple[int, str]:
        """Type into the page's form and send it: status and text of what comes, redirects followed."""
        found = CSRF.search(await self.opens(path))
        assert found, f"{path} has no form"
        async with self._http.post(path, data={"csrf": found[1], **fields}) as answer:
            return answer.status, html.unescape(await answer.text())

    async def enters(self, slug: str) -> Seat:
        """Open the room's socket and be greeted."""
        socket = await self._http.ws_connect(
            f"/rooms/{slug}/ws", protocols=["aiochat.v2"], headers={"Origin": self.site}
        )
        seat = Seat(socket)
        self._seats.append(seat)
        seat.hello = await seat.hears("hello")
        return seat


class Seat:
    """One open socket in a room, always listening, as a browser is."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = {}
        self._unheard: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(), name="a visitor listens")

    async def _listen(self) -> int | None:
        async for frame in self.socket:
            self._unheard.append(frame.json())
            self._news.set()
        return self.socket.close_code

    async def says(self, text: str) -> int:
        """Say it and wait until it is kept; its number in the room."""
        nonce = uuid4().hex
        await self.sends(type="say", nonce=nonce, text=text)
        return int((await self.hears("ack", nonce=nonce))["seq"])

    async def sends(self, **frame: Any) -> None:
        await self.socket.send_json(frame)

    async def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of this type with these fields that was not heard yet; they may come in any order."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self._unheard:
                    if frame["type"] == kind and fields.items() <= frame.items():
                        self._unheard.remove(frame)
                        return frame
                self._news.clear()
                await self._news.wait()

    async def is_let_go(self) -> int | None:
        """Wait for the end of the socket: the code the site closes it with."""
        return await asyncio.wait_for(self._listening, PATIENCE)

    @property
    def is_open(self) -> bool:
        return not self._listening.done()

    async def leaves(self) -> None:
        await self.socket.close()
        await self.is_let_go()
