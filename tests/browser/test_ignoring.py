"""Whom somebody does not want to hear, as their pages show it and nobody else's."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person
from tests.browser.test_notify import is_told, listens


@pytest.fixture
async def rex(meet: Meet, saskia: Person) -> Person:
    """Somebody who says too much."""
    rex = await meet("rex")
    await rex.submits("/register", name=rex.name, password=PASSWORD)
    await rex.enters("lobby")
    await saskia.meets("rex")
    return rex


def folded(person: Person) -> Locator:
    """The lines that stand for what is not heard."""
    return person.log.locator(".fold.unheard")


async def test_what_was_said_is_folded_on_every_page_of_theirs_until_they_look(
    saskia: Person, mateo: Person, rex: Person
) -> None:
    second = await mateo.context.new_page()
    await second.goto(f"{mateo.site}/rooms/lobby")
    other = second.locator("[role=log]")
    await rex.says("first noise")
    await rex.says("second noise")
    await mateo.reads("second noise")
    await mateo.says("/ignore @rex")
    await mateo.is_told("You do not hear @rex any more")
    for log in (mateo.log, other):
        fold = log.locator(".fold.unheard")
        await expect(fold).to_contain_text("2 messages of somebody you ignore")
        await expect(log.get_by_text("first noise")).to_be_hidden()
    await rex.says("third noise")
    await saskia.reads("third noise")
    await saskia.says("a word")
    await mateo.reads("a word")
    await expect(folded(mateo).last).to_contain_text("1 message of somebody you ignore")
    await expect(mateo.log.get_by_text("third noise")).to_be_hidden()
    await expect(saskia.log.get_by_text("third noise")).to_be_visible()
    await mateo.page.reload()
    await mateo.is_here()
    await expect(mateo.log.get_by_text("first noise")).to_be_hidden()
    await expect(folded(mateo)).to_contain_text("3 messages of somebody you ignore")
    show = folded(mateo).first.get_by_role("button", name="Show")
    await expect(show).to_have_attribute("aria-expanded", "false")
    await show.press("Enter")
    await expect(mateo.log.get_by_text("first noise")).to_be_visible()
    hide = folded(mateo).first.get_by_role("button", name="Hide")
    await expect(hide).to_have_attribute("aria-expanded", "true")
    await mateo.says("/unignore @rex")
    await mateo.is_told("You hear @rex again.")
    for log in (mateo.log, other):
        await expect(log.locator(".fold.unheard")).to_have_count(0)
        await expect(log.get_by_text("third noise")).to_be_visible()


async def test_they_tell_nobody_who_ignores_them_anything(saskia: Person, mateo: Person, rex: Person) -> None:
    await mateo.says("/ignore rex")
    await mateo.is_told("You do not hear @rex")
    await expect(mateo.page.locator("#people li").filter(has_text="rex")).to_contain_text("ignored")
    await mateo.page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    await rex.types("nois")
    await expect(saskia.page.locator(".typing")).to_contain_text("rex is typing")
    await rex.says("@mateo noise")
    await saskia.reads("@mateo noise")
    await saskia.says("a word")
    await mateo.reads("a word")
    await expect(mateo.page).to_have_title(re.compile(r"^\(1\) "))
    await expect(mateo.page.locator(".typing .in-measure")).to_be_empty()
    await expect(mateo.log.locator(".fresh + .message")).to_contain_text("a word")
    await mateo.log.focus()
    await mateo.presses("Home")
    await expect(mateo.log.locator(".message:focus")).to_contain_text("a word")


async def test_a_quote_does_not_say_what_is_hidden(saskia: Person, mateo: Person, rex: Person) -> None:
    await rex.says("the noise itself")
    await saskia.reads("the noise itself")
    await saskia.takes("Reply", saskia.message("the noise itself"))
    await saskia.says("no")
    quote = mateo.message("no").last.locator(".quote")
    await expect(quote).to_contain_text("the noise itself")
    await mateo.says("/ignore rex")
    await expect(quote).to_have_text("an earlier message")
    await mateo.page.reload()
    await mateo.is_here()
    await expect(quote).to_have_text("an earlier message")
    await quote.click()
    await expect(mateo.message("the noise itself").first).to_be_visible()
    await mateo.says("/unignore rex")
    await expect(quote).to_contain_text("the noise itself")


async def test_without_scripts_a_link_shows_them(mateo: Person, rex: Person) -> None:
    await rex.says("noise")
    await mateo.reads("noise")
    await mateo.says("/ignore rex")
    await mateo.is_told("You do not hear @rex")
    page = await (await mateo.context.request.get(f"{mateo.site}/rooms/lobby")).text()
    assert "1 message of somebody you ignore" in page
    assert re.search(r'<article class="line message first ignored" hidden id="m\d+"', page)
    link = re.search(r'href="(/rooms/lobby\?ignored=shown)"', page)
    assert link is not None
    shown = await (await mateo.context.request.get(f"{mateo.site}{link[1]}")).text()
    assert "of somebody you ignore" not in shown
    assert re.search(r'<article class="line message first" id="m\d+"', shown)


async def test_the_browser_tells_of_everybody_but_them(saskia: Person, mateo: Person, rex: Person) -> None:
    await mateo.says("/ignore rex")
    await expect(mateo.page.locator("#people li").filter(has_text="rex")).to_contain_text("ignored")
    await listens(mateo)
    await rex.says("@mateo noise")
    await rex.says("/msg @mateo more noise")
    await rex.is_told("Said to @mateo alone")
    await saskia.says("@mateo a word")
    await is_told(mateo.page, "saskia in #lobby: @mateo a word")
    await expect(mateo.page.locator("room-index a[data-slug^=d-]")).to_have_count(0)


async def test_an_invitation_of_theirs_is_not_told_of_and_is_there(saskia: Person, mateo: Person) -> None:
    await mateo.says("/ignore saskia")
    await expect(mateo.page.locator("#people li").filter(has_text="saskia")).to_contain_text("ignored")
    await saskia.makes("cellar")
    await saskia.says("/private")
    await saskia.says("/invite @mateo")
    await expect(mateo.page.locator("room-index a[data-slug=cellar]")).to_have_count(1)
    await expect(mateo.notice("brought you into")).to_have_count(0)
