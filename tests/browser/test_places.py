"""From room to room by typing, in a real browser; and the page of a room's settings."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Meet
from tests.browser.person import LONG, PASSWORD, Person
from tests.browser.test_access import PHONE, looks


async def test_an_own_view_is_emptied_and_comes_back(saskia: Person, mateo: Person) -> None:
    await mateo.says("hello")
    await saskia.reads("hello")
    for line in ("/cls", "/clear me"):
        await saskia.says(line)
        await expect(saskia.message("hello")).to_be_hidden()
        await expect(mateo.message("hello")).to_be_visible()
        await saskia.log.get_by_role("button", name="Bring it back").click()
        await expect(saskia.message("hello")).to_be_visible()


async def test_one_is_where_one_typed_to_be(saskia: Person, mateo: Person) -> None:
    await mateo.says("/create #studio")
    await mateo.page.wait_for_url("**/rooms/studio")
    await mateo.is_here()
    await saskia.says("/join studio")
    await saskia.page.wait_for_url("**/rooms/studio")
    await saskia.says("first")
    await mateo.reads("first")
    await saskia.says("/jump #m1")
    await saskia.page.wait_for_url(re.compile(r"/rooms/studio\?at=1#m1$"))


async def test_who_is_spoken_to_alone_sees_it_beside_the_room(saskia: Person, mateo: Person) -> None:
    await mateo.says("/msg saskia only for you")
    await mateo.is_told("Said to @saskia alone")
    line = saskia.page.locator("room-index a").filter(has_text="mateo")
    await expect(line.locator(".count .n")).to_have_text("1")
    await line.click()
    await saskia.reads("only for you")
    await expect(saskia.page.get_by_role("heading", level=1)).to_contain_text("mateo")
    await mateo.log.locator(".notice a").click()
    await mateo.reads("only for you")


async def test_all_that_somebody_new_says_to_one_alone_is_counted(saskia: Person, mateo: Person) -> None:
    heard: asyncio.Queue[str | bytes] = asyncio.Queue()
    both_said = asyncio.Event()

    async def waits(route: Route) -> None:
        await both_said.wait()
        await route.continue_()

    saskia.page.on("websocket", lambda line: line.on("framereceived", heard.put_nowait))
    await saskia.enters("lobby")
    await saskia.page.route("**/api/rooms", waits)
    for number in (1, 2):
        await mateo.says(f"/msg saskia only for you, {number}")
        async with asyncio.timeout(LONG):
            while f'"count":{number},"mentions"' not in str(await heard.get()):
                pass
    both_said.set()
    line = saskia.page.locator("room-index a").filter(has_text="mateo")
    await expect(line.locator(".count .n")).to_have_text("2")


async def test_who_is_in_a_room_that_is_renamed_goes_with_it(saskia: Person, mateo: Person) -> None:
    await mateo.types("half a thou")
    await saskia.says("/rename Night Shift")
    for person in (saskia, mateo):
        await person.page.wait_for_url("**/rooms/night-shift")
        await person.is_here()
    await expect(mateo.composer).to_have_value("half a thou")


async def test_the_name_is_typed_before_anything_is_deleted(saskia: Person, mateo: Person) -> None:
    await saskia.opens("/rooms/lobby/settings")
    sure = saskia.page.get_by_role("button", name="Delete #lobby")
    await expect(sure).to_be_disabled()
    await saskia.page.get_by_label("Delete", exact=True).fill("lobby")
    await sure.click()
    await saskia.page.wait_for_url("**/rooms")
    await expect(saskia.page.get_by_text("#lobby is gone")).to_be_visible()
    await expect(mateo.page.get_by_text("This room was deleted.")).to_be_visible()
    await mateo.sees("saskia deleted the room")


async def test_a_room_is_deleted_by_the_line_with_its_code(saskia: Person, mateo: Person) -> None:
    await mateo.makes("kiln", "The kiln")
    await saskia.enters("kiln")
    await saskia.composer.fill("half a thou")
    await mateo.says("/destroy #kiln")
    await mateo.is_told("This deletes #kiln and its 0 messages, after 7 days in the bin for good.")
    await mateo.page.get_by_role("button", name="Confirm with /destroy #kiln ").click()
    await mateo.is_told("#kiln is gone: 0 messages. It rests in the bin until ")
    await saskia.sees("mateo deleted the room")
    await expect(saskia.page.get_by_text("This room was deleted.")).to_be_visible()
    await expect(saskia.composer).to_have_value("half a thou")
    await saskia.page.get_by_role("button", name="All rooms").click()
    await expect(saskia.page.locator("main")).not_to_contain_text("The kiln")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_in_the_settings(
    saskia: Person, meet: Meet, scheme: str, screen: dict[str, Any]
) -> None:
    await saskia.says("/private")
    await saskia.sees("made the room private")
    again = await meet("saskia", color_scheme=scheme, **screen)
    await again.submits("/login", name="saskia", password=PASSWORD)
    await again.opens("/rooms/lobby/settings")
    found = await looks(again)
    await again.page.get_by_role("button", name="Make a link").click()
    await expect(again.page.get_by_role("img", name="QR code of the link")).to_be_visible()
    found += await looks(again)
    await again.page.get_by_label("Everyone here").check()
    await again.page.get_by_role("button", name="Save").click()
    await expect(again.page.get_by_text("Type lobby here to confirm it.")).to_be_visible()
    found += await looks(again)
    assert not await again.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert found == []


async def test_rooms_are_proposed_where_a_room_is_meant(saskia: Person) -> None:
    await saskia.makes("studio", "The studio")
    await saskia.enters("lobby")
    await saskia.types("/leave #st")
    await expect(saskia.menu.get_by_role("option")).to_have_count(1)
    await expect(saskia.menu.get_by_role("option")).to_contain_text("The studio")
    await saskia.presses("Tab")
    await expect(saskia.composer).to_have_value("/leave #studio ")
