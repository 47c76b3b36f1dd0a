"""Who has gone is forgotten at once, without a look for garbage: everybody would wait for that."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from accounts.tokens import create_token
from chat.connection import CloseCode
from chat.sockets.reading import Response
from chat.sockets.room import PROTOCOL
from chat.sockets.socket import Socket
from tests.people import PATIENCE, House, Person, received


@pytest.fixture(autouse=True)
def _as_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """In service a request goes on to its end where its line is cut; in a test server it is cancelled."""
    make = TestServer._make_runner

    def made(self: TestServer, **how: Any) -> Any:
        return make(self, **{**how, "handler_cancellation": False})

    monkeypatch.setattr(TestServer, "_make_runner", made)


@pytest.fixture(autouse=True)
def _no_garbage_is_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept() -> list[object]:
    """What there is still of sockets of ours and of the requests they came by."""
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, Socket | Response)
        or (isinstance(each, web.Request) and "Upgrade" in each.headers)
    ]


async def is_kept_no_more() -> None:
    """Wait until it is forgotten. A look at all there is takes long: in between whoever sees it out has time to."""
    try:
        async with asyncio.timeout(PATIENCE):
            while kept():
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError("somebody holds on to it") from None


@pytest.mark.parametrize("by", ["client", "server", "line"])
@pytest.mark.parametrize(
    ("path", "protocols", "says"),
    [
        ("/rooms/lobby/ws", [PROTOCOL], {"type": "message", "nonce": "n1", "text": "hi"}),
        ("/rooms/lobby/ws", [], {"text": "hi"}),
        ("/ws", [], {"action": "authenticate", "uuid": "1"}),
        ("/chat", [], {"action": "set_nick", "nick": "visitor"}),
        ("/echo", [], {"text": "hi"}),
    ],
)
async def test_a_socket_that_has_ended_is_kept_by_nobody(
    house: House, alice: Person, path: str, protocols: list[str], says: dict[str, str], by: str
) -> None:
    token = await create_token(house.node.manager, alice.id, "tests")
    socket = await alice.client.ws_connect(path, protocols=protocols, headers={"Origin": alice.origin})
    await socket.send_json({**says, "token": token})
    assert (await received(socket)).type is WSMsgType.TEXT
    assert kept()
    if by == "server":
        (connection,) = house.node.hub.audience.all()
        connection.close(CloseCode.RESTART, "The server restarts.")
        del connection
        while not socket.closed:
            await received(socket)
    if by == "line":
        assert socket._response.connection is not None
        assert socket._response.connection.transport is not None
        socket._response.connection.transport.abort()
    await socket.close()
    del socket
    await is_kept_no_more()
