"""The algorithm of the systems this grew from: one INSERT for a message, one `send_json` for each member.

Run as `naive.py PORT [DATABASE_URL]`; without a database nothing is kept. asyncio's own loop, as they had it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import WSMsgType, web
from peewee import BigAutoField, DateTimeField, TextField

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.database import BaseModel, Manager

rooms: dict[str, set[web.WebSocketResponse]] = defaultdict(set)


class Said(BaseModel):
    """A row for each message."""

    id = BigAutoField()
    room = TextField()
    text = TextField()
    created_at = DateTimeField()

    class Meta:
        table_name = "naive_said"


async def chat(request: web.Request) -> web.WebSocketResponse:
    """`GET /<room>`"""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    name = request.match_info["room"]
    members = rooms[name]
    members.add(socket)
    try:
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            said = {"type": "message", "text": frame.data, "at": datetime.now(UTC).isoformat()}
            if request.app["keeps"]:
                await Said.aio_create(room=name, text=frame.data, created_at=datetime.now(UTC))
            for member in tuple(members):
                await member.send_json(said)
    finally:
        members.discard(socket)
    return socket


def main() -> None:
    app = web.Application()
    app["keeps"] = len(sys.argv) > 2
    app.add_routes([web.get("/{room}", chat)])
    if app["keeps"]:
        manager = Manager(sys.argv[2], max_size=20)

        async def database(app: web.Application) -> AsyncIterator[None]:
            async with manager:
                manager.bind([Said])
                await manager.execute(
                    "CREATE TABLE IF NOT EXISTS naive_said "
                    "(id bigserial PRIMARY KEY, room text, text text, created_at timestamptz)"
                )
                yield

        app.cleanup_ctx.append(database)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


main()
