"""Two windows, one room."""

from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.history import write_lines
from tests.browser.person import PASSWORD, Person

AT_END = """() => {
    const log = document.querySelector("[role=log]")
    return log.scrollHeight > log.clientHeight && log.scrollHeight - log.scrollTop - log.clientHeight < 2
}"""


async def test_what_one_says_the_other_reads(saskia: Person, mateo: Person) -> None:
    await saskia.says("Is the kiln on?")
    await mateo.reads("Is the kiln on?")
    await mateo.says("Since noon.")
    await saskia.reads("Since noon.")
    await expect(saskia.waiting).to_have_count(0)
    await expect(mateo.waiting).to_have_count(0)
    assert await saskia.words() == await mateo.words() == ["Is the kiln on?", "Since noon."]


async def test_words_are_never_markup(saskia: Person, mateo: Person) -> None:
    hostile = "<img src=x onerror=alert(1)> <b>bold</b> & `<script>`"
    await saskia.says(hostile)
    await mateo.reads("<img src=x onerror=alert(1)> <b>bold</b> &")
    await expect(mateo.message("onerror").locator("img, b, script")).to_have_count(0)
    await expect(mateo.message("onerror").locator("code")).to_have_text("<script>")
    await mateo.page.reload()
    await mateo.reads("<img src=x onerror=alert(1)> <b>bold</b> &")


async def test_server_and_browser_draw_the_same_message(saskia: Person, mateo: Person) -> None:
    await saskia.says("@mateo see https://example.org/a\nsecond `line`\n```python\nprint(1)\n```\n*yes*")
    await mateo.reads("second")
    live = await mateo.message("second").locator(".words").inner_html()
    await mateo.page.reload()
    await mateo.reads("second")
    assert await mateo.message("second").locator(".words").inner_html() == live


async def test_a_reload_keeps_the_history(saskia: Person, mateo: Person) -> None:
    for number in range(3):
        await saskia.says(f"line {number}")
    await mateo.reads("line 2")
    await mateo.page.reload()
    assert await mateo.words() == ["line 0", "line 1", "line 2"]


async def test_older_pages_come_while_scrolling_back(saskia: Person, app: web.Application) -> None:
    await write_lines(app, saskia.name, 120)
    await saskia.page.reload()
    await saskia.reads("line 119.")
    assert await saskia.messages.count() < 110
    while not await saskia.message("line 0.").count():
        await saskia.log.evaluate("log => { log.scrollTop = 0 }")
        await saskia.page.wait_for_timeout(50)
    assert await saskia.words() == [f"line {number}." for number in range(120)]


async def test_being_meant_is_seen(saskia: Person, mateo: Person) -> None:
    await saskia.says("@mateo can you look?")
    await expect(mateo.log.locator(".for-you mark.you")).to_have_text("@mateo")


async def test_several_lines_stay_several_lines(saskia: Person, mateo: Person) -> None:
    await saskia.composer.focus()
    await saskia.page.keyboard.type("one")
    await saskia.presses("Shift+Enter")
    await saskia.page.keyboard.type("two")
    await saskia.presses("Enter")
    await mateo.reads("one")
    assert await mateo.message("one").locator("p").inner_text() == "one\ntwo"


async def test_a_draft_survives_a_reload(mateo: Person) -> None:
    await mateo.composer.fill("half a thou")
    await mateo.page.reload()
    await expect(mateo.composer).to_have_value("half a thou")


async def test_ones_last_message_is_edited_from_the_empty_composer(saskia: Person, mateo: Person) -> None:
    await mateo.says("Sinse noon.")
    for person in (saskia, mateo):
        await person.reads("Sinse noon.")
    await mateo.presses("ArrowUp")
    await expect(mateo.composer).to_have_value("Sinse noon.")
    await mateo.says("Since noon.")
    await saskia.reads("Since noon.")
    await expect(saskia.message("Since noon.").locator(".edited")).to_be_visible()
    await mateo.page.reload()
    await expect(mateo.message("Since noon.").locator(".edited")).to_be_visible()


async def test_leaving_an_edit_brings_back_what_was_being_written(mateo: Person) -> None:
    await mateo.says("one")
    await mateo.reads("one")
    await mateo.composer.fill("half a thou")
    await mateo.takes("Edit", mateo.message("one"))
    await expect(mateo.composer).to_have_value("one")
    await mateo.presses("Escape")
    await expect(mateo.composer).to_have_value("half a thou")


async def test_a_reply_quotes_what_it_answers(saskia: Person, mateo: Person) -> None:
    await saskia.says("Who has the key?")
    await mateo.takes("Reply", mateo.message("Who has the key?"))
    await mateo.says("I have.")
    await expect(saskia.message("I have.").locator(".quote")).to_contain_text("Who has the key?")
    await saskia.page.reload()
    await expect(saskia.message("I have.").locator(".quote")).to_contain_text("Who has the key?")


async def test_a_removed_message_leaves_only_that_there_was_one(saskia: Person, mateo: Person) -> None:
    await mateo.says("my password is 1234")
    await saskia.reads("my password")
    await mateo.takes("Remove", mateo.message("my password"))
    await mateo.page.get_by_role("button", name="Remove", exact=True).click()
    await expect(saskia.message("Message removed by mateo")).to_have_count(1)
    await expect(saskia.log).not_to_contain_text("1234")
    await saskia.page.reload()
    await saskia.reads("Message removed by mateo")
    assert "1234" not in await saskia.page.content()


