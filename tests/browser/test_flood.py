"""Who posts faster than the site allows sees in the composer for how long to wait, and loses no word."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from aiochat.settings import Settings
from tests.browser.person import Person


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Two messages at once, then as many a second as the test says."""
    return replace(settings, post_burst=2, post_rate=request.param)


@pytest.mark.parametrize("settings", [0.001], indirect=True)
async def test_a_long_wait_gives_the_words_back_and_counts_down(saskia: Person, mateo: Person) -> None:
    reason = mateo.page.locator("#why-not")
    for text in ("one", "two"):
        await mateo.says(text)
        await saskia.reads(text)
    await mateo.says("three")
    await expect(reason).to_contain_text("That was too fast. The next message in")
    await expect(reason.locator(".left")).to_have_text(re.compile(r"^1\d:\d\d"))
    await expect(mateo.composer).to_have_value("three")
    await expect(mateo.waiting).to_have_count(0)
    await mateo.types(" and")
    await mateo.presses("Enter")
    await expect(mateo.page.locator(".bound")).to_contain_text("Not sent yet: it stays here.")
    await expect(mateo.composer).to_have_value("three and")
    await mateo.page.reload()
    await mateo.is_here()
    await expect(mateo.composer).to_have_value("three and")
    await mateo.composer.press("Enter")
    await expect(reason).to_contain_text("That was too fast. The next message in")
    await expect(mateo.composer).to_have_value("three and")


@pytest.mark.parametrize("settings", [0.2], indirect=True)
async def test_a_short_wait_is_waited_for(saskia: Person, mateo: Person) -> None:
    for text in ("one", "two", "three", "four"):
        await mateo.composer.fill(text)
        await mateo.page.get_by_role("button", name="Send").click()
    await expect(mateo.page.locator("#why-not")).to_contain_text("That was too fast. The next message in")
    await saskia.reads("three")
    await expect(mateo.page.locator("#why-not")).to_be_hidden()
    if await mateo.composer.input_value():
        await mateo.presses("Enter")
    await saskia.reads("four")
    await expect(mateo.composer).to_have_value("")
    await expect(mateo.waiting).to_have_count(0)
