"""The menu that opens on a slash, by keyboard and by touch."""

import asyncio
import re

from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person

# Where the words of each part of a row stand: left, top, right, bottom; all of one moment.
BOXES = """row => [".name", ".does", ".who"].map((part) => {
    const words = document.createRange()
    words.selectNodeContents(row.querySelector(part))
    const { left, top, right, bottom } = words.getBoundingClientRect()
    return [left, top, right, bottom]
})"""


async def test_it_opens_on_a_slash_in_the_first_column_only(saskia: Person) -> None:
    await saskia.types("/")
    await expect(saskia.menu).to_be_visible()
    await expect(saskia.composer).to_have_attribute("aria-controls", "commands")
    await saskia.composer.fill("either/or")
    await expect(saskia.menu).to_be_hidden()
    await expect(saskia.composer).not_to_have_attribute("aria-controls", "commands")
    await saskia.composer.fill("//not a command")
    await expect(saskia.menu).to_be_hidden()


async def test_who_types_before_the_commands_are_known_sees_them_when_they_are(
    saskia: Person, early: Person, known: asyncio.Event
) -> None:
    await early.types("/wh")
    await expect(early.menu).to_be_hidden()
    known.set()
    await expect(early.menu.get_by_role("option").filter(has_text="/whois")).to_be_visible()


async def test_it_lists_what_one_may_run(saskia: Person, mateo: Person) -> None:
    await saskia.types("/")
    await expect(saskia.menu.get_by_role("option").filter(has_text="/kill")).to_have_count(1)
    await mateo.types("/")
    await expect(mateo.menu.get_by_role("option").filter(has_text="/whois")).to_have_count(1)
    await expect(mateo.menu.get_by_role("option").filter(has_text="/kill")).to_have_count(0)


async def test_tab_fills_in_the_command_and_then_the_person(saskia: Person, mateo: Person) -> None:
    await saskia.types("/ki")
    await expect(saskia.menu).to_be_visible()
    await saskia.presses("Tab")
    await expect(saskia.composer).to_have_value("/kill ")
    await expect(saskia.menu.locator(".usage .now")).to_have_text("@user")
    await expect(saskia.menu.get_by_role("option", selected=True)).to_contain_text("mateo")
    await expect(saskia.menu.locator("[aria-disabled=true]")).to_contain_text("that would be you")
    await saskia.page.keyboard.type("@ma")
    await saskia.presses("Tab")
    await expect(saskia.composer).to_have_value("/kill @mateo ")
    await expect(saskia.menu.locator(".usage .now")).to_have_text("[reason]")
    await saskia.page.keyboard.type("too loud")
    await saskia.presses("Enter")
    await saskia.sees("saskia removed mateo from the room")


async def test_each_place_of_a_line_offers_what_may_stand_there(saskia: Person, mateo: Person) -> None:
    options = saskia.menu.get_by_role("option")
    now = saskia.menu.locator(".usage .now")
    await saskia.types("/ban @mateo ")
    await expect(now).to_have_text("[10m…90d|forever]")
    assert await options.locator(".name").all_inner_texts() == ["1h", "1d", "7d", "30d", "forever"]
    await expect(saskia.menu.get_by_role("status")).to_have_text("5 choices")
    await saskia.page.keyboard.type("7d ")
    await expect(now).to_have_text("[reason]")
    await saskia.page.keyboard.type("--")
    await saskia.presses("Tab")
    await expect(saskia.composer).to_have_value("/ban @mateo 7d --purge ")
    assert await options.locator(".name").all_inner_texts() == ["1h", "1d", "7d", "30d", "all"]
    await saskia.page.keyboard.type("all ")
    await expect(now).to_have_text("[reason]")
    await expect(options).to_have_count(0)
    await saskia.composer.fill("")
    await saskia.types("/purge ")
    await expect(options.filter(has_text="mateo")).to_have_count(1)
    await expect(options.filter(has_text="from")).to_have_count(1)
    await expect(saskia.menu.locator(".usage")).to_have_text("/purge N|@user [N|1h]|from <link>")
    await saskia.composer.fill("")
    await saskia.types("/slowmode ")
    await expect(options.filter(has_text="off")).to_have_count(1)
    await expect(options.filter(has_text="30 seconds")).to_have_count(1)


