"""Where no script runs, a room is still read and spoken in."""

import pytest
from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import Meet
from tests.browser.history import write_lines
from tests.browser.person import PASSWORD, Person


@pytest.fixture
async def plain(saskia: Person, meet: Meet) -> Person:
    """Somebody whose browser runs no scripts."""
    plain = await meet("kofi", java_script_enabled=False)
    await plain.submits("/register", name="kofi", password=PASSWORD)
    await plain.opens("/rooms/lobby")
    return plain


async def test_a_form_posts(saskia: Person, plain: Person) -> None:
    await plain.composer.fill("written by form\nin two lines")
    await plain.page.get_by_role("button", name="Send").click()
    await plain.reads("written by form")
    await saskia.reads("written by form")
    await saskia.says("read without scripts")
    await saskia.reads("read without scripts")
    await plain.page.reload()
    assert await plain.words() == ["written by form\nin two lines", "read without scripts"]


async def test_a_command_is_a_command_here_too(saskia: Person, plain: Person) -> None:
    await plain.composer.fill("/help")
    await plain.page.get_by_role("button", name="Send").click()
    await expect(plain.log).to_contain_text("/who")
    await expect(plain.messages).to_have_count(0)


async def test_older_pages_are_a_link_away(saskia: Person, plain: Person, app: web.Application) -> None:
    await write_lines(app, saskia.name, 80)
    await plain.page.reload()
    await plain.reads("line 79.")
    await expect(plain.message("line 0.")).to_have_count(0)
    await plain.page.get_by_role("link", name="Older").click()
    await plain.reads("line 0.")
    await plain.page.get_by_role("link", name="Newer").click()
    await plain.reads("line 79.")


async def test_the_log_opens_at_its_end(saskia: Person, plain: Person, app: web.Application) -> None:
    await write_lines(app, saskia.name, 60)
    await plain.page.reload()
    await expect(plain.message("line 59.")).to_be_in_viewport()


async def test_nothing_is_drawn_that_would_not_work(plain: Person) -> None:
    await expect(plain.page.locator("button.needs-script:visible")).to_have_count(0)
