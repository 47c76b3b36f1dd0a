"""What a browser tells of rooms nobody looks at: as loud as one wished, by one tab, and only when asked to."""

import asyncio
import re

from playwright.async_api import Page, Route, expect

from tests.browser.person import Person

# What is shown is written down before it is shown.
WATCH = """() => {
    const Shown = window.Notification
    const told = []
    window.Notification = new Proxy(Shown, {
        construct(target, [title, options]) {
            told.push(`${title}: ${options.body}`)
            document.documentElement.dataset.told = told.join(" | ")
            return new target(title, options)
        },
    })
}"""
LOOKS = """(looks) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => !looks })
    document.dispatchEvent(new Event("visibilitychange"))
}"""


async def is_told(page: Page, *said: str) -> None:
    """What this tab has notified of: this, and nothing else."""
    html = page.locator("html")
    if said:
        await expect(html).to_have_attribute("data-told", " | ".join(said))
    else:
        await expect(html).not_to_have_attribute("data-told", re.compile(""))


async def listens(person: Person) -> None:
    """They let the browser notify them, and look elsewhere."""
    await person.context.grant_permissions(["notifications"])
    await person.page.evaluate(WATCH)
    await person.page.evaluate(LOOKS, False)


async def sets(person: Person, level: str) -> None:
    """They choose in the dialog of the room."""
    await person.page.locator("[data-notify].icon-button").click()
    await person.page.locator(f"#notify input[value={level}]").check()
    await expect(person.page.locator("[data-notify].icon-button")).to_have_attribute("data-notify", level)


async def test_the_level_is_set_in_the_page_and_seen_on_every_device(mateo: Person) -> None:
    other = await mateo.context.new_page()
    await other.goto(f"{mateo.site}/rooms/lobby")
    bell = other.locator("[data-notify].icon-button")
    await expect(bell).to_have_attribute("aria-label", "Notifications: what means you")
    await sets(mateo, "none")
    await expect(bell).to_have_attribute("aria-label", "Notifications: nothing")
    await mateo.is_told("#lobby tells you of nothing.")
    await expect(other.locator("room-index a[aria-current] .muted-bell")).to_be_visible()
    await mateo.says("/unmute")
    await expect(bell).to_have_attribute("aria-label", "Notifications: what means you")
    await other.reload()
    await expect(other.locator("room-index a[aria-current] .muted-bell")).to_be_hidden()


async def test_it_tells_what_was_asked_for_and_reveals_no_spoiler(saskia: Person, mateo: Person) -> None:
    await listens(mateo)
    await saskia.says("Is anybody there?")
    await saskia.says("@mateo are you there?")
    await mateo.reads("are you there?")
    asked = "saskia in #lobby: @mateo are you there?"
    await is_told(mateo.page, asked)
    await mateo.page.evaluate(LOOKS, True)
    await sets(mateo, "all")
    await mateo.page.evaluate(LOOKS, False)
    await saskia.says("/spoiler the gardener")
    await is_told(mateo.page, asked, "saskia in #lobby: (spoiler)")
    await mateo.page.evaluate(LOOKS, True)
    await sets(mateo, "none")
    await mateo.page.evaluate(LOOKS, False)
    await saskia.says("@mateo nothing of this")
    await mateo.reads("nothing of this")
    await is_told(mateo.page, asked, "saskia in #lobby: (spoiler)")
    await expect(mateo.page).not_to_have_title("(1) lobby")


async def test_nobody_who_looks_is_told_and_two_tabs_tell_once(saskia: Person, mateo: Person) -> None:
    second = await mateo.context.new_page()
    await second.goto(f"{mateo.site}/rooms/lobby")
    await second.evaluate(WATCH)
    await listens(mateo)
    await saskia.says("@mateo seen by the second tab")
    await expect(second.get_by_role("log")).to_contain_text("seen by the second tab")
    await mateo.reads("seen by the second tab")
    await is_told(mateo.page)
    await second.evaluate(LOOKS, False)
    await saskia.says("@mateo seen by none")
    await expect(second.get_by_role("log")).to_contain_text("seen by none")
    await is_told(mateo.page, "saskia in #lobby: @mateo seen by none")
    await is_told(second)


async def test_who_is_new_and_speaks_to_one_alone_is_told_of(saskia: Person, mateo: Person) -> None:
    counted = asyncio.Event()

    async def waits(route: Route) -> None:
        await counted.wait()
        await route.continue_()

    def hears(frame: str | bytes) -> None:
        if '"type":"unread"' in str(frame):
            counted.set()

    mateo.page.on("websocket", lambda line: line.on("framereceived", hears))
    await mateo.enters("lobby")
    await mateo.page.route("**/api/rooms", waits)
    await listens(mateo)
    await saskia.says("/msg mateo only for you")
    await is_told(mateo.page, "saskia: wrote to you")


async def test_a_muted_room_is_counted_quietly(saskia: Person, mateo: Person) -> None:
    await saskia.makes("garden")
    await mateo.enters("garden")
    await mateo.says("/mute")
    await mateo.is_told("#garden tells you of nothing.")
    await mateo.enters("lobby")
    await saskia.says("@mateo in the garden")
    line = mateo.page.locator("room-index a[data-slug=garden]")
    await expect(line.locator(".at-you")).to_be_visible()
    await expect(line.locator(".muted-bell")).to_be_visible()
    await expect(mateo.page).to_have_title(await mateo.page.title())
    assert not (await mateo.page.title()).startswith("(")
    await mateo.says("/mute #garden")
    await expect(mateo.page).to_have_title("(1) lobby · Night Kiln")


async def test_the_browser_is_asked_only_by_a_press(mateo: Person) -> None:
    assert await mateo.page.evaluate("Notification.permission") in ("default", "denied")
    await mateo.page.locator("[data-notify].icon-button").click()
    await expect(mateo.page.locator("#notify .device")).not_to_be_empty()


async def test_the_hint_says_which_mute_it_is(saskia: Person, mateo: Person) -> None:
    await mateo.types("/mute ")
    await expect(mateo.menu).to_contain_text("For you alone: this room tells you of nothing")
    await expect(mateo.menu.get_by_role("option")).to_have_count(0)
    await mateo.types("#")
    await expect(mateo.menu).to_contain_text("For you alone: that room tells you of nothing")
    await expect(mateo.menu.locator(".usage")).to_have_text("/mute [#room]")
    await expect(mateo.menu.locator(".usage .now")).to_have_text("[#room]")
    await saskia.types("/mute ")
    await expect(saskia.menu).to_contain_text("For you alone: this room tells you of nothing")
    await saskia.types("@ma")
    await expect(saskia.menu).to_contain_text("For all: they may read but not speak")
    await expect(saskia.menu.locator(".usage")).to_have_text("/mute @user [10m] [reason]")
    await expect(saskia.menu.locator(".usage .now")).to_have_text("@user")
    await expect(saskia.menu.get_by_role("option", selected=True)).to_contain_text("mateo")


async def test_a_form_of_others_is_said_to_be_theirs(mateo: Person) -> None:
    await mateo.types("/mute @sa")
    await expect(mateo.menu).to_contain_text("For moderators and up")
