"""Everybody can use it: by keyboard alone, on a phone, and as axe sees it."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person

PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 760}, "has_touch": True, "is_mobile": True}
PAGES = ("/login", "/rooms", "/rooms#new", "/rooms/lobby", "/me", "/rooms/nowhere")


async def looks(person: Person) -> list[str]:
    """What axe finds on the page as it stands."""
    found = await Axe().run(person.page)
    return [
        f"{person.page.url}: {violation['help']}: {violation['nodes'][0]['html']}"
        for violation in found.response["violations"]
    ]


async def talk(saskia: Person) -> None:
    """Something of everything in the lobby."""
    await saskia.says("@yuki `code`, https://example.org and\n```python\nprint(1)\n```")
    await saskia.says("/topic Glazes")
    await saskia.says("/me waves")
    await saskia.is_told("topic")
    await saskia.reads("waves")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(saskia: Person, meet: Meet, scheme: str, screen: dict[str, Any]) -> None:
    await talk(saskia)
    yuki = await meet("yuki", color_scheme=scheme, **screen)
    await yuki.opens("/login")
    found = await looks(yuki)
    await yuki.submits("/register", name="yuki", password=PASSWORD)
    for path in PAGES[1:]:
        await yuki.opens(path)
        found += await looks(yuki)
        sideways = await yuki.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not sideways, path
    await yuki.enters("lobby")
    await yuki.composer.fill("/")
    await expect(yuki.menu.get_by_role("option").first).to_be_visible()
    await yuki.composer.press("ArrowDown")
    found += await looks(yuki)
    await yuki.composer.fill("/help k")
    found += await looks(yuki)
    assert found == []


async def test_the_log_is_walked_from_message_to_message(saskia: Person) -> None:
    for text in ("one", "two", "three"):
        await saskia.says(text)
    await saskia.reads("three")
    await saskia.log.focus()
    await saskia.presses("ArrowUp")
    await expect(saskia.message("three")).to_be_focused()
    await saskia.presses("ArrowUp")
    await expect(saskia.message("two")).to_be_focused()
    await saskia.presses("Home")
    await expect(saskia.message("one")).to_be_focused()
    await saskia.presses("Enter")
    await expect(saskia.page.get_by_role("button", name="Reply")).to_be_focused()
    await saskia.presses("ArrowRight")
    await expect(saskia.page.get_by_role("button", name="Edit")).to_be_focused()
    await saskia.presses("Escape", "Escape")
    await expect(saskia.composer).to_be_focused()


async def test_single_letters_work_on_a_message_only(saskia: Person) -> None:
    await saskia.says("one")
    await saskia.reads("one")
    await saskia.log.focus()
    await saskia.presses("r")
    await expect(saskia.page.locator(".bound")).to_be_hidden()
    await saskia.presses("ArrowUp", "r")
    await expect(saskia.page.locator(".bound")).to_contain_text("Reply to saskia: one")
    await saskia.page.keyboard.type("re?")
    await expect(saskia.composer).to_have_value("re?")


async def test_f6_walks_the_parts_of_the_page(saskia: Person) -> None:
    await saskia.composer.focus()
    await saskia.presses("F6")
    assert await saskia.page.evaluate("document.activeElement.closest('#people') !== null")
    await saskia.presses("F6")
    assert await saskia.page.evaluate("document.activeElement.closest('.index') !== null")
    await saskia.presses("F6")
    await expect(saskia.log).to_be_focused()
    await saskia.presses("F6")
    await expect(saskia.composer).to_be_focused()


async def test_the_keys_are_listed_under_a_question_mark(saskia: Person) -> None:
    await saskia.log.focus()
    await saskia.presses("?")
    await expect(saskia.page.get_by_role("dialog", name="Keys")).to_be_visible()
    await saskia.presses("Escape")
    await expect(saskia.log).to_be_focused()


async def test_alt_and_an_arrow_opens_the_next_room(saskia: Person) -> None:
    await saskia.makes("kiln")
    await saskia.presses("Alt+ArrowDown")
    await saskia.page.wait_for_url("**/rooms/lobby")


async def test_on_a_phone_the_index_is_a_page_and_people_a_sheet(saskia: Person, meet: Meet) -> None:
    yuki = await meet("yuki", **PHONE)
    await yuki.submits("/register", name="yuki", password=PASSWORD)
    await yuki.enters("lobby")
    await expect(yuki.page.locator("#people")).to_be_hidden()
    await yuki.page.get_by_role("button", name="People").tap()
    sheet = yuki.page.get_by_role("dialog")
    await expect(sheet).to_contain_text("saskia")
    await sheet.get_by_role("button", name="saskia").tap()
    await sheet.get_by_role("menuitem", name="Mention").tap()
    await expect(sheet).to_be_hidden()
    await expect(yuki.composer).to_have_value("@saskia ")
    await yuki.page.get_by_role("link", name="Rooms", exact=True).tap()
    await expect(yuki.page.get_by_role("navigation", name="Rooms")).to_be_visible()
    await expect(yuki.page.locator("#all")).to_be_hidden()
    await yuki.page.get_by_role("link", name="All rooms, or make one").tap()
    await expect(yuki.page.locator("#all")).to_be_visible()
