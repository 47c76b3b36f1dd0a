"""How people say they are, as everybody's page shows it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person
from tests.browser.test_access import PHONE, looks
from tests.browser.test_notify import is_told, listens


def line_of(viewer: Person, name: str) -> Locator:
    """Somebody's line among the people."""
    return viewer.page.locator("#people li").filter(has=viewer.page.get_by_text(name, exact=True))


async def test_who_is_away_is_seen_so_until_they_are_back(saskia: Person, mateo: Person) -> None:
    await mateo.says("/away lunch")
    await mateo.is_told("You are away: lunch.")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_text("away: lunch")
    await expect(line_of(saskia, "mateo").locator(".here-dot.away")).to_have_count(1)
    own = mateo.page.locator(".composer .own")
    await expect(own).to_contain_text("Away: lunch")
    await mateo.page.reload()
    await mateo.is_here()
    await expect(own).to_contain_text("Away: lunch")
    await saskia.page.reload()
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_text("away: lunch")
    await own.get_by_role("button", name="I am back").click()
    await expect(own).to_be_hidden()
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_count(0)


async def test_a_status_is_shown_and_taken_back(saskia: Person, mateo: Person) -> None:
    await mateo.says("/status 🌴 By the sea --for 2h")
    await mateo.is_told("Your status until")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_text("🌴 By the sea")
    own = mateo.page.locator(".composer .own")
    await expect(own).to_contain_text(re.compile(r"🌴 By the sea until \d\d:\d\d"))
    await own.get_by_role("button", name="Clear").click()
    await expect(own).to_be_hidden()
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_count(0)


async def test_an_answer_that_comes_late_takes_back_nothing(saskia: Person, mateo: Person) -> None:
    shown, answered, late = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def waits(route: Route) -> None:
        await shown.wait()
        answer = await route.fetch()
        answered.set()
        await late.wait()
        await route.fulfill(response=answer)

    await saskia.says("/op @mateo")
    await saskia.sees("made mateo a moderator")
    await mateo.opens("/rooms")
    await expect(saskia.page.locator("#people .away")).to_contain_text("mateo")
    await saskia.page.reload()
    await saskia.is_here()
    await saskia.page.route("**/api/rooms/lobby/here", waits)
    await mateo.enters("lobby")
    await mateo.says("/status By the sea")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_text("By the sea")
    shown.set()
    await answered.wait()
    await mateo.says("/status clear")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_count(0)
    late.set()
    await expect(saskia.page.get_by_role("list", name="Moderators")).to_contain_text("mateo")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_count(0)


async def test_an_open_page_stops_showing_what_has_run_out(saskia: Person, mateo: Person) -> None:
    await saskia.page.clock.install()
    await saskia.page.reload()
    await saskia.is_here()
    await mateo.says("/dnd for 1h")
    await expect(line_of(saskia, "mateo").locator(".says")).to_contain_text("do not disturb until")
    await saskia.page.clock.fast_forward("01:00:05")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_count(0)


async def test_the_title_counts_nothing_for_who_is_not_to_be_disturbed(saskia: Person, mateo: Person) -> None:
    await mateo.page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    await mateo.says("/dnd")
    await mateo.is_told("Nothing disturbs you.")
    await saskia.says("@mateo are you there?")
    await mateo.reads("are you there?")
    await expect(mateo.page).to_have_title(re.compile(r"^(?!\()"))
    await mateo.says("/back")
    await mateo.is_told("You are back.")
    await expect(mateo.page).to_have_title(re.compile(r"^\(1\) "))


async def test_without_scripts_it_is_read_too(saskia: Person, mateo: Person) -> None:
    await mateo.says("/away lunch")
    await expect(line_of(saskia, "mateo").locator(".says")).to_have_text("away: lunch")
    page = await (await mateo.context.request.get(f"{mateo.site}/rooms/lobby")).text()
    assert '<span class="says">away: lunch</span>' in page.partition("<member-list")[2]
    assert '<span class="says">away: lunch</span>' in page.partition("<message-composer")[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(
    saskia: Person, mateo: Person, meet: Meet, scheme: str, screen: dict[str, Any]
) -> None:
    await saskia.says("/status 🌴 By the sea, where a line is longer than the list of people has room for")
    await saskia.is_told("Your status")
    await mateo.says("noise")
    await saskia.says("a word")
    yuki = await meet("yuki", color_scheme=scheme, **screen)
    await yuki.submits("/register", name="yuki", password=PASSWORD)
    await yuki.enters("lobby")
    await yuki.says("/ignore mateo")
    await yuki.is_told("You do not hear")
    await yuki.says("/dnd for 2h")
    await yuki.is_told("Nothing disturbs you")
    await yuki.says("/status Reading")
    await yuki.is_told("Your status")
    found = await looks(yuki)
    await yuki.log.locator(".fold.unheard").get_by_role("button").click()
    assert found + await looks(yuki) == []
    assert not await yuki.page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def test_the_browser_tells_nothing_to_who_is_not_to_be_disturbed(saskia: Person, mateo: Person) -> None:
    await listens(mateo)
    await mateo.says("/dnd")
    await mateo.is_told("Nothing disturbs you.")
    await expect(mateo.page.locator(".composer .own")).to_contain_text("Do not disturb")
    await saskia.says("@mateo first")
    await mateo.reads("first")
    await is_told(mateo.page)
    await mateo.says("/back")
    await expect(mateo.page.locator(".composer .own")).to_be_hidden()
    await saskia.says("@mateo second")
    await is_told(mateo.page, "saskia in #lobby: @mateo second")
