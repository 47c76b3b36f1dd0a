"""What an owner types, and what the others see of it."""

import asyncio
import re

from playwright.async_api import Route, expect

from tests.browser.conftest import Meet
from tests.browser.person import LONG, PASSWORD, Person


async def test_a_killed_member_sees_by_whom_why_and_until_when(saskia: Person, mateo: Person) -> None:
    await mateo.composer.fill("half a thou")
    await saskia.says("/kill @mateo too loud")
    await expect(mateo.page.get_by_role("heading", level=1)).to_have_text("You were removed from #lobby")
    await expect(mateo.page.locator(".lede")).to_contain_text("By saskia")
    await expect(mateo.page.locator(".lede")).to_contain_text("with the reason “too loud”")
    await expect(mateo.page.get_by_role("timer")).to_have_text(re.compile(r"0:\d\d"))
    await expect(mateo.page.locator(".kept")).to_have_text("half a thou")
    await saskia.sees("saskia removed mateo from the room")
    await saskia.is_told("Removed @mateo")
    await expect(saskia.page.locator("#people .away")).to_contain_text("mateo")


async def test_every_tab_of_a_killed_member_closes(saskia: Person, mateo: Person) -> None:
    second = await mateo.context.new_page()
    await second.goto(f"{mateo.site}/rooms/lobby")
    await expect(second.locator("#people li:not(.away)").filter(has_text="mateo")).to_have_count(1)
    await saskia.says("/kill @mateo")
    for page in (mateo.page, second):
        await expect(page.get_by_role("heading", level=1)).to_have_text("You were removed from #lobby")


