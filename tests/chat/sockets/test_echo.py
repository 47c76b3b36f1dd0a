"""The echo: what is said comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.sockets.echo import echo_of
from tests.chat.backstage import until
from tests.chat.sockets.old_nicks import OldNick, Street
from tests.people import House, received


@pytest.fixture
async def cave(street: Street) -> OldNick:
    """A socket at `/echo`."""
    return await street.arrives(path="/echo")


async def test_the_old_client_is_answered_as_it_was(street: Street) -> None:
    client = await street.client()
    async with client.ws_connect("/echo") as socket:
        await socket.send_json({"message": "Hello world!"})
        assert await socket.receive_str() == '{"echo": {"message": "Hello world!"}}'


@pytest.mark.parametrize(
    "frame",
    [
        *("{}", "[]", "null", "true", "0", '"hello"', "-1.50", "1e999", "1" * 5000, '{"a": 1, "a": 2}'),
        '"\\ud800"',
        '{"echo": {"echo": 1}}',
        "[" * 100 + "]" * 100,
        '"é日😀"',
        '"\\u0000"',
    ],
)
async def test_json_comes_back_in_an_object_to_the_letter(cave: OldNick, frame: str) -> None:
    await cave.sends(frame)
    assert await cave.socket.receive_str() == f'{{"echo": {frame}}}'


@pytest.mark.parametrize(
    "frame",
    [
        "",
        " ",
        "hello",
        "close",
        "/help",
        "{",
        "{}x",
        "NaN",
        "[Infinity]",
        "{'a': 1}",
        "\ufeff{}",
        "\0",
        "é日😀",
        "[" * 30_000,
        '{"a":' * 10_000,
        '"a\nb"',
    ],
)
async def test_any_other_text_comes_back_as_it_is(cave: OldNick, frame: str) -> None:
    await cave.sends(frame)
    assert await cave.socket.receive_str() == frame


@pytest.mark.parametrize("frame", [b"", b"\0\xff\xfe", b'{"a": 1}', b"x" * 126, b"x" * 65_536])
async def test_bytes_come_back_as_bytes(cave: OldNick, frame: bytes) -> None:
    await cave.sends(frame)
    message = await received(cave.socket)
    assert (message.type, message.data) == (WSMsgType.BINARY, frame)


async def test_all_comes_back_in_its_order(cave: OldNick) -> None:
    for number in range(100):
        await cave.sends(b"%d" % number if number % 2 else f"n{number}")
    told = [(await received(cave.socket)).data for _ in range(100)]
    assert told == [b"%d" % number if number % 2 else f"n{number}" for number in range(100)]


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_what_comes_back_says_what_was_sent(text: str) -> None:
    told = echo_of(text)
    if told != text:
        assert json.loads(told) == {"echo": json.loads(text)}


nested: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(nested)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_json_is_sent_is_in_what_comes_back(value: Any) -> None:
    assert json.loads(echo_of(json.dumps(value))) == {"echo": value}


@pytest.mark.parametrize("data", ["x" * 65_537, b"x" * 70_000])
async def test_a_frame_too_large_ends_the_line(cave: OldNick, data: str | bytes) -> None:
    await cave.sends(data)
    assert await cave.is_closed() == 1009


async def test_a_flood_ends_the_line(cave: OldNick, street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.001)
    flooding = await street.arrives(path="/echo")
    for _ in range(30):
        await flooding.sends("[]")
    assert await flooding.is_closed() == 4429


async def test_all_of_one_address_together_are_not_louder_than_a_few(street: Street, house: House) -> None:
    house.node.limits = replace(house.node.limits, burst=1, rate=0.0001)
    caves = [await street.arrives(path="/echo") for _ in range(5)]
    for cave in caves[:-1]:
        for number in range(10):
            await cave.sends(b"%d" % number)
            await received(cave.socket)
    await caves[-1].sends("[]")
    assert await caves[-1].is_closed() == 4429


async def test_who_is_silent_too_long_is_let_go(cave: OldNick, house: House) -> None:
    await cave.sends("hello")
    await cave.socket.receive_str()
    (connection,) = house.node.hub.audience.strangers

    def is_let_go() -> bool:
        # An answer to a ping may still be on its way.
        connection.heard_at = float("-inf")
        return connection.closing is not None

    await until(is_let_go)
    assert await cave.is_closed() == 4408


async def test_a_server_that_stops_says_so(cave: OldNick, house: House) -> None:
    await cave.sends("hello")
    await cave.socket.receive_str()
    await house.node.let_go()
    assert await cave.is_closed() == 1001


async def test_an_echo_leaves_nothing_behind(cave: OldNick, house: House) -> None:
    await cave.sends("hello")
    await cave.socket.receive_str()
    await cave.leaves()
    assert await house.node.manager.value("SELECT count(*) FROM rooms") == 0
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE is_guest") == 0
