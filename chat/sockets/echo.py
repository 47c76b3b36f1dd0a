"""An echo, `GET /echo`: for trying out a client, a proxy, or a line; docs/protocols/echo.md says what comes back."""

from __future__ import annotations

import json
from typing import NoReturn

from aiohttp import web

from chat.connection import CloseCode, Connection, text_frame
from chat.errors import Busy
from chat.events import Person
from chat.guests import A_FRAME
from chat.keys import NODE
from chat.node import Node
from chat.sockets.nicks import farewell
from chat.sockets.room import NoHandshake
from chat.sockets.socket import Socket
from helpers.errors import AppError
from helpers.middlewares import welcomes_origins

NOBODY = Person(0, "")
BINARY = b"\x82"


@welcomes_origins("allowed")
async def echo_socket(request: web.Request) -> web.StreamResponse:
    """`GET /echo`, for anybody. Raises, before the 101, NoHandshake, Busy, TooManyGuests."""
    node = request.config_dict[NODE]
    if not web.WebSocketResponse().can_prepare(request):
        raise NoHandshake
    if node.closing:
        raise Busy
    limits = node.limits
    with node.guests.door(
        request.remote, most=limits.guests, rate=limits.rate, burst=limits.burst
    ) as address:
        socket = Socket(node, NOBODY, farewell=farewell)
        connection = await socket.open(request, None, lambda *_: None)
        strangers = node.hub.audience.strangers
        strangers.add(connection)
        try:
            await Echo(node, connection, address).listen(socket)
        finally:
            strangers.discard(connection)
    return socket.response


class Echo:
    """Gives back what one connection says."""

    def __init__(self, node: Node, connection: Connection, address: str) -> None:
        self.node = node
        self.connection = connection
        self.address = address

    async def listen(self, socket: Socket) -> None:
        """Until the end."""
        await socket.listen(self._hear, self._refuse, self._hear_bytes)

    async def _hear(self, data: str) -> None:
        if self._is_quiet():
            self.connection.send(text_frame(echo_of(data).encode()))

    def _hear_bytes(self, data: bytes) -> None:
        if not self._is_quiet():
            return
        # The kind of a frame stands in its first byte.
        self.connection.send(BINARY + text_frame(data)[1:])

    def _is_quiet(self) -> bool:
        if self.node.guests.patience(self.address, A_FRAME):
            self.connection.close(
                CloseCode.FLOODING, "Too much at once from your address. Come back in a moment."
            )
            return False
        return True

    def _refuse(self, error: AppError, _: str | None) -> None:
        self.connection.close(CloseCode.TRY_AGAIN, error.text)


def echo_of(data: str) -> str:
    """What comes back: JSON within `{"echo": …}`, to the letter as it was written; any other text as it is."""
    try:
        json.loads(data, parse_constant=_no_json, parse_int=_unread, parse_float=_unread)
    except (ValueError, RecursionError):
        return data
    return f'{{"echo": {data.strip()}}}'


def _no_json(word: str) -> NoReturn:
    """`NaN` and its like, which Python reads and JSON does not know."""
    raise ValueError(word)


def _unread(_: str) -> None:
    """A number is given back, not read: it may have any number of digits."""