async def test_a_cleared_room_is_empty_for_all_and_comes_back(saskia: Person, mateo: Person) -> None:
    await mateo.says("one")
    await saskia.reads("one")
    await saskia.says("/clear a clean page")
    await mateo.sees("saskia cleared the room: 1 message.")
    await expect(mateo.messages).to_have_count(0)
    await expect(saskia.messages).to_have_count(0)
    await expect(mateo.page.get_by_role("button", name="Undo")).to_have_count(0)
    await mateo.page.reload()
    await expect(mateo.messages).to_have_count(0)
    await saskia.page.get_by_role("button", name="Undo").click()
    for person in (saskia, mateo):
        await person.sees("saskia took the clearing back")
        await person.reads("one")
    await expect(saskia.page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_what_is_said_while_the_log_is_fetched_again_stays(saskia: Person, mateo: Person) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await answered.wait()
        await route.fulfill(response=answer)

    await saskia.says("one")
    await mateo.reads("one")
    await saskia.says("/clear")
    await expect(mateo.messages).to_have_count(0)
    await mateo.page.route("**/api/rooms/lobby/messages?*", slowly)
    await saskia.says("/undo")
    async with asyncio.timeout(LONG):
        await asked.wait()
    await saskia.says("meanwhile")
    await mateo.reads("meanwhile")
    answered.set()
    await mateo.reads("one")
    assert await mateo.words() == ["one", "meanwhile"]


async def test_undo_may_be_typed(saskia: Person, mateo: Person) -> None:
    await mateo.says("one")
    await saskia.reads("one")
    await saskia.says("/clear")
    await expect(mateo.messages).to_have_count(0)
    await saskia.says("/undo")
    await mateo.reads("one")


async def test_a_typing_mistake_is_never_posted(saskia: Person, mateo: Person) -> None:
    await saskia.says("/kcik @mateo private matters")
    await saskia.is_told("No command /kcik.")
    await expect(saskia.composer).to_have_value("/kcik @mateo private matters")
    await saskia.page.get_by_role("button", name="Use /kick").click()
    await expect(saskia.composer).to_have_value("/kick @mateo private matters")
    await expect(mateo.messages).to_have_count(0)


async def test_a_path_can_be_sent_as_a_message(saskia: Person, mateo: Person) -> None:
    await saskia.says("/etc/hosts is the file")
    await saskia.page.get_by_role("button", name="Send as a message").click()
    await mateo.reads("/etc/hosts is the file")
    await expect(saskia.composer).to_have_value("")


async def test_a_moderator_is_marked_everywhere_at_once(saskia: Person, mateo: Person) -> None:
    await mateo.says("one")
    await saskia.reads("one")
    await saskia.says("/op @mateo")
    await mateo.sees("saskia made mateo a moderator")
    await expect(saskia.message("one").get_by_role("img", name="moderator")).to_be_visible()
    await expect(saskia.page.locator("#people")).to_contain_text("Moderators")
    await mateo.types("/ki")
    await expect(mateo.menu.get_by_role("option")).to_have_count(1)


async def test_who_steps_down_is_said_to_have_done_so(saskia: Person, mateo: Person) -> None:
    await saskia.says("/op @mateo")
    await mateo.sees("saskia made mateo a moderator")
    await mateo.says("/deop @mateo")
    for person in (saskia, mateo):
        await person.sees("mateo stepped down")
    await saskia.page.reload()
    await saskia.is_here()
    await saskia.sees("mateo stepped down")
    await saskia.says("/owner mateo")
    await mateo.sees("saskia made mateo an owner")
    await saskia.says("/deop saskia")
    await mateo.sees("saskia stepped down")
    await saskia.says("/undo")
    await mateo.sees("saskia is an owner now")
    await mateo.page.reload()
    await mateo.is_here()
    await mateo.sees("saskia is an owner now")
    await expect(mateo.log).not_to_contain_text("made saskia")


async def test_a_newcomer_is_shown_with_their_rank(saskia: Person, mateo: Person, meet: Meet) -> None:
    await saskia.says("/op @mateo")
    await saskia.is_told("moderator")
    priya = await meet("priya")
    await priya.submits("/register", name="priya", password=PASSWORD)
    await priya.enters("lobby")
    await expect(priya.page.locator("#people ul[aria-labelledby=p-moderator]")).to_contain_text("mateo")


async def test_the_topic_changes_for_all(saskia: Person, mateo: Person) -> None:
    await saskia.says("/topic Glazes and firing times")
    await expect(mateo.page.locator(".head .topic")).to_have_text("Glazes and firing times")
    await mateo.sees("saskia set the topic: Glazes and firing times")


async def test_a_new_name_is_seen_at_once(saskia: Person, mateo: Person) -> None:
    await mateo.says("/nick Mateo_2")
    await saskia.sees("mateo is now Mateo_2")
    await expect(saskia.page.locator("#people")).to_contain_text("Mateo_2")
    await expect(mateo.page.locator("message-composer .in-margin")).to_have_text("Mateo_2")


async def test_a_stage_direction_is_set_as_one(saskia: Person, mateo: Person) -> None:
    await mateo.says("/me waves")
    await expect(saskia.log.locator(".message.action")).to_contain_text("waves")


async def test_only_oneself_sees_help_until_it_is_put_away(saskia: Person, mateo: Person) -> None:
    await mateo.says("/help nick")
    await mateo.is_told("/nick")
    await expect(saskia.notice("/nick")).to_have_count(0)
    await mateo.notice("/nick").get_by_role("button", name="Put away").click()
    await expect(mateo.notice("/nick")).to_have_count(0)


async def test_who_is_put_out_of_a_private_room_sees_by_whom_and_keeps_the_draft(
    saskia: Person, mateo: Person
) -> None:
    await saskia.says("/private")
    await mateo.sees("saskia made the room private")
    await mateo.composer.fill("half a thou")
    await saskia.says("/kill @mateo too loud")
    await saskia.is_told("Removed @mateo. Only an invitation brings them back.")
    await expect(mateo.page.get_by_role("heading", level=1)).to_have_text("You were removed from #lobby")
    await expect(mateo.page.locator(".lede")).to_contain_text("with the reason “too loud”")
    await expect(mateo.page.locator(".wait")).to_have_text("Only an invitation brings you back.")
    await expect(mateo.page.locator(".kept")).to_have_text("half a thou")


async def test_who_is_shut_out_of_the_site_reads_so_at_the_door(saskia: Person, mateo: Person) -> None:
    await saskia.says("/siteban @mateo 7d spam")
    await saskia.is_told("This shuts @mateo out of the whole site until ")
    await saskia.page.get_by_role("button", name="Confirm with /siteban ").click()
    await saskia.is_told("@mateo is shut out of the site until ")
    await mateo.page.wait_for_url("**/login*")
    await expect(mateo.page.locator(".lede")).to_contain_text("This account may not sign in until ")
    await saskia.says("/siteunban @mateo")
    await saskia.is_told("@mateo may come in again.")
    await mateo.page.get_by_label("Name").fill("mateo")
    await mateo.page.get_by_label("Password").fill(PASSWORD)
    await mateo.page.get_by_role("button", name="Sign in").click()
    await mateo.is_here()


async def test_the_banned_are_listed_and_let_in_again(saskia: Person, mateo: Person) -> None:
    await mateo.says("buy this")
    await saskia.reads("buy this")
    await saskia.says("/ban @mateo 2d --purge 1h spam")
    await saskia.is_told("1 message of theirs is hidden.")
    await expect(mateo.page.locator(".wait")).to_contain_text("You may come back after ")
    await expect(saskia.message("Message removed by saskia")).to_have_count(1)
    await saskia.says("/banlist")
    await saskia.is_told("by saskia: spam")
    await saskia.says("/unban @mateo")
    await saskia.sees("saskia lets mateo back in")
    await mateo.enters("lobby")
