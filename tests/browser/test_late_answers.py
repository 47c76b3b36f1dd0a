"""What a page asked for comes late, and takes nothing back of what its line has told meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from playwright.async_api import Route, WebSocketRoute, expect

from tests.browser.history import write_lines
from tests.browser.person import LONG, Person

OLDER = re.compile(r"/api/rooms/lobby/messages\?before=")
LATEST = re.compile(r"/api/rooms/lobby/messages\?limit=")
# An answer that is asked for now is there after every one that was given before.
ASKED_AGAIN = "() => fetch('/api/rooms/lobby/me').then((answer) => answer.json())"


class Late:
    """The answer to what is asked for is there: it is `made` as things are, and `comes` when it may."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.comes = asyncio.Event()
        self.came = asyncio.Event()

    async def is_made(self) -> bool:
        return self.made.is_set()

    async def wait(self, route: Route) -> None:
        answer = await route.fetch()
        self.made.set()
        await self.comes.wait()
        await route.fulfill(response=answer)
        self.came.set()


async def scrolls_back(person: Person, until: Callable[[], Awaitable[bool]]) -> None:
    """To the top. What comes in at the end in the same moment may take one there, so it is done more than once."""
    async with asyncio.timeout(LONG):
        while not await until():
            await person.log.evaluate("log => { log.scrollTop = 0 }")
            await person.page.wait_for_timeout(50)


@pytest.fixture
async def late() -> AsyncIterator[Late]:
    late = Late()
    yield late
    late.comes.set()


async def test_what_is_edited_while_an_older_page_comes_is_edited_there(
    saskia: Person, mateo: Person, app: web.Application, late: Late
) -> None:
    await mateo.says("Sinse noon.")
    await saskia.reads("Sinse noon.")
    seq = await saskia.message("Sinse noon.").get_attribute("data-seq")
    await write_lines(app, saskia.name, 60)
    await saskia.page.route(OLDER, late.wait)
    await saskia.enters("lobby")
    await scrolls_back(saskia, late.is_made)
    await mateo.opens(f"/rooms/lobby?at={seq}#m{seq}")
    await mateo.takes("Edit", mateo.message("Sinse noon."))
    await mateo.says("Since noon.")
    await expect(mateo.message("Since noon.").locator(".edited")).to_be_visible()
    await mateo.says("That is all.")
    await saskia.reads("That is all.")
    late.comes.set()
    await saskia.reads("Since noon.")
    await expect(saskia.message("Sinse noon.")).to_have_count(0)


async def test_what_is_cleared_while_an_older_page_comes_stays_away(
    saskia: Person, app: web.Application, late: Late
) -> None:
    await write_lines(app, saskia.name, 60)
    await saskia.page.route(OLDER, late.wait)
    await saskia.enters("lobby")
    await scrolls_back(saskia, late.is_made)
    await saskia.says("/clear")
    await saskia.sees("saskia cleared the room")
    late.comes.set()
    async with asyncio.timeout(LONG):
        await late.came.wait()
    await saskia.page.evaluate(ASKED_AGAIN)
    await expect(saskia.messages).to_have_count(0)


async def test_the_rule_above_what_was_new_stays_when_an_older_page_comes(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    sent: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def begins() -> bool:
        return bool(await saskia.message("line 0.").count())

    await write_lines(app, saskia.name, 60)
    await saskia.opens("/rooms")
    await mateo.says("new to her")
    await mateo.reads("new to her")
    saskia.page.on("websocket", lambda line: line.on("framesent", sent.put_nowait))
    await saskia.enters("lobby")
    async with asyncio.timeout(LONG):
        while '"read"' not in str(await sent.get()):
            pass
    await scrolls_back(saskia, begins)
    await expect(saskia.page.get_by_role("separator", name="New messages below")).to_have_count(1)


async def test_what_one_says_from_the_past_stands_there_once(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    said = asyncio.Event()

    async def waits(route: Route) -> None:
        await said.wait()
        await route.continue_()

    def is_acknowledged_first(line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        behind: list[str | bytes] = []

        def hears(told: str | bytes) -> None:
            frame = json.loads(told)
            if frame["type"] == "message" and "nonce" in frame and not said.is_set():
                return behind.append(told)
            line.send(told)
            if frame["type"] == "ack":
                said.set()
                for message in behind:
                    line.send(message)
            return None

        server.on_message(hears)

    await saskia.says("the one")
    await saskia.reads("the one")
    seq = await saskia.message("the one").get_attribute("data-seq")
    await write_lines(app, mateo.name, 200)
    await saskia.page.route(LATEST, waits)
    await saskia.page.route_web_socket("**/rooms/lobby/ws", is_acknowledged_first)
    await saskia.opens(f"/rooms/lobby?at={seq}#m{seq}")
    await saskia.is_here()
    await saskia.says("after all")
    await saskia.reads("after all")
    await expect(saskia.waiting).to_have_count(0)
