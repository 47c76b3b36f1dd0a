"""picows with the frames of one turn of the loop joined into one write. Run as `joined.py PORT`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


class Room:
    """Members, and what is to be sent to all of them at the end of this turn."""

    def __init__(self) -> None:
        self.members: set[WSTransport] = set()
        self.owed: list[bytes] = []

    def say(self, text: str) -> None:
        payload = json.dumps({"type": "message", "text": text}).encode()
        size = len(payload)
        head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
        if not self.owed:
            asyncio.get_running_loop().call_soon(self.pay)
        self.owed.append(head + payload)

    def pay(self) -> None:
        blob = b"".join(self.owed)
        self.owed.clear()
        for member in self.members:
            member.underlying_transport.write(blob)


rooms: dict[str, Room] = defaultdict(Room)


class Member(WSListener):
    def __init__(self, room: str) -> None:
        self.room = rooms[room]

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.room.members.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.room.members.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            self.room.say(frame.get_payload_as_utf8_text())
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()


def listener(request: WSUpgradeRequest) -> Member:
    return Member(request.path.decode())


async def main() -> None:
    server = await ws_create_server(listener, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
