"""The `websockets` library's `broadcast()`. Run as `broadcast.py PORT`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: dict[str, set[ServerConnection]] = defaultdict(set)


async def chat(socket: ServerConnection) -> None:
    """One member of the room that the path names."""
    assert socket.request is not None
    members = rooms[socket.request.path]
    members.add(socket)
    try:
        async for text in socket:
            broadcast(members, json.dumps({"type": "message", "text": text}))
    finally:
        members.discard(socket)


async def main() -> None:
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), compression=None):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
