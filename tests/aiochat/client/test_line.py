"""One line to a server that does as it likes."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from aiochat.client import Site
from aiochat.client.line import PROTOCOL, Down, Line
from tests.chat.backstage import until


async def test_the_end_is_heard_behind_a_ping_that_came_too_late_to_be_answered() -> None:
    async def shows_out(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        assert request.transport is not None
        await socket.send_str('{"type":"hello"}')
        await socket.ping()
        request.transport.write(b"\x88\x0a" + (4502).to_bytes(2, "big") + b"too loud")  # type: ignore[attr-defined]
        request.transport.close()
        return socket

    async def hear(frame: dict[str, Any]) -> None:
        # Whoever is busy with one frame has not read the next when the line goes.
        assert frame == {"type": "hello"}
        assert line._socket is not None
        await until(line._socket._writer.transport.is_closing)

    app = web.Application()
    app.router.add_get("/rooms/lobby/ws", shows_out)
    async with TestServer(app) as server, Site(str(server.make_url("")), "ach_any") as site:
        line = Line(site, "lobby")
        assert await line.hold(hear) == Down(4502, "too loud")
