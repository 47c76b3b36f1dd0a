"""The first minutes: set up, invite, register, make a room."""

import asyncio

from playwright.async_api import Route, expect

from aiochat.settings import Settings
from aiochat.welcome import setup_token
from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person


async def test_whoever_sets_the_site_up_owns_its_lobby(saskia: Person) -> None:
    await expect(saskia.page.get_by_role("heading", level=1)).to_contain_text("lobby")
    await expect(saskia.log).to_contain_text("so far it is yours alone")


async def test_an_invitation_is_all_one_needs(meet: Meet, settings: Settings) -> None:
    saskia = await meet("saskia")
    link = await saskia.sets_up(str(setup_token(settings)))
    await expect(saskia.page.get_by_role("img", name="QR code")).to_be_visible()
    guest = await meet("yuki")
    await guest.page.goto(link)
    await guest.page.get_by_label("Your name").fill("yuki")
    await guest.page.get_by_label("Password").fill(PASSWORD)
    await guest.page.get_by_role("button", name="Join #lobby").click()
    await guest.is_here()


async def test_a_name_that_is_taken_is_refused_beside_its_field(saskia: Person, meet: Meet) -> None:
    other = await meet("saskia")
    await other.opens("/register")
    await other.page.get_by_label("Your name").fill("Saskia")
    await other.page.get_by_label("Password").fill(PASSWORD)
    await other.page.get_by_role("button", name="Join").click()
    field = other.page.get_by_label("Your name")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("Saskia")


async def test_a_room_is_made_and_listed(mateo: Person, saskia: Person) -> None:
    await mateo.makes("kiln", "The kiln")
    assert mateo.page.url.endswith("/rooms/kiln")
    await expect(mateo.page.locator("#people")).to_contain_text("Owner")
    await saskia.opens("/rooms")
    entry = saskia.page.get_by_role("listitem").filter(has_text="#kiln").filter(has_text="here")
    await expect(entry).to_contain_text("1 here")
    await entry.get_by_role("link", name="Join").click()
    await saskia.is_here()
    await mateo.sees("saskia joined the room")


async def test_a_bad_room_name_keeps_what_was_typed(mateo: Person) -> None:
    await mateo.opens("/rooms#new")
    await mateo.page.locator("#new").get_by_label("Name").fill("lobby")
    await mateo.page.locator("#new").get_by_label("Title").fill("Another one")
    await mateo.page.get_by_role("button", name="Make the room").click()
    await expect(mateo.page.locator("#new .wrong")).to_be_visible()
    await expect(mateo.page.locator("#new").get_by_label("Title")).to_have_value("Another one")


async def test_the_directory_is_searched_by_letters(mateo: Person) -> None:
    await mateo.makes("kiln")
    await mateo.opens("/rooms")
    await mateo.page.get_by_label("Find a room", exact=True).first.fill("kil")
    await expect(mateo.page.locator(".directory > li:visible")).to_have_count(1)
    await mateo.page.get_by_label("Find a room", exact=True).first.fill("kiln oven")
    await expect(mateo.page.get_by_text("Nothing found for")).to_be_visible()


async def test_a_room_is_found_from_anywhere(mateo: Person) -> None:
    await mateo.makes("kiln")
    await mateo.presses("Control+k")
    await mateo.page.keyboard.type("lob")
    await expect(mateo.page.locator("#finder [role=option]")).to_have_count(1)
    await mateo.presses("Enter")
    await mateo.page.wait_for_url("**/rooms/lobby")


async def test_what_the_arrows_have_reached_stays_chosen_when_more_rooms_are_found(
    saskia: Person, mateo: Person
) -> None:
    known = asyncio.Event()

    async def waits(route: Route) -> None:
        await known.wait()
        await route.continue_()

    await saskia.makes("glazes")
    for slug in ("kiln", "studio"):
        await mateo.makes(slug)
    rooms = (await (await mateo.context.request.get(f"{mateo.site}/api/rooms")).json())["rooms"]
    await mateo.opens("/rooms")
    await mateo.page.route("**/api/rooms", waits)
    found = mateo.page.locator("#finder [role=option]")
    await mateo.presses("Control+k")
    await expect(found).to_have_count(3)
    names = await found.locator(".name").all_inner_texts()
    # Not the one that is chosen where nobody has chosen yet.
    at = next(at for at in (1, 2) if names[at] != f"#{rooms[0]['slug']}")
    await mateo.presses(*["ArrowDown"] * at)
    known.set()
    await expect(found).to_have_count(4)
    await mateo.presses("Enter")
    await mateo.page.wait_for_url(f"**/rooms/{names[at].removeprefix('#')}")


async def test_in_a_long_index_the_room_one_is_in_is_in_sight(mateo: Person) -> None:
    for number in range(8):
        await mateo.submits("/rooms", slug=f"shelf-{number}")
    await mateo.page.set_viewport_size({"width": 1280, "height": 360})
    await mateo.enters("shelf-7")
    await expect(mateo.page.locator("room-index [aria-current]")).to_be_in_viewport()


async def test_in_half_a_window_a_long_title_leaves_room_for_the_way_back_and_the_people(
    mateo: Person,
) -> None:
    await mateo.page.set_viewport_size({"width": 640, "height": 440})
    await mateo.makes("kiln", "Everything there is to say about kilns, their fuel and their ash")
    await expect(mateo.page.get_by_role("link", name="Rooms", exact=True)).to_be_in_viewport(ratio=1)
    await expect(mateo.page.get_by_role("button", name="People", exact=False).first).to_be_in_viewport(
        ratio=1
    )


async def test_light_or_dark_is_remembered_by_the_server(mateo: Person) -> None:
    await mateo.page.get_by_label("Dark", exact=True).check(force=True)
    await expect(mateo.page.locator("html")).to_have_attribute("data-theme", "dark")
    body = await (await mateo.context.request.get(f"{mateo.site}/rooms")).text()
    assert 'data-theme="dark"' in body
