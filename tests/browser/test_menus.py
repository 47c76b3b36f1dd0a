"""Menus at messages and at people: what they offer, and that each entry is the line one would type."""

from __future__ import annotations

import asyncio

from aiohttp import web
from playwright.async_api import Locator, Route, expect

from tests.browser.conftest import Meet
from tests.browser.history import write_lines
from tests.browser.person import PASSWORD, Person


def _menu(person: Person) -> Locator:
    return person.page.get_by_role("menu")


def _item(person: Person, words: str) -> Locator:
    return _menu(person).get_by_role("menuitem", name=words, exact=True)


async def _opens_menu_of(person: Person, text: str) -> None:
    await person.takes("More", person.message(text))


async def _opens_menu_at(person: Person, name: str) -> None:
    await person.page.locator("#people").get_by_role("button", name=name).click()


async def _all_see(words: str, *people: Person) -> None:
    """What is offered follows what each page itself has heard of."""
    for person in people:
        await person.sees(words)


async def test_a_moderator_rules_from_the_menu_of_a_message(saskia: Person, mateo: Person) -> None:
    for text in ("first", "second", "third"):
        await mateo.says(text)
        await saskia.reads(text)
    await _opens_menu_of(saskia, "first")
    assert await _menu(saskia).get_by_role("menuitem").all_inner_texts() == [
        "Pin", "Report…", "Remove message", "Mute…", "Kick…", "Ban…", "Purge from here",
    ]  # fmt: skip
    await _item(saskia, "Pin").click()
    await _all_see("saskia pinned a message", saskia, mateo)
    await _opens_menu_of(saskia, "first")
    await _item(saskia, "Unpin").click()
    await mateo.sees("saskia took a pin down")

    await saskia.composer.fill("half a thought")
    await _opens_menu_of(saskia, "first")
    await _item(saskia, "Mute…").click()
    await expect(saskia.composer).to_have_value("/mute @mateo 10m ")
    await expect(saskia.composer).to_be_focused()
    await saskia.page.keyboard.type("one is enough")
    await saskia.presses("Enter")
    await mateo.sees("saskia muted mateo until ")
    await expect(saskia.composer).to_have_value("half a thought")

    await _opens_menu_of(saskia, "first")
    await _item(saskia, "Remove message").click()
    await expect(mateo.message("Message removed by saskia")).to_have_count(1)
    await _opens_menu_of(saskia, "second")
    await _item(saskia, "Purge from here").click()
    await expect(mateo.message("Message removed by saskia")).to_have_count(3)
    await expect(saskia.composer).to_have_value("half a thought")


async def test_who_is_muted_is_let_speak_again_from_the_menu(saskia: Person, mateo: Person) -> None:
    await mateo.says("first")
    await saskia.reads("first")
    await saskia.says("/mute mateo 5m")
    await saskia.is_told("Muted @mateo until ")
    await saskia.sees("saskia muted mateo until ")
    await _opens_menu_of(saskia, "first")
    assert await _menu(saskia).get_by_role("menuitem").all_inner_texts() == [
        "Pin", "Report…", "Remove message", "Unmute", "Kick…", "Ban…", "Purge from here",
    ]  # fmt: skip
    await saskia.presses("Escape")
    await saskia.page.reload()
    await saskia.is_here()
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Unmute")).to_be_visible()
    await expect(_item(saskia, "Mute…")).to_have_count(0)
    await saskia.presses("Escape")
    await _opens_menu_of(saskia, "first")
    await _item(saskia, "Unmute").click()
    await _all_see("saskia lets mateo speak again", saskia, mateo)
    await _opens_menu_of(saskia, "first")
    await expect(_item(saskia, "Mute…")).to_be_visible()
    await expect(_item(saskia, "Unmute")).to_have_count(0)


