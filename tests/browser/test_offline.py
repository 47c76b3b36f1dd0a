"""The line breaks and comes back, and nothing is lost or said twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web
from playwright.async_api import Error, Route, expect
from playwright.async_api import TimeoutError as NotThere

from tests.browser.conftest import Meet
from tests.browser.history import write_lines
from tests.browser.person import GLANCE, PASSWORD, Person
from tests.browser.relay import Relay


@pytest.fixture
async def relay(site: str) -> AsyncIterator[Relay]:
    """The wire on which ines hangs."""
    async with Relay("127.0.0.1", int(site.rpartition(":")[2])) as relay:
        yield relay


@pytest.fixture
async def ines(saskia: Person, relay: Relay, meet: Meet) -> Person:
    """Somebody in the lobby whose wire can be cut."""
    ines = await meet("ines", at=f"http://127.0.0.1:{relay.port}")
    await ines.submits("/register", name="ines", password=PASSWORD)
    await ines.enters("lobby")
    await saskia.meets("ines")
    return ines


async def comes_back(ines: Person, relay: Relay) -> None:
    """The wire is whole, and nobody waits for the page's own next try, if that did not come first."""
    relay.mend()
    with suppress(NotThere):
        await ines.page.get_by_role("button", name="Try now").click(timeout=GLANCE)


async def test_offline_and_back_with_nothing_lost(saskia: Person, ines: Person, relay: Relay) -> None:
    await saskia.says("before")
    await ines.reads("before")
    await relay.cut()
    await expect(ines.page.locator(".banner")).to_contain_text("You can keep writing.")
    await ines.says("first of mine")
    await ines.says("second of mine")
    await expect(ines.page.locator(".banner")).to_contain_text("2 messages wait here")
    await expect(ines.waiting.first).to_contain_text("Waiting to send")
    await saskia.says("meanwhile")
    await saskia.says("and again")
    await saskia.reads("and again")
    await comes_back(ines, relay)
    await saskia.reads("second of mine")
    await ines.reads("and again")
    await expect(ines.page.locator(".banner")).to_have_count(0)
    await expect(ines.waiting).to_have_count(0)
    said = ["before", "meanwhile", "and again", "first of mine", "second of mine"]
    assert await saskia.words() == await ines.words() == said


async def test_what_waits_is_counted_before_the_next_try_is_over(ines: Person, relay: Relay) -> None:
    tries, told = asyncio.Event(), asyncio.Event()

    async def waits(route: Route) -> None:
        tries.set()
        await told.wait()
        # Where all is slow the page has given it up by itself.
        with suppress(Error):
            await route.abort()

    await ines.page.route("**/api/rooms/lobby/me", waits)
    await relay.cut()
    await tries.wait()
    await ines.says("first of mine")
    await expect(ines.page.locator(".banner")).to_contain_text("1 message waits here")
    told.set()


async def test_what_was_changed_meanwhile_is_changed(saskia: Person, ines: Person, relay: Relay) -> None:
    await saskia.says("one")
    await saskia.says("two")
    for person in (saskia, ines):
        await person.reads("two")
    await relay.cut()
    await expect(ines.page.locator(".banner")).to_be_visible()
    await saskia.presses("ArrowUp")
    await expect(saskia.composer).to_have_value("two")
    await saskia.says("two, changed")
    await saskia.takes("Remove", saskia.message("one"))
    await saskia.page.get_by_role("button", name="Remove", exact=True).click()
    await saskia.reads("Message removed")
    await comes_back(ines, relay)
    await ines.reads("two, changed")
    await ines.reads("Message removed by saskia")


async def test_what_waits_survives_a_reload(saskia: Person, ines: Person, relay: Relay) -> None:
    await relay.cut()
    await expect(ines.page.locator(".banner")).to_be_visible()
    await ines.says("kept")
    await expect(ines.waiting).to_have_count(1)
    relay.mend()
    await ines.page.reload()
    await saskia.reads("kept")
    await expect(ines.waiting).to_have_count(0)
    assert await ines.words() == ["kept"]


async def test_a_refused_message_stays_and_can_be_written_again(saskia: Person, mateo: Person) -> None:
    await mateo.page.locator("message-composer").evaluate("composer => { composer.dataset.limit = 9000 }")
    await mateo.says("x" * 4001)
    failed = mateo.log.locator(".message.failed")
    await expect(failed).to_contain_text("Not sent. 4,001 of at most 4,000 characters.")
    await failed.get_by_role("button", name="Edit").click()
    await mateo.says("shorter")
    await saskia.reads("shorter")
    await expect(mateo.waiting).to_have_count(0)


async def test_a_text_too_long_says_so_before_it_is_sent(mateo: Person) -> None:
    await mateo.composer.fill("x" * 4001)
    await expect(mateo.page.locator(".bound")).to_contain_text("4,001 of at most 4,000 characters")
    await mateo.presses("Enter")
    await expect(mateo.waiting).to_have_count(0)
    assert len(await mateo.composer.input_value()) == 4001


async def test_what_was_cleared_meanwhile_is_gone(saskia: Person, ines: Person, relay: Relay) -> None:
    await saskia.says("one")
    await ines.reads("one")
    await relay.cut()
    await saskia.says("/clear")
    await saskia.says("after the clearing")
    await saskia.reads("after the clearing")
    await comes_back(ines, relay)
    await ines.reads("after the clearing")
    await expect(ines.message("one")).to_have_count(0)


async def test_far_behind_the_window_is_fetched_again(
    saskia: Person, ines: Person, relay: Relay, app: web.Application
) -> None:
    await saskia.says("one")
    await ines.reads("one")
    await relay.cut()
    await ines.composer.fill("half a thou")
    await write_lines(app, saskia.name, 510)
    await comes_back(ines, relay)
    await ines.reads("line 509.")
    await expect(ines.message("one")).to_have_count(0)
    await expect(ines.composer).to_have_value("half a thou")
    await saskia.says("and on")
    await ines.reads("and on")