async def test_enter_sends_unless_the_arrows_have_chosen(saskia: Person) -> None:
    await saskia.types("/who")
    await saskia.presses("Enter")
    await saskia.is_told("here in #lobby")
    await saskia.types("/")
    first = await saskia.menu.get_by_role("option", selected=True).get_attribute("id")
    await saskia.presses("ArrowDown")
    chosen = saskia.menu.get_by_role("option", selected=True)
    second = await chosen.get_attribute("id")
    assert first != second
    assert await saskia.composer.get_attribute("aria-activedescendant") == second
    await saskia.presses("Enter")
    assert second is not None
    await expect(saskia.composer).to_have_value(f"/{second.removeprefix('c-')} ")


async def test_what_the_arrows_have_chosen_stays_chosen_when_there_are_more_commands(
    saskia: Person, mateo: Person
) -> None:
    await mateo.types("/")
    await expect(mateo.menu).to_be_visible()
    await mateo.presses("ArrowDown", "ArrowDown")
    chosen = await mateo.menu.get_by_role("option", selected=True).get_attribute("id")
    assert chosen is not None
    await saskia.says("/op @mateo")
    await expect(mateo.menu.locator("#c-kill")).to_have_count(1)
    await mateo.presses("Enter")
    await expect(mateo.composer).to_have_value(re.compile(f"^/{chosen.removeprefix('c-')} ?$"))


async def test_escape_closes_it_and_keeps_the_text(saskia: Person) -> None:
    await saskia.types("/ki")
    await expect(saskia.menu).to_be_visible()
    await saskia.presses("Escape")
    await expect(saskia.menu).to_be_hidden()
    await saskia.page.keyboard.type("l")
    await expect(saskia.menu).to_be_hidden()
    await expect(saskia.composer).to_have_value("/kil")
    await saskia.composer.fill("")
    await saskia.types("/")
    await expect(saskia.menu).to_be_visible()


async def test_an_input_method_keeps_its_enter(saskia: Person) -> None:
    await saskia.composer.fill("nihon")
    await saskia.composer.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    await saskia.composer.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    await expect(saskia.composer).to_have_value("nihon")
    await expect(saskia.waiting).to_have_count(0)


async def test_it_works_by_touch(saskia: Person, meet: Meet) -> None:
    phone = await meet("yuki", viewport={"width": 375, "height": 760}, has_touch=True, is_mobile=True)
    await phone.submits("/register", name="yuki", password=PASSWORD)
    await phone.enters("lobby")
    await phone.composer.tap()
    await expect(phone.composer).to_be_focused()
    await phone.page.keyboard.type("/w")
    await phone.menu.get_by_role("option").filter(has_text="/who Lists").tap()
    await expect(phone.composer).to_have_value("/who")
    await phone.page.get_by_role("button", name="Send").tap()
    await phone.is_told("here in #lobby")


async def test_the_unknown_one_that_was_asked_about_is_mended_where_it_stands(saskia: Person) -> None:
    await saskia.says("/help kcik")
    await saskia.is_told("No command /kcik.")
    await expect(saskia.page.get_by_role("button", name="Send as a message")).to_have_count(0)
    await saskia.page.get_by_role("button", name="Use /kick").click()
    await expect(saskia.composer).to_have_value("/help kick")


async def test_a_refused_line_can_be_changed_though_other_words_stand_in_its_place(
    saskia: Person, mateo: Person
) -> None:
    await mateo.composer.fill("half a thou")
    await saskia.says("/lock")
    await mateo.sees("saskia locked the room")
    await mateo.composer.press("Home")
    await mateo.types("/whois @nobody")
    await mateo.presses("Enter")
    await mateo.is_told("Nobody here is called nobody.")
    await expect(mateo.composer).to_have_value("half a thou")
    await mateo.page.get_by_role("button", name="Change what was typed").click()
    await expect(mateo.composer).to_have_value("/whois @nobody")


async def test_nothing_of_a_long_usage_line_is_covered(saskia: Person) -> None:
    await saskia.types("/mut")
    row = saskia.menu.get_by_role("option").first
    for width in (1280, 375):
        await saskia.page.set_viewport_size({"width": width, "height": 760})
        await saskia.page.wait_for_function("width => innerWidth === width", arg=width)
        boxes = await row.evaluate(BOXES)
        for at, (left, top, right, bottom) in enumerate(boxes):
            for other in boxes[at + 1 :]:
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
