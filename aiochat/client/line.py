"""One socket of a room, from its handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec

from aiochat.client.errors import Refused, Unreachable

if TYPE_CHECKING:
    from aiochat.client.site import Site

log = logging.getLogger(__name__)

Frame = dict[str, Any]

PROTOCOL = "aiochat.v2"
OPEN_WITHIN = 15.0
LARGEST = 16 * 1024 * 1024
LOST = 1006
REFUSED_FOR_GOOD = frozenset({400, 401, 403, 404})


class Down(NamedTuple):
    """How a line ended: the close code, the reason for people, and the seconds to stay away at least."""

    code: int
    reason: str = ""
    pause: float = 0.0


class Line:
    """The way to one room; it is opened anew by each `hold`."""

    def __init__(self, site: Site, slug: str) -> None:
        self.site = site
        self.slug = slug
        # Seconds without any sign of life; the server says in its greeting how often it gives one.
        self.silence = OPEN_WITHIN
        self._socket: aiohttp.ClientWebSocketResponse[Any] | None = None

    async def hold(self, hear: Callable[[Frame], Awaitable[Down | None]]) -> Down:
        """Open a socket and hand each frame to `hear` until it ends, or until `hear` says that it is of no more use.

        Raises `Refused` where one may not come in.
        """
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                socket = await self.site.session.ws_connect(
                    f"{self.site.url}/rooms/{quote(self.slug, safe='')}/ws",
                    headers=self.site.headers,
                    protocols=[PROTOCOL],
                    autoping=False,
                    max_msg_size=LARGEST,
                )
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status in REFUSED_FOR_GOOD:
                await self._ask_why(refused.status)
            return Down(LOST, f"refused with {refused.status} for now", _seconds(refused))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Down(LOST, str(error) or "no answer")
        try:
            self._socket = socket
            return await self._listen(socket, hear)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Down(LOST, str(error) or "nothing was heard any more")
        finally:
            self._socket = None
            await socket.close()

    async def write(self, frame: Frame) -> None:
        """Send a frame; where there is no line, nothing is sent, and nobody is told."""
        if self._socket is None or self._socket.closed:
            return
        try:
            await self._socket.send_str(msgspec.json.encode(frame).decode())
        except (aiohttp.ClientError, OSError) as error:
            # The line is going; whoever listens on it will say so.
            log.debug("#%s: not sent: %s", self.slug, error)

    async def _listen(
        self, socket: aiohttp.ClientWebSocketResponse[Any], hear: Callable[[Frame], Awaitable[Down | None]]
    ) -> Down:
        while True:
            message = await socket.receive(timeout=self.silence)
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    frame = msgspec.json.decode(message.data)
                    down = await hear(frame) if isinstance(frame, dict) else None
                    if down is not None:
                        return down
                case aiohttp.WSMsgType.PING:
                    with suppress(ConnectionError):
                        # The line may have gone; behind this lies the end, and whether to come back.
                        await socket.pong(message.data)
                case aiohttp.WSMsgType.PONG | aiohttp.WSMsgType.BINARY:
                    continue
                case aiohttp.WSMsgType.CLOSE:
                    return Down(message.data or 1005, message.extra or "")
                case _:
                    return Down(socket.close_code or LOST)

    async def _ask_why(self, status: int) -> None:
        """A handshake that is refused carries no words; another address says why. Raises `Refused` where it is so."""
        try:
            await self.site.me(self.slug)
        except Refused as refused:
            if not refused.temporary:
                raise
        except Unreachable as error:
            log.info("#%s: refused with %s; why is not known: %s", self.slug, status, error)
        else:
            raise Refused("refused", f"#{self.slug} was not opened.", status=status)


def _seconds(refused: aiohttp.WSServerHandshakeError) -> float:
    wait = refused.headers.get("Retry-After", "") if refused.headers else ""
    return min(float(wait), 60.0) if wait.isascii() and wait.isdigit() else 0.0
