"""A site on a port of its own, a browser, and people who use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Route, async_playwright, expect
from pytest_aiohttp import AiohttpServer

from aiochat.settings import Settings
from aiochat.welcome import setup_token
from tests import programs
from tests.browser.person import PASSWORD, Person
from tests.stage import quick_passwords

__all__ = ["quick_passwords"]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
DESKTOP = {"width": 1280, "height": 880}

Meet = Callable[..., Awaitable[Person]]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, once for all."""
    program = programs.find("chromium")
    assert program is not None
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture
async def site(quick_passwords: None, aiohttp_server: AiohttpServer, app: web.Application) -> str:
    """The address of a running site that nobody has set up yet."""
    server = await aiohttp_server(app)
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
async def meet(browser: Browser, site: str) -> AsyncIterator[Meet]:
    """Sit somebody down in front of a browser of their own. In the end nobody's page may have complained."""
    people: list[Person] = []
    async with AsyncExitStack() as stack:

        async def sit_down(name: str, *, at: str = site, **options: Any) -> Person:
            context = await browser.new_context(**{"viewport": DESKTOP, **options})
            context.set_default_timeout(PATIENCE)
            person = Person(context, await context.new_page(), at, name)
            stack.push_async_callback(person.leaves)
            people.append(person)
            return person

        yield sit_down
    assert [fault for person in people for fault in person.faults] == []


@pytest.fixture
async def saskia(meet: Meet, settings: Settings) -> Person:
    """The admin: she has set the site up, open to everybody, and is in its lobby."""
    saskia = await meet("saskia")
    await saskia.submits(
        f"/setup/{setup_token(settings)}",
        site="Night Kiln",
        name=saskia.name,
        password=PASSWORD,
        registration="open",
    )
    await saskia.enters("lobby")
    return saskia


@pytest.fixture
async def mateo(meet: Meet, saskia: Person) -> Person:
    """Somebody with an account, in the lobby, and saskia knows."""
    mateo = await meet("mateo")
    await mateo.submits("/register", name=mateo.name, password=PASSWORD)
    await mateo.enters("lobby")
    await saskia.meets("mateo")
    return mateo


@pytest.fixture
async def known() -> AsyncIterator[asyncio.Event]:
    """Set: from now on the early one's browser is told which commands there are."""
    known = asyncio.Event()
    yield known
    known.set()


@pytest.fixture
async def early(meet: Meet, saskia: Person, known: asyncio.Event) -> Person:
    """Somebody whose first page of the lobby does not know the commands yet."""

    async def waits(route: Route) -> None:
        await known.wait()
        await route.continue_()

    early = await meet("yuki")
    await early.page.route("**/api/commands?*", waits)
    await early.submits("/register", name=early.name, password=PASSWORD)
    await early.enters("lobby")
    return early
