"""What a site tells over HTTP, and words posted without a socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from aiochat.client import Pauses, Refused, Site, Unreachable, comes_back
from aiochat.client.events import Message
from chaos.wire import DOWN, Wire
from tests.client import AT_ONCE, site_of
from tests.people import House, Person

ALONE = """
import sys
import aiochat.client
from aiochat.client import Site
ours = ("accounts", "chat", "helpers", "peewee", "redis", "psycopg", "click", "jinja2", "aiohttp_session")
packages = {name.split(".")[0] for name in sys.modules}
modules = {name for name in sys.modules if name.startswith("aiochat.")} - {"aiochat.client"}
print(sorted(packages.intersection(ours)), [name for name in modules if not name.startswith("aiochat.client.")])
"""


async def test_rooms_commands_and_pages_are_told(house: House, alice: Person, bob: Person) -> None:
    await bob.enters()
    for number in range(5):
        await bob.says(str(number))
    async with site_of(house, alice) as site:
        assert [room["slug"] for room in await site.rooms()] == ["lobby"]
        assert "who" in [command["name"] for command in await site.commands("lobby")]
        assert "kill" not in [command["name"] for command in await site.commands()]
        assert (await site.me("lobby"))["name"] == "alice"
        page = await site.messages("lobby", limit=2)
        assert [entry.text for entry in page.entries if isinstance(entry, Message)] == ["3", "4"]
        assert (page.complete, page.epoch) == (False, house.node.epoch)
        first = page.entries[0]
        assert isinstance(first, Message)
        before = await site.messages("lobby", before=first.seq, limit=1)
        assert [entry.text for entry in before.entries if isinstance(entry, Message)] == ["2"]


async def test_a_post_is_tried_until_it_is_answered_and_said_once(
    house: House, alice: Person, wire: Wire
) -> None:
    async with site_of(house, alice, wire) as site:
        await site.rooms()
        wire.cut_after(DOWN, 20)
        ack = await site.post("lobby", "build green", pauses=Pauses(**AT_ONCE))
        assert ack.duplicate
        assert (await site.post("lobby", "/who")).text.startswith("0 here")
    assert [text for _, kind, text in await house.log() if kind == "message"] == ["build green"]


async def test_a_post_that_is_refused_is_not_tried_again(house: House, alice: Person) -> None:
    async with site_of(house, alice) as site:
        with pytest.raises(Refused) as refused:
            await site.post("lobby", "")
        assert (refused.value.code, refused.value.field, refused.value.status) == ("empty", "text", 400)


async def test_flood_control_is_waited_for(house: House, alice: Person) -> None:
    async with site_of(house, alice) as site:
        for number in range(22):
            await site.post("lobby", str(number))
        page = await site.messages("lobby")
    said = [entry.text for entry in page.entries if isinstance(entry, Message)]
    assert said == [str(number) for number in range(22)]


async def test_nobody_there_is_told_after_a_while(house: House, alice: Person, wire: Wire) -> None:
    await wire.close()
    async with site_of(house, alice, wire) as site:
        with pytest.raises(Unreachable):
            await site.post("lobby", "hi", within=0.3, pauses=Pauses(**AT_ONCE))


async def test_something_else_at_that_address_is_told(house: House, alice: Person) -> None:
    async with site_of(house, alice) as site:
        site.url += "/static"
        with pytest.raises(Refused) as refused:
            await site.rooms()
        assert refused.value.status == 404


async def test_a_token_of_no_use_is_told(house: House, alice: Person) -> None:
    async with Site(f"http://127.0.0.1:{house.servers[0].port}", "ach_nobody") as site:
        with pytest.raises(Refused) as refused:
            async with site.room("lobby"):
                raise AssertionError("it opened")
    assert refused.value.code == "bad_token"
    for token in ("", "two\nlines", "schlüssel"):
        with pytest.raises(ValueError, match="token"):
            Site("http://127.0.0.1", token)


def test_from_4500_on_nobody_comes_back() -> None:
    codes = [
        1000,
        1001,
        1002,
        1003,
        1005,
        1006,
        1007,
        1008,
        1009,
        1010,
        1011,
        1012,
        1013,
        1014,
        4000,
        4413,
        4499,
    ]
    assert [code for code in codes if comes_back(code)] == [
        1001,
        1005,
        1006,
        1011,
        1012,
        1013,
        1014,
        4000,
        4413,
        4499,
    ]
    assert not [code for code in range(4500, 5000) if comes_back(code)]


def test_pauses_grow_and_are_short_again() -> None:
    pauses = Pauses(1.0, 4.0)
    bounds = []
    for _ in range(4):
        bounds.append(pauses._bound)
        assert 0 <= pauses.next() <= bounds[-1]
    assert bounds == [1.0, 2.0, 4.0, 4.0]
    pauses.reset()
    assert pauses.next() <= 1.0


async def test_the_library_needs_nothing_of_the_server() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ALONE, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    assert said.decode().strip() == "[] []"


@pytest.mark.parametrize(
    "url", ["chat.example.org", "localhost:8080", "ws://chat.example.org", "http://", "http://x:y"]
)
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Site(url, "ach_x")
