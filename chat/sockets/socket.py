"""The life every socket shares: admitted, heard, refused, seen out."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import msgspec
import peewee
import psycopg
from aiohttp import WSMessage, WSMsgType, web

from chat.connection import CloseCode, Connection
from chat.errors import Unavailable
from chat.events import News, Person
from chat.node import Node
from chat.signals import Belongs
from chat.sockets.reading import Response
from helpers.errors import AppError
from helpers.throttle import TokenBucket

log = logging.getLogger(__name__)

SEND_BUFFER = 128 * 1024
MOST_BAD_FRAMES = 10
MINUTE = 60.0
CLOSE_WITHIN = 10.0
MOST_REASON = 123
LOST = frozenset({None, 1006, CloseCode.SILENT, CloseCode.SLOW})
MAY_RETURN = LOST | {CloseCode.GOING_AWAY, CloseCode.TRY_AGAIN, CloseCode.RESTART, CloseCode.FLOODING}
# A client may send so many frames of any kind for each thing it may say.
FRAMES = 10
FROM_THE_CLIENT = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})


Farewell = Callable[[CloseCode, str], tuple[bytes, int, str]]
"""How one protocol ends for a reason of ours: a last frame, if it has one, then its own code and reason."""


def as_it_is(code: CloseCode, reason: str) -> tuple[bytes, int, str]:
    """Without a last frame, with the very code and reason."""
    return b"", code, reason


class Broken(AppError):
    """Something failed that should not: the log of the server says what."""

    code = "internal"
    message = "Something went wrong here. Nothing was posted twice; try again."
    status = 500
    temporary = True


class Refused(AppError):
    """Frames of this kind are not taken."""

    code = "bad_request"
    message = "Only text frames are understood here."


def refusal_of(error: Exception) -> AppError:
    """The refusal to tell for whatever was raised; what nobody foresaw is logged."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError | psycopg.OperationalError):
        log.warning("socket: the database does not answer: %s", error)
        return Unavailable()
    log.error("socket: a frame failed", exc_info=error)
    return Broken()