async def test_a_member_is_offered_what_a_member_may(saskia: Person, mateo: Person) -> None:
    await saskia.says("buy things")
    await mateo.reads("buy things")
    await _opens_menu_of(mateo, "buy things")
    assert await _menu(mateo).get_by_role("menuitem").all_inner_texts() == ["Report…"]
    await _item(mateo, "Report…").click()
    await mateo.page.keyboard.type("an advertisement")
    await mateo.presses("Enter")
    await mateo.is_told("Reported.")
    await _opens_menu_at(mateo, "saskia")
    assert await _menu(mateo).get_by_role("menuitem").all_inner_texts() == [
        "Mention", "Message", "Who is this", "Ignore",
    ]  # fmt: skip
    await _item(mateo, "Who is this").click()
    await mateo.is_told("@saskia")
    await mateo.says("mine")
    await mateo.reads("mine")
    await mateo.log.focus()
    await mateo.presses("ArrowUp")
    await expect(mateo.message("mine").get_by_role("button", name="Reply")).to_be_visible()
    await expect(mateo.message("mine").get_by_role("button", name="More")).to_have_count(0)


async def test_the_people_list_offers_what_fits_somebody(saskia: Person, mateo: Person) -> None:
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Unmute")).to_have_count(0)
    await _item(saskia, "Make a moderator").click()
    await _all_see("saskia made mateo a moderator", saskia, mateo)
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Make a moderator")).to_have_count(0)
    await _item(saskia, "Make a member again").click()
    await _all_see("saskia made mateo a member again", saskia, mateo)
    await _opens_menu_at(saskia, "mateo")
    await _item(saskia, "Mute…").click()
    await saskia.presses("Enter")
    await mateo.sees("saskia muted mateo until ")
    await saskia.says("/clear")
    await saskia.sees("saskia cleared the room")
    await saskia.page.reload()
    await saskia.is_here()
    await _opens_menu_at(saskia, "mateo")
    await _item(saskia, "Unmute").click()
    await mateo.sees("saskia lets mateo speak again")
    await saskia.says("/moderated on")
    await _all_see("saskia lets only those with a voice post", saskia, mateo)
    await _opens_menu_at(saskia, "mateo")
    await _item(saskia, "Give a voice").click()
    await _all_see("saskia gave mateo a voice", saskia, mateo)
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Take the voice")).to_be_visible()


