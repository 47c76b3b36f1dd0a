"""The short way in: a frame that can be dealt with at once is, before aiohttp queues it for a task to wake up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketReader

QUEUED = 64 * 1024


class ShortWay(WebSocketDataQueue):
    """aiohttp's queue of frames, asked by its parser to take each. `hear` says whether it dealt with a text already.

    What must wait keeps its place: as long as a frame waits or is worked on, all that come behind it wait too.
    """

    __slots__ = ("_waiting", "hear")

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(protocol, QUEUED, loop=loop)
        self.hear: Callable[[str], bool] | None = None
        self._waiting = 0

    def feed_data(self, data: Any, size: int) -> None:
        if (
            not self._waiting
            and self.hear is not None
            and data.type is WSMsgType.TEXT
            and self.hear(data.data)
        ):
            return
        self._waiting += 1
        super().feed_data(data, size)

    def done(self) -> None:
        """A frame that was read from the queue is dealt with."""
        self._waiting -= 1


class Response(web.WebSocketResponse):
    """aiohttp's WebSocket with the short way in front of its queue; all else is as it was.

    `at_end` is called once, when nothing comes or goes on it any more.
    """

    short_way: ShortWay
    at_end: Callable[[], None] | None = None

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
        # What the base does, which has no place to put another queue in, and lets nobody set a second parser.
        assert self._loop is not None
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = self.short_way = ShortWay(request.protocol, self._loop)
        self._parser = WebSocketReader(self._reader, self._max_msg_size, compress=False, decode_text=True)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)
        # No other request comes on this line, and what reads their heads would take 2 KiB as long as the socket lives.
        request.protocol._parser = None  # noqa: SLF001 - aiohttp offers no other way

    async def write_eof(self) -> None:  # type: ignore[override]
        """The end. It forgets the request then, as any other answer does, and what broke the line: they keep it."""
        try:
            await super().write_eof()
        finally:
            self._req = self._exception = None
            at_end, self.at_end = self.at_end, None
            if at_end is not None:
                at_end()