class Socket:
    """A WebSocket from the handshake to the last frame.

    `hear` is given each text frame; what it raises is told by `refuse`. `farewell` says how it ends.
    """

    __slots__ = (
        *("_bad_frames", "_bucket", "_closing", "_farewell", "_hear_at_once", "_line", "_refuse"),
        *("_resting", "_under_way"),
        *("connection", "node", "response", "user"),
    )

    def __init__(
        self, node: Node, user: Person, protocols: tuple[str, ...] = (), farewell: Farewell = as_it_is
    ) -> None:
        self.node = node
        self.user = user
        self._farewell = farewell
        self.response = Response(
            protocols=protocols,
            compress=False,
            autoping=False,
            # aiohttp refuses at the limit itself.
            max_msg_size=node.limits.frame + 1,
            timeout=CLOSE_WITHIN,
        )
        self.connection: Connection
        self._line: asyncio.WriteTransport
        self._hear_at_once: Callable[[str], bool]
        self._refuse: Callable[[AppError, str | None], None]
        self._closing: asyncio.Task[None] | None = None
        self._under_way = 0
        self._resting: asyncio.Future[None] | None = None
        # Made when there is one: hardly anybody ever sends any.
        self._bad_frames: deque[float] | None = None
        limits = node.limits
        self._bucket = TokenBucket(FRAMES * limits.rate, FRAMES * limits.burst)

    async def open(
        self, request: web.Request, session: str | None, news: Callable[[int, News | Belongs], None]
    ) -> Connection:
        """Answer the handshake. From here on bytes are written past aiohttp, whole frames at a time."""
        await self.response.prepare(request)
        # They are sent, and would be kept as long as the socket lives.
        self.response.headers.clear()
        if request.transport is None:
            raise ConnectionResetError
        # uvloop's transports are no subclasses of asyncio's, but do the same.
        self._line = transport = cast("asyncio.WriteTransport", request.transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # A stalled reader is seen early, and the kernel holds little for it.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.response.at_end = self._part
        self.connection = Connection(
            self.user,
            transport,
            self.node.hub.audience.writer,
            self._end,
            news,
            session=session,
        )
        return self.connection

    @property
    def close_code(self) -> int | None:
        """With which code it ended: ours if we closed it, else the other side's."""
        return self.connection.closing or self.response.close_code

    @property
    def was_lost(self) -> bool:
        """Whether the line broke, rather than somebody leaving."""
        return self.close_code in LOST

    @property
    def may_return(self) -> bool:
        """Whether it ended as a reload does: they may be back in a moment."""
        return self.close_code in MAY_RETURN

    async def listen(
        self,
        hear: Callable[[str], Awaitable[None]],
        refuse: Callable[[AppError, str | None], None],
        hear_bytes: Callable[[bytes], None] | None = None,
        hear_at_once: Callable[[str], bool] | None = None,
    ) -> None:
        """Take frames until the end, one after the other; binary ones are refused where nobody hears them.

        `hear_at_once` is offered each text that nothing waits before: False sends it on to `hear`. What it leaves
        under way it says by `begins` and `ended`; `hear` has its turn when all that is over. It counts by itself what
        it takes; what it refuses is counted here.
        """
        if hear_at_once is not None:
            self._hear_at_once, self._refuse = hear_at_once, refuse
            self.response.short_way.hear = self._at_once
        while True:
            message: WSMessage = await self.response.receive()
            self.connection.heard_at = asyncio.get_running_loop().time()
            # What was sent before the end was known there: who is shown out does nothing more here.
            if message.type in FROM_THE_CLIENT and (self.connection.closing is not None or not self.takes(1)):
                self.response.short_way.done()
                continue
            match message.type:
                case WSMsgType.TEXT:
                    if self._under_way:
                        await self._rest()
                    await self._hear(message.data, hear, refuse)
                case WSMsgType.PING:
                    with suppress(ConnectionError):
                        # The line may have gone; then the next thing heard is the end.
                        await self.response.pong(message.data)
                case WSMsgType.PONG:
                    pass
                case WSMsgType.BINARY if hear_bytes is not None:
                    hear_bytes(message.data)
                case WSMsgType.BINARY:
                    refuse(Refused(), None)
                    self._count_bad_frame()
                case _:
                    break
            self.response.short_way.done()
        if self._closing is not None:
            await self._closing

    def _part(self) -> None:
        # What hangs on it in circles is let go. Otherwise thousands who left would wait for the garbage collector, and
        # then everybody here for it.
        self.connection.part()
        if self.response.short_way.hear is not None:
            self.response.short_way.hear = None
            del self._hear_at_once, self._refuse

    def _at_once(self, data: str) -> bool:
        self.connection.heard_at = asyncio.get_running_loop().time()
        if self.connection.closing is not None:
            return True
        try:
            return self._hear_at_once(data)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where nobody foresaw it
            if self.takes(1):
                self._tell(error, data, self._refuse)
            return True

    def begins(self) -> None:
        """Something heard at once is under way."""
        self._under_way += 1

    def ended(self) -> None:
        """It is over."""
        self._under_way -= 1
        if not self._under_way and self._resting is not None:
            self._resting.set_result(None)

    async def _rest(self) -> None:
        self._resting = asyncio.get_running_loop().create_future()
        try:
            await self._resting
        finally:
            self._resting = None

    def takes(self, frames: int) -> bool:
        """Count so many frames of the client's; False where that is too much at once, and the end."""
        if self._bucket.take(frames):
            self.connection.close(CloseCode.FLOODING, "Too much at once. Come back in a moment.")
            return False
        return True

    async def _hear(
        self,
        data: str,
        hear: Callable[[str], Awaitable[None]],
        refuse: Callable[[AppError, str | None], None],
    ) -> None:
        self.connection.answering = True
        try:
            await hear(data)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where nobody foresaw it
            self._tell(error, data, refuse)
        finally:
            self.connection.answered()

    def _tell(self, error: Exception, data: str, refuse: Callable[[AppError, str | None], None]) -> None:
        told = refusal_of(error)
        refuse(told, nonce_in(data))
        if told.code == "bad_request":
            self._count_bad_frame()

    def _count_bad_frame(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._bad_frames is None:
            self._bad_frames = deque(maxlen=MOST_BAD_FRAMES)
        self._bad_frames.append(now)
        if len(self._bad_frames) == MOST_BAD_FRAMES and now - self._bad_frames[0] < MINUTE:
            self.connection.close(CloseCode.BAD_FRAMES, "Too many frames that could not be read.")

    def _end(self, code: CloseCode, reason: str) -> None:
        last, number, words = self._farewell(code, reason)
        if last and not self.response.closed:
            with suppress(RuntimeError, OSError):
                self._line.write(last)
        self._closing = self.node.tasks.once("closing a socket", self._close(number, words))

    async def _close(self, code: int, reason: str) -> None:
        # Cut between characters: half of one is no text, and the other side would end with an error of its own.
        told = reason.encode("utf-8", "replace")[:MOST_REASON].decode("utf-8", "ignore").encode()
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.response.close(code=code, message=told)
        except (TimeoutError, ConnectionError):
            # A reader that takes nothing takes no close frame either.
            self._line.abort()


def nonce_in(data: str) -> str | None:
    """The nonce of a frame that could not be understood otherwise."""
    try:
        frame: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    nonce = frame.get("nonce") if isinstance(frame, dict) else None
    return nonce if isinstance(nonce, str) and len(nonce) <= 64 else None