async def test_who_is_writing_is_shown(saskia: Person, mateo: Person) -> None:
    await mateo.types("Sin")
    await expect(saskia.page.locator(".typing")).to_contain_text("mateo is typing")
    await mateo.says("Since noon.")
    await expect(saskia.page.locator(".typing")).not_to_contain_text("mateo")


async def test_other_rooms_count_what_waits_there(saskia: Person, mateo: Person) -> None:
    await mateo.makes("kiln")
    await saskia.says("@mateo, are you there?")
    lobby = mateo.page.locator("room-index a[data-slug=lobby]")
    await expect(lobby.locator(".count")).to_contain_text("1")
    await expect(lobby.locator(".at-you")).to_contain_text("1")
    await expect(mateo.page).to_have_title("(1) kiln · Night Kiln")
    await lobby.click()
    await expect(mateo.page.get_by_role("separator", name="New messages below")).to_be_visible()


async def test_away_from_the_end_nothing_moves_and_a_button_counts(saskia: Person, mateo: Person) -> None:
    for number in range(12):
        await mateo.says(f"line {number}\n" * 6)
    await saskia.reads("line 11")
    await saskia.log.evaluate("log => { log.scrollTop = 100 }")
    await expect(saskia.page.locator(".to-latest")).to_be_visible()
    before = await saskia.log.evaluate("log => log.scrollTop")
    await mateo.says("@saskia look")
    await expect(saskia.page.locator(".to-latest")).to_have_text("1 new, 1 for you")
    assert await saskia.log.evaluate("log => log.scrollTop") == before
    await saskia.page.locator(".to-latest").click()
    await expect(saskia.message("@saskia look")).to_be_in_viewport()
    await expect(saskia.page.locator(".to-latest")).to_be_hidden()


async def test_a_link_to_a_message_opens_around_it(saskia: Person, mateo: Person) -> None:
    await saskia.says("the one")
    await saskia.reads("the one")
    href = await saskia.message("the one").locator(".in-gutter a").get_attribute("href")
    assert href is not None
    await mateo.opens(href)
    await expect(mateo.message("the one")).to_be_focused()


async def test_a_link_into_the_past_leads_on_to_the_present(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await write_lines(app, saskia.name, 200)
    await mateo.reads("line 199.")
    old = await mateo.context.request.get(f"{mateo.site}/api/rooms/lobby/messages?limit=190")
    seq = next(one["seq"] for one in (await old.json())["entries"] if one.get("text") == "line 40.")
    await mateo.opens(f"/rooms/lobby?at={seq}#m{seq}")
    await expect(mateo.message("line 40.")).to_be_focused()
    await expect(mateo.message("line 199.")).to_have_count(0)
    await saskia.says("just now")
    await saskia.reads("just now")
    while not await mateo.message("just now").count():
        await mateo.log.evaluate("log => { log.scrollTop = log.scrollHeight }")
        await mateo.page.wait_for_timeout(50)
    words = await mateo.words()
    assert words[words.index("line 40.") :] == [f"line {number}." for number in range(40, 200)] + ["just now"]


async def test_an_address_without_its_mark_opens_there_too(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await mateo.says("the one")
    await mateo.reads("the one")
    seq = await mateo.message("the one").get_attribute("data-seq")
    await write_lines(app, saskia.name, 200)
    for address in (f"?at={seq}", f"?at={seq}#m{seq}"):
        await mateo.opens(f"/rooms/lobby{address}")
        await expect(mateo.message("the one")).to_be_focused()
        await expect(mateo.message("the one")).to_be_in_viewport()
        await expect(mateo.message("line 199.")).to_have_count(0)


async def test_comings_and_goings_are_one_line(saskia: Person, meet: Meet) -> None:
    for name in ("kofi", "priya"):
        person = await meet(name)
        await person.submits("/register", name=name, password=PASSWORD)
        await person.enters("lobby")
    fold = saskia.log.locator(".fold").last
    await expect(fold).to_contain_text("kofi and priya joined the room")
    await fold.get_by_role("button", name="Show").click()
    await expect(saskia.event("kofi came in").first).to_be_visible()


async def test_messages_of_one_speaker_stand_together(saskia: Person, mateo: Person) -> None:
    await mateo.says("one")
    await mateo.says("two")
    await saskia.reads("two")
    await saskia.says("three")
    await saskia.reads("three")
    marks = await saskia.messages.evaluate_all("all => all.map(one => one.classList.contains('first'))")
    assert marks == [True, False, True]


async def test_what_grows_below_a_reader_at_the_end_does_not_leave_them_behind(
    app: web.Application, meet: Meet, saskia: Person
) -> None:
    kofi = await meet("kofi", viewport={"width": 375, "height": 667})
    await kofi.submits("/register", name="kofi", password=PASSWORD)
    await kofi.enters("lobby")
    await write_lines(app, "saskia", 60)
    await kofi.reads("line 59.")
    latest = kofi.page.locator(".to-latest")
    await kofi.page.wait_for_function(AT_END)
    await expect(latest).to_be_hidden()
    # As where the letters come late: the lines have grown before the browser tells of the scroll to their end.
    await kofi.log.evaluate("log => { log.lastElementChild.style.paddingBlockEnd = '300px' }")
    await kofi.log.dispatch_event("scroll")
    await kofi.page.wait_for_function(AT_END)
    await expect(latest).to_be_hidden()
    await kofi.log.evaluate("log => { log.scrollTop -= 200 }")
    await expect(latest).to_be_visible()
    await kofi.log.evaluate("log => { log.lastElementChild.style.paddingBlockEnd = '600px' }")
    await kofi.log.dispatch_event("scroll")
    await expect(latest).to_be_visible()