async def test_what_was_so_before_the_page_was_opened_is_known(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await mateo.says("to be kept")
    await saskia.reads("to be kept")
    seq = await saskia.message("to be kept").get_attribute("data-seq")
    await saskia.says("/moderated on")
    await saskia.says("/voice mateo")
    await mateo.sees("saskia gave mateo a voice")
    await saskia.says("/mute mateo 1h")
    await mateo.sees("saskia muted mateo until ")
    await write_lines(app, saskia.name, 200)
    await saskia.says(f"/pin {seq}")
    await mateo.sees("saskia pinned a message")
    await saskia.opens(f"/rooms/lobby?at={seq}")
    await saskia.is_here()
    await expect(saskia.event("saskia pinned a message")).to_have_count(0)
    await _opens_menu_of(saskia, "to be kept")
    await expect(_item(saskia, "Unpin")).to_be_visible()
    await saskia.presses("Escape")
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Take the voice")).to_be_visible()
    await _item(saskia, "Unmute").click()
    await mateo.sees("saskia lets mateo speak again")
    # Further up in the past the line itself is not drawn; what was said after it is heard after it.
    await saskia.says("/topic Glazes")
    await expect(saskia.page.locator(".head .topic")).to_have_text("Glazes")
    await _opens_menu_at(saskia, "mateo")
    await expect(_item(saskia, "Mute…")).to_be_visible()
    await expect(_item(saskia, "Unmute")).to_have_count(0)


async def test_a_link_into_the_past_offers_what_is_so_now(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await mateo.says("not to be kept")
    await saskia.reads("not to be kept")
    seq = await saskia.message("not to be kept").get_attribute("data-seq")
    await saskia.says(f"/pin {seq}")
    await mateo.sees("saskia pinned a message")
    await write_lines(app, saskia.name, 200)
    await saskia.says(f"/unpin {seq}")
    await mateo.sees("saskia took a pin down")
    await saskia.opens(f"/rooms/lobby?at={seq}#m{seq}")
    await saskia.is_here()
    await saskia.sees("saskia pinned a message")
    await _opens_menu_of(saskia, "not to be kept")
    await expect(_item(saskia, "Pin")).to_be_visible()
    await expect(_item(saskia, "Unpin")).to_have_count(0)


async def test_menus_are_walked_by_keys_and_put_away(saskia: Person, mateo: Person) -> None:
    await mateo.says("a word")
    await saskia.reads("a word")
    await saskia.composer.press("Shift+Tab")
    await saskia.log.focus()
    await saskia.presses("ArrowUp")
    await expect(saskia.message("a word").get_by_role("button", name="More")).to_be_visible()
    await saskia.presses("Enter", "ArrowLeft", "Enter")
    await expect(_item(saskia, "Pin")).to_be_focused()
    await saskia.presses("ArrowDown", "ArrowDown", "End")
    await expect(_item(saskia, "Purge from here")).to_be_focused()
    await saskia.presses("k")
    await expect(_item(saskia, "Kick…")).to_be_focused()
    await saskia.presses("Escape")
    await expect(_menu(saskia)).to_have_count(0)
    await expect(saskia.message("a word").get_by_role("button", name="More")).to_be_focused()
    await saskia.presses("Enter", "b", "Enter")
    await expect(saskia.composer).to_have_value("/ban @mateo ")


async def test_menus_work_by_touch(saskia: Person, meet: Meet) -> None:
    phone = await meet("yuki", viewport={"width": 375, "height": 760}, has_touch=True, is_mobile=True)
    await phone.submits("/register", name="yuki", password=PASSWORD)
    await phone.enters("lobby")
    await phone.page.get_by_role("button", name="People").tap()
    await phone.page.locator("#sheet").get_by_role("button", name="saskia").tap()
    await _item(phone, "Who is this").tap()
    await phone.page.locator("#sheet").get_by_role("button", name="Close").tap()
    await phone.is_told("@saskia")


async def test_the_tools_of_a_message_are_all_there_as_soon_as_the_commands_are_known(
    saskia: Person, early: Person, known: asyncio.Event
) -> None:
    await saskia.says("a word")
    await early.reads("a word")
    await early.log.focus()
    await early.presses("ArrowUp")
    tools = early.message("a word").get_by_role("toolbar")
    await expect(tools.get_by_role("button", name="Reply")).to_be_visible()
    await expect(tools.get_by_role("button", name="More")).to_have_count(0)
    known.set()
    await expect(tools.get_by_role("button", name="More")).to_be_visible()


async def test_a_menu_waits_for_the_commands_it_is_made_of(
    saskia: Person, early: Person, known: asyncio.Event
) -> None:
    await _opens_menu_at(early, "saskia")
    known.set()
    await expect(_item(early, "Who is this")).to_be_visible()


async def test_a_menu_that_waited_offers_what_fits_by_then(
    saskia: Person, mateo: Person, meet: Meet, known: asyncio.Event
) -> None:
    async def waits(route: Route) -> None:
        await known.wait()
        await route.continue_()

    again = await meet("saskia")
    await again.submits("/login", name="saskia", password=PASSWORD)
    await again.page.route("**/api/commands?*", waits)
    await again.enters("lobby")
    await _opens_menu_at(again, "mateo")
    await saskia.says("/op @mateo")
    await again.sees("saskia made mateo a moderator")
    known.set()
    await expect(_item(again, "Make a member again")).to_be_visible()
    await expect(_item(again, "Make a moderator")).to_have_count(0)


async def test_an_open_menu_goes_along_with_its_message(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await write_lines(app, mateo.name, 40)
    await saskia.reads("line 39.")
    await _opens_menu_of(saskia, "line 38.")
    await mateo.says("one more")
    await expect(saskia.message("one more")).to_be_in_viewport()
    await _item(saskia, "Pin").click()
    await mateo.sees("saskia pinned a message")


async def test_a_press_on_somebody_counts_though_somebody_comes_meanwhile(
    saskia: Person, mateo: Person, meet: Meet
) -> None:
    await saskia.page.locator("#people").get_by_role("button", name="mateo").hover()
    await saskia.page.mouse.down()
    yuki = await meet("yuki")
    await yuki.submits("/register", name="yuki", password=PASSWORD)
    await yuki.enters("lobby")
    await saskia.meets("yuki")
    await saskia.page.mouse.up()
    await expect(_item(saskia, "Mention")).to_be_visible()
