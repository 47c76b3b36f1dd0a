"""The pages of hooks and of tokens: found, filled in, copied from, and seen by axe."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person
from tests.browser.test_access import PHONE, looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(saskia: Person, meet: Meet, scheme: str, screen: dict[str, Any]) -> None:
    again = await meet("saskia", color_scheme=scheme, **screen)
    await again.submits("/login", name="saskia", password=PASSWORD)
    found: list[str] = []
    for path, button, label in (
        ("/rooms/lobby/settings", "Make the hook", re.compile("hook$")),
        ("/me", "Make the token", re.compile("token$")),
    ):
        await again.opens(path)
        found += await looks(again)
        for words in ("ci", ""):
            await again.page.get_by_label(label).fill(words)
            await again.page.get_by_role("button", name=button).click()
            # Without a name nothing is sent, and what was made before stays in sight.
            await expect(again.page.locator("copy-line code")).to_be_visible()
            await again.page.wait_for_load_state()
            found += await looks(again)
            assert not await again.page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
    assert found == []


async def test_an_owner_finds_the_way_to_a_hook_and_its_words_arrive(saskia: Person) -> None:
    await saskia.page.get_by_role("link", name="Settings of lobby").click()
    await saskia.page.get_by_label("A first hook").fill("kiln")
    await saskia.page.get_by_role("button", name="Make the hook").click()
    address = await saskia.page.locator("copy-line code").inner_text()
    await expect(saskia.page.get_by_role("button", name="Copy")).to_be_visible()
    answer = await saskia.context.request.post(
        address, data="1250 degrees", headers={"Content-Type": "text/plain"}
    )
    assert answer.status == 201
    await saskia.page.get_by_role("link", name="Back to lobby").click()
    await saskia.reads("1250 degrees")
    await saskia.opens("/rooms/lobby/settings")
    await expect(saskia.page.get_by_text(address)).to_have_count(0)
    await saskia.page.get_by_role("button", name="Revoke kiln").click()
    await expect(saskia.page.get_by_text("The hook kiln is ended.")).to_be_visible()
    assert (await saskia.context.request.post(address, data="x")).status == 404


async def test_a_hook_is_made_in_the_composer(saskia: Person) -> None:
    await saskia.says("/hook bell")
    await saskia.is_told("bell posts here by this address")
    await saskia.sees("saskia brought bell into the room")
    await saskia.says("/hook list")
    await saskia.is_told("bell · made by saskia, never used")


async def test_a_member_sees_no_way_to_the_settings(mateo: Person) -> None:
    await expect(mateo.page.get_by_role("link", name="Settings of lobby")).to_have_count(0)


async def test_a_token_of_ones_own_opens_the_api(mateo: Person) -> None:
    await mateo.opens("/me")
    await mateo.page.get_by_label("A first token").fill("terminal")
    await mateo.page.get_by_role("button", name="Make the token").click()
    token = await mateo.page.locator("copy-line code").inner_text()
    told = await mateo.context.request.get(
        f"{mateo.site}/api/rooms", headers={"Authorization": f"Bearer {token}"}
    )
    assert told.status == 200
    await mateo.page.get_by_role("button", name="Revoke terminal").click()
    await expect(mateo.page.get_by_text("The token is revoked")).to_be_visible()
    told = await mateo.context.request.get(
        f"{mateo.site}/api/rooms", headers={"Authorization": f"Bearer {token}"}
    )
    assert told.status == 401
