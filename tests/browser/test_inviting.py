"""An invitation as a page shows it: said where one is, and the room in the list at once."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.person import Person


async def test_who_is_invited_reads_so_and_has_the_room_in_the_list(saskia: Person, mateo: Person) -> None:
    await mateo.enters("lobby")
    await saskia.submits("/rooms", slug="cellar", title="Cellar", private="1")
    await saskia.enters("cellar")
    await saskia.says("/invite mateo")
    await mateo.is_told("saskia brought you into Cellar: /rooms/cellar")
    link = mateo.page.locator('room-index a[data-slug="cellar"]')
    await expect(link).to_contain_text("Cellar")
    await expect(link.locator(".sign svg")).to_be_attached()
    await saskia.says("/uninvite mateo")
    await mateo.is_told("saskia took you out of Cellar.")
    await expect(link).to_have_count(0)
    await saskia.says("/invite mateo")
    await mateo.log.get_by_role("link", name="/rooms/cellar").last.click()
    await mateo.page.wait_for_url("**/rooms/cellar")
    await mateo.is_here()
    assert not mateo.faults
