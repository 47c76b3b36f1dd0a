"""Guests beside people in the browser: whose words they are is to be seen, live and after a reload."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.person import Person
from tests.people import received

Socket = aiohttp.ClientWebSocketResponse[bool]


@pytest.fixture
async def jonas(saskia: Person) -> AsyncIterator[Socket]:
    """A program of years ago, in the lobby under the name of Jonas."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{saskia.site}/chat") as socket:
        await socket.send_json({"action": "join_room", "room": "lobby"})
        await socket.send_json({"action": "set_nick", "nick": "Jonas"})
        await hears(socket, action="set_nick", success=True)
        yield socket


async def hears(socket: Socket, **fields: object) -> dict[str, object]:
    """The next frame that says so."""
    while True:
        frame: dict[str, object] = await socket.receive_json(timeout=30)
        if frame | fields == frame:
            return frame


async def test_a_guests_words_are_shown_as_a_guests(saskia: Person, jonas: Socket) -> None:
    await saskia.says("Good evening")
    await jonas.send_json({"action": "chat_message", "message": "<b>Hello</b> from a terminal"})
    message = saskia.message("<b>Hello</b> from a terminal")
    await expect(message.locator(".tag")).to_have_text("guest")
    await expect(message.locator(".name")).to_have_text("Jonas")
    label = await message.get_attribute("aria-label")
    assert label is not None
    assert label.startswith("Jonas, guest, ")
    await expect(saskia.message("Good evening").locator(".tag")).to_have_count(0)
    live = await message.locator(".in-margin").inner_html()
    await saskia.enters("lobby")
    await expect(message.locator(".tag")).to_have_text("guest")
    assert await message.locator(".in-margin").inner_html() == live
    assert str(await message.get_attribute("aria-label")).startswith("Jonas, guest, ")


async def test_guests_stand_by_themselves_among_those_here(saskia: Person, jonas: Socket) -> None:
    people = saskia.page.locator("#people")
    await expect(people.get_by_role("list", name="Guests")).to_contain_text("Jonas")
    await jonas.send_json({"action": "set_nick", "nick": "Hotfix"})
    await saskia.sees("Jonas is now Hotfix")
    await expect(people.get_by_role("list", name="Guests")).to_contain_text("Hotfix")
    await jonas.close()
    await saskia.sees("Hotfix left")
    await expect(people.locator("li:not(.away)").filter(has_text="Hotfix")).to_have_count(0)


async def test_each_hears_the_other_and_a_guest_can_be_removed(saskia: Person, jonas: Socket) -> None:
    await saskia.says("Hi @Jonas")
    assert await hears(jonas, action="chat_message") == {
        "action": "chat_message",
        "message": "Hi @Jonas",
        "user": "saskia",
    }
    await expect(saskia.message("Hi @Jonas").locator("mark.mention")).to_have_text("@Jonas")
    await saskia.says("/kill @Jonas too loud")
    await saskia.is_told("Removed @Jonas. They can come back in 60 s. /ban keeps them out.")
    await saskia.sees("saskia removed Jonas from the room")
    message = await received(jonas)
    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4502, "too loud")


async def test_nobody_is_led_to_speak_alone_with_a_guest(
    saskia: Person, mateo: Person, jonas: Socket
) -> None:
    await mateo.meets("Jonas")
    await mateo.types("/msg ")
    await expect(mateo.menu.locator("[aria-disabled=true]")).to_contain_text("a guest")
    await mateo.composer.fill("")
    people = mateo.page.locator("#people li")
    await people.filter(has_text="Jonas").get_by_role("button").click()
    await expect(mateo.page.get_by_role("menuitem", name="Mention")).to_be_visible()
    await expect(mateo.page.get_by_role("menuitem", name="Message")).to_have_count(0)
    await mateo.presses("Escape")
    await mateo.says("/msg @Jonas hello")
    await mateo.is_told("@Jonas is a guest: only people with an account are spoken with alone.")
    await jonas.send_json({"action": "chat_message", "message": "/msg @saskia hello"})
    refused = await hears(jonas, action="chat_message", success=False)
    assert refused["message"] == "Only members of #lobby can /msg. Make an account to be one."
