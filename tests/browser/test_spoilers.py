"""Words that stay hidden until somebody asks for them."""

from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.person import PASSWORD, Person


async def test_a_press_or_a_key_shows_it_and_hides_it_again(saskia: Person, mateo: Person) -> None:
    await saskia.says("/spoiler the <b>gardener</b> did it")
    hidden = mateo.log.locator(".spoiler")
    await expect(hidden.locator("summary")).to_be_visible()
    await expect(hidden.locator("p")).to_be_hidden()
    await hidden.locator("summary").click()
    await expect(hidden.locator("p")).to_have_text("the <b>gardener</b> did it")
    await expect(hidden.locator("p")).to_be_visible()
    await hidden.locator("summary").focus()
    await mateo.presses("Enter")
    await expect(hidden.locator("p")).to_be_hidden()
    await mateo.presses("Space")
    await expect(hidden.locator("p")).to_be_visible()


async def test_server_and_browser_draw_the_same_spoiler(saskia: Person, mateo: Person) -> None:
    await saskia.says("/spoiler line one\nline two")
    await expect(mateo.log.locator(".spoiler")).to_have_count(1)
    live = await mateo.messages.last.locator(".words").inner_html()
    await mateo.page.reload()
    assert await mateo.messages.last.locator(".words").inner_html() == live


async def test_a_quote_does_not_reveal_it(saskia: Person, mateo: Person) -> None:
    await saskia.says("/spoiler the gardener")
    await expect(mateo.log.locator(".spoiler")).to_have_count(1)
    await mateo.takes("Reply", mateo.messages.last)
    await mateo.says("No!")
    await expect(saskia.message("No!").locator(".quote span")).to_have_text("(spoiler)")
    await saskia.page.reload()
    await expect(saskia.message("No!").locator(".quote span")).to_have_text("(spoiler)")


async def test_what_is_hidden_stays_so_in_the_answer_to_history(saskia: Person, mateo: Person) -> None:
    await saskia.says("before a || b || c")
    await saskia.says("/spoiler the <b>gardener</b>\ndid it")
    await saskia.says("between")
    await saskia.says("/spoiler the cook")
    await mateo.reads("between")
    await expect(mateo.log.locator(".spoiler")).to_have_count(2)
    await mateo.says("/history 4")
    answer = mateo.notice("between")
    await expect(answer.locator(".spoiler")).to_have_count(2)
    await expect(answer.locator(".said > p").first).to_contain_text("saskia: before a || b || c")
    first = answer.locator(".spoiler").first
    await expect(first.locator("p")).to_be_hidden()
    await first.locator("summary").click()
    await expect(first.locator("p")).to_be_visible()
    await expect(first.locator("p")).to_have_text("the <b>gardener</b>\ndid it")
    await expect(answer.locator(".spoiler p").last).to_be_hidden()


async def test_it_opens_without_scripts(saskia: Person, meet: Meet) -> None:
    await saskia.says("/spoiler the gardener")
    await expect(saskia.log.locator(".spoiler")).to_have_count(1)
    kofi = await meet("kofi", java_script_enabled=False)
    await kofi.submits("/register", name="kofi", password=PASSWORD)
    await kofi.opens("/rooms/lobby")
    await expect(kofi.log.locator(".spoiler p")).to_be_hidden()
    await kofi.log.locator(".spoiler summary").click()
    await expect(kofi.log.locator(".spoiler p")).to_be_visible()
