"""An invitation as a page shows it: said where one is, and the room in the list at once."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route, expect

from tests.browser.conftest import Meet
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
    await expect(link).to_have_count(1)
    await mateo.log.get_by_role("link", name="/rooms/cellar").last.click()
    await mateo.page.wait_for_url("**/rooms/cellar")
    await mateo.is_here()
    assert not mateo.faults


async def test_who_is_taken_out_before_the_room_is_known_does_not_get_it(
    saskia: Person, mateo: Person
) -> None:
    asked, out = asyncio.Event(), asyncio.Event()

    async def waits(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await out.wait()
        await route.fulfill(response=answer)

    for slug in ("cellar", "attic"):
        await saskia.submits("/rooms", slug=slug, private="1")
    await mateo.page.route("**/api/rooms", waits, times=1)
    await saskia.enters("cellar")
    await saskia.says("/invite mateo")
    await asked.wait()
    await saskia.says("/uninvite mateo")
    await mateo.is_told("saskia took you out of cellar.")
    out.set()
    await saskia.enters("attic")
    await saskia.says("/invite mateo")
    rooms = mateo.page.locator("room-index")
    await expect(rooms.locator('[data-slug="attic"]')).to_have_count(1)
    await expect(rooms.locator('[data-slug="cellar"]')).to_have_count(0)


async def test_a_link_is_shown_once_to_be_copied_and_ended(saskia: Person, mateo: Person) -> None:
    await saskia.says("/private")
    await saskia.sees("saskia made the room private")
    await saskia.says("/invitelink 3 1d")
    answer = saskia.notice("was made, and shown once.")
    await expect(answer.locator("copy-line code")).to_contain_text("/join/")
    await expect(answer.get_by_role("button", name="Copy")).to_be_visible()
    await expect(answer.get_by_role("img", name="QR code of the link")).to_be_visible()
    await expect(mateo.notice("/join/")).to_have_count(0)
    number = (await answer.inner_text()).split("/invitelink revoke ")[1].split()[0]
    await saskia.says("/invitelink list")
    await saskia.is_told(f"{number} · made by saskia, 3 left, good until ")
    await saskia.says(f"/invitelink revoke {number}")
    await saskia.is_told("ended")


async def test_a_lost_password_is_replaced_by_a_link_that_works_once(
    saskia: Person, mateo: Person, meet: Meet
) -> None:
    await saskia.says("/resetlink @mateo")
    answer = saskia.notice("Hand it to @mateo; it works once.")
    path = "/reset/" + (await answer.locator("copy-line code").inner_text()).split("/reset/")[1]
    elsewhere, later = await meet("mateo"), await meet("mateo")
    await elsewhere.opens(path)
    await elsewhere.page.get_by_label("Password").fill("another sentence to come in with")
    await elsewhere.page.get_by_role("button", name="Keep it and come in").click()
    await elsewhere.page.wait_for_url("**/rooms*")
    await mateo.page.wait_for_url("**/login*")
    await later.opens(path)
    await expect(later.page.get_by_text("This link is not good any more.")).to_be_visible()
