"""What moderators do to people and words, as everybody's page shows it."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from playwright.async_api import expect

from tests.browser.history import write_lines
from tests.browser.person import Person


async def test_who_is_muted_reads_on_and_keeps_the_draft(saskia: Person, mateo: Person) -> None:
    await mateo.composer.fill("half a thou")
    await saskia.says("/mute @mateo 5m one link is enough")
    await saskia.is_told("Muted @mateo until ")
    for person in (saskia, mateo):
        await person.sees("saskia muted mateo until ")
        await expect(person.event("saskia muted mateo")).to_contain_text("one link is enough")
    reason = mateo.page.locator("#why-not")
    await expect(reason).to_contain_text("Muted by saskia until ")
    await expect(reason).to_contain_text("“one link is enough” You can still read and use commands")
    await expect(reason.locator(".left")).to_have_text(re.compile(r"^4:\d\d"))
    await saskia.says("/mute @mateo 99d one link is enough")
    await expect(reason.locator(".left")).to_be_empty()
    await expect(mateo.composer).to_have_value("half a thou")
    await saskia.says("quiet now")
    await mateo.reads("quiet now")
    await mateo.page.reload()
    await mateo.is_here()
    await expect(reason).to_contain_text("“one link is enough”")
    await expect(mateo.composer).to_have_value("half a thou")
    await saskia.says("/unmute mateo")
    await mateo.sees("saskia lets mateo speak again")
    await expect(reason).to_be_hidden()
    await mateo.composer.press("End")
    await mateo.types("ght")
    await mateo.composer.press("Enter")
    await saskia.reads("half a thought")


@pytest.mark.parametrize("line", ["/mute @mateo 5m", "/lock", "/moderated on", "/archive"])
async def test_who_may_not_post_types_commands_all_the_same(saskia: Person, mateo: Person, line: str) -> None:
    refusal = mateo.page.locator(".bound")
    await mateo.composer.fill("half a thou")
    await saskia.says(line)
    await expect(mateo.page.locator("#why-not")).to_contain_text("ommands")
    await mateo.composer.press("Enter")
    await expect(refusal).to_contain_text("Not sent: it stays here.")
    await expect(mateo.composer).to_have_value("half a thou")
    await mateo.types("g")
    await expect(refusal).to_be_hidden()
    await mateo.composer.press("Home")
    await mateo.types("/who")
    await expect(mateo.composer).to_have_value("/who")
    await expect(mateo.menu).to_be_visible()
    await mateo.presses("Enter")
    await mateo.is_told("here in #lobby")
    await expect(mateo.composer).to_have_value("half a thoug")
    await mateo.page.get_by_role("button", name="Send").click()
    await mateo.page.get_by_role("button", name="Type a command").click()
    await mateo.page.keyboard.type("help kill")
    await mateo.presses("Enter")
    await mateo.is_told("Who may: moderators and up")
    await expect(mateo.composer).to_have_value("half a thoug")
    await expect(mateo.waiting).to_have_count(0)
    await mateo.page.reload()
    await mateo.is_here()
    await expect(mateo.composer).to_have_value("half a thoug")


async def test_one_thing_at_a_time_is_asked_about(saskia: Person, mateo: Person) -> None:
    asked = saskia.page.get_by_role("button", name="Confirm with ")
    await saskia.says("/siteban @mateo spam")
    await expect(asked).to_have_count(1)
    await saskia.composer.fill("")
    await saskia.says("/broadcast We close at noon")
    await expect(asked).to_have_count(1)
    await expect(asked).to_contain_text("/broadcast --code ")
    await saskia.says("/who")
    await saskia.is_told("here in #lobby")
    await asked.click()
    await mateo.reads("We close at noon")
    await expect(asked).to_have_count(0)


async def test_who_is_banned_sees_by_whom_and_why(saskia: Person, mateo: Person) -> None:
    await mateo.composer.fill("but I only")
    await saskia.says("/ban @mateo spam")
    await expect(mateo.page.get_by_role("heading", level=1)).to_have_text("You are banned from #lobby")
    await expect(mateo.page.locator(".lede")).to_contain_text("By saskia")
    await expect(mateo.page.locator(".lede")).to_contain_text("with the reason “spam”")
    await expect(mateo.page.locator(".wait")).to_have_text("Only a moderator can let you back in.")
    await expect(mateo.page.locator(".kept")).to_have_text("but I only")
    await saskia.sees("saskia banned mateo until further notice")
    await saskia.says("/undo")
    await saskia.sees("saskia lets mateo back in")
    await mateo.enters("lobby")
    await expect(mateo.composer).to_have_value("but I only")


async def test_the_room_says_how_it_is_set_and_the_composer_why_it_waits(
    saskia: Person, mateo: Person
) -> None:
    reason = mateo.page.locator("#why-not")
    await saskia.says("/lock until nine")
    await mateo.sees("saskia locked the room: only moderators post until nine")
    await expect(reason).to_contain_text("Locked by saskia: only moderators post.")
    await expect(saskia.page.locator("#why-not")).to_be_hidden()
    await saskia.says("/unlock")
    await mateo.sees("saskia opened the room again")
    await expect(reason).to_be_hidden()
    await saskia.says("/moderated on")
    await mateo.sees("saskia lets only those with a voice post")
    await expect(reason).to_contain_text("Only those with a voice post here.")
    await saskia.says("/voice mateo")
    await mateo.sees("saskia gave mateo a voice")
    await expect(reason).to_be_hidden()
    await mateo.page.reload()
    await mateo.is_here()
    await mateo.sees("saskia gave mateo a voice")
    await expect(reason).to_be_hidden()
    await mateo.says("thank you")
    await saskia.reads("thank you")
    await saskia.says("/slowmode 1m")
    await mateo.sees("saskia set a pause of 1 minute between two posts")


async def test_what_was_set_at_once_is_one_sentence_live_and_later(saskia: Person, mateo: Person) -> None:
    title = await saskia.page.locator("#main").get_attribute("data-title") or ""
    kept = {"enter": "all", "comings_and_goings": "1", "guests_welcome": "1"}
    more = {"moderators_clear": "1", "members_invite": "1", "history": "join"}
    sentences = [
        (
            "saskia set the room: only those with a voice post, a pause of 1 hour between two posts, "
            "members invite people, moderators may clear it, newcomers read what is said after they join"
        ),
        "saskia set the room: posting needs no voice, no pause between two posts",
        "saskia set the room: guests may not come in",
        f"saskia calls the room {title.upper()}",
    ]
    for sentence, fields in zip(
        sentences,
        (
            {**kept, **more, "title": title, "write": "voiced", "slow_mode": "3600"},
            {**kept, **more, "title": title, "slow_mode": "0"},
            {**kept, **more, "title": title, "slow_mode": "0", "guests_welcome": ""},
            {**kept, **more, "title": title.upper(), "slow_mode": "0", "guests_welcome": ""},
        ),
        strict=True,
    ):
        await saskia.submits("/rooms/lobby/settings", **fields)
        await mateo.sees(sentence)
    await mateo.page.reload()
    await mateo.is_here()
    for sentence in sentences:
        await mateo.sees(sentence)


async def test_an_archived_room_is_opened_again_by_who_may(saskia: Person, mateo: Person) -> None:
    reason = mateo.page.locator("#why-not")
    await saskia.says("/archive")
    for person in (saskia, mateo):
        await person.sees("saskia archived the room: it can only be read")
    await expect(reason).to_contain_text("This room is archived.")
    await mateo.says("words")
    await expect(mateo.composer).to_have_value("words")
    await saskia.says("words")
    await expect(saskia.composer).to_have_value("words")
    await saskia.says("/unarchive")
    await mateo.sees("saskia brought the room back from the archive")
    await expect(reason).to_be_hidden()
    await mateo.page.reload()
    await mateo.sees("saskia archived the room: it can only be read")
    await saskia.composer.fill("")
    await saskia.says("/private")
    await mateo.sees("saskia made the room private")
    await saskia.says("/public")
    await saskia.is_told("To confirm: /public ")
    await saskia.page.get_by_role("button", name="Confirm with /public ").click()
    await mateo.sees("saskia opened the room to everybody here")
    await expect(saskia.composer).to_have_value("")


async def test_in_slow_mode_the_composer_counts_down_and_keeps_the_words(
    saskia: Person, mateo: Person
) -> None:
    reason = mateo.page.locator("#why-not")
    await saskia.says("/slowmode 1h")
    await mateo.sees("saskia set a pause of 1 hour between two posts")
    await mateo.says("one")
    await saskia.reads("one")
    await expect(reason).to_contain_text("Slow mode: the next message in")
    await expect(reason.locator(".left")).to_have_text(re.compile(r"^5\d:\d\d"))
    await mateo.says("two")
    await expect(mateo.composer).to_have_value("two")
    await expect(mateo.waiting).to_have_count(0)
    await saskia.says("/slowmode 6s")
    await mateo.sees("saskia set a pause of 6 seconds between two posts")
    await expect(reason).to_be_hidden()
    await mateo.composer.press("Enter")
    await saskia.reads("two")
    await saskia.says("/slowmode 2h")
    await mateo.sees("saskia set a pause of 2 hours between two posts")
    await expect(reason.locator(".left")).to_have_text(re.compile(r"^1:5\d:\d\d"))
    await mateo.says("/who")
    await mateo.is_told("here in #lobby")
    await mateo.page.reload()
    await mateo.is_here()
    await expect(reason.locator(".left")).to_have_text(re.compile(r"^1:5\d:\d\d"))
    await saskia.says("/slowmode off")
    await expect(reason).to_be_hidden()


async def test_hidden_messages_come_back_in_every_page(saskia: Person, mateo: Person) -> None:
    for text in ("one", "two", "three"):
        await mateo.says(text)
        await saskia.reads(text)
    await saskia.says("/purge @mateo 2")
    await mateo.sees("saskia removed 2 messages of mateo")
    for person in (saskia, mateo):
        await expect(person.message("Message removed by saskia")).to_have_count(2)
    await expect(mateo.page.get_by_role("button", name="Undo")).to_have_count(0)
    await saskia.says("/topic Later than that")
    await saskia.sees("saskia set the topic")
    await saskia.page.get_by_role("button", name="Undo").click()
    await saskia.is_told("Something was done after this.")
    await saskia.page.get_by_role("button", name="Take the newest back").click()
    await saskia.sees("saskia took that back")
    await saskia.page.get_by_role("button", name="Undo").click()
    for person in (saskia, mateo):
        await person.reads("two")
        await person.reads("three")
        await person.sees("saskia brought 2 messages back")
    # The answer stands below what was drawn afresh, where one looks.
    below = '.event:has-text("brought 2 messages back") ~ .notice:has-text("Undone: 2 messages back.")'
    await expect(saskia.log.locator(below)).to_be_in_viewport()


async def test_what_was_hidden_is_told_and_brought_back_after_a_reload(saskia: Person, mateo: Person) -> None:
    await mateo.says("one")
    await saskia.reads("one")
    await saskia.says("/pin")
    await saskia.says("/purge 1")
    await saskia.sees("saskia removed 1 message")
    for person in (saskia, mateo):
        await person.page.reload()
        await person.is_here()
        await person.sees("saskia removed 1 message")
        await person.sees("saskia pinned a message")
    await expect(mateo.page.get_by_role("button", name="Undo")).to_have_count(0)
    await saskia.page.get_by_role("button", name="Undo").click()
    for person in (saskia, mateo):
        await person.reads("one")
        await person.sees("saskia removed 1 message")
    await saskia.page.reload()
    await saskia.is_here()
    await saskia.sees("saskia brought 1 message back")
    await expect(saskia.page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_who_reads_further_up_misses_nothing_of_what_is_hidden_meanwhile(
    saskia: Person, mateo: Person, app: web.Application
) -> None:
    await write_lines(app, saskia.name, 120)
    await mateo.opens("/rooms/lobby?at=40")
    await mateo.is_here()
    await expect(mateo.message("line 119.")).to_have_count(0)
    await saskia.says("/purge 100")
    await expect(mateo.message("Message removed by saskia").first).to_be_visible()
    await mateo.page.wait_for_function("""() => {
        const log = document.querySelector("message-list")
        log.scrollTop = log.scrollHeight
        return !log.querySelector(".newer")
    }""")
    await mateo.sees("saskia removed 100 messages")
    seqs = await mateo.messages.evaluate_all("all => all.map((one) => Number(one.dataset.seq))")
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert len(seqs) > 100


async def test_pins_and_offers_are_lines_of_the_log(saskia: Person, mateo: Person) -> None:
    await mateo.says("the plan")
    await saskia.reads("the plan")
    await saskia.says("/pin")
    await mateo.sees("saskia pinned a message")
    await mateo.says("/pins")
    await mateo.is_told("mateo: the plan · pinned by saskia")
    seq = await mateo.message("the plan").get_attribute("data-seq")
    pinned = mateo.notice("the plan").get_by_role("link")
    await expect(pinned).to_have_attribute("href", f"/rooms/lobby?at={seq}")
    await saskia.says("/transfer @mateo")
    await mateo.sees("saskia offers the room to mateo, who can /accept until ")
    await mateo.says("/accept")
    await saskia.sees("saskia made mateo an owner")
    await mateo.types("/cle")
    await expect(mateo.menu.get_by_role("option")).to_have_count(1)


async def test_what_a_site_admin_does_in_a_room_of_others_says_so(saskia: Person, mateo: Person) -> None:
    await mateo.makes("kiln")
    await saskia.opens("/rooms/kiln")
    await saskia.says("/topic Glaze")
    for person in (saskia, mateo):
        await expect(person.event("saskia set the topic").locator(".tag")).to_have_text("as site admin")
    await mateo.page.reload()
    await expect(mateo.event("saskia set the topic").locator(".tag")).to_have_text("as site admin")
    await saskia.enters("lobby")
    await saskia.says("/announce #kiln The kiln rests at noon")
    await saskia.is_told("Said in #kiln.")
    await expect(mateo.message("rests at noon").locator(".tag")).to_have_text("as site admin")
    await mateo.page.reload()
    await expect(mateo.message("rests at noon").locator(".tag")).to_have_text("as site admin")
    await mateo.says("/topic Clay")
    await expect(mateo.event("mateo set the topic")).to_have_count(1)
    await expect(mateo.event("mateo set the topic").locator(".tag")).to_have_count(0)


async def test_an_owner_takes_back_by_the_log_what_a_moderator_did(saskia: Person, mateo: Person) -> None:
    await saskia.says("/op @mateo")
    await mateo.sees("saskia made mateo a moderator")
    await mateo.says("/topic Mine now")
    await saskia.sees("mateo set the topic")
    await saskia.opens("/rooms/lobby/log")
    act = saskia.page.locator(".act").filter(has_text="/topic Mine now")
    await saskia.page.get_by_label("By or about").fill("mateo")
    await saskia.page.get_by_label("Kind").select_option("Topics")
    await saskia.page.get_by_role("button", name="Show").click()
    await expect(saskia.page.locator(".act")).to_have_count(1)
    await act.get_by_role("button", name="Undo").click()
    await expect(saskia.page.locator(".flash")).to_contain_text("Undone: the topic is what it was.")
    await expect(act).to_contain_text("Taken back by saskia")
    await expect(act.get_by_role("button", name="Undo")).to_have_count(0)
    await expect(saskia.page).to_have_url(f"{saskia.site}/rooms/lobby/log?who=mateo&act=topic")
    await mateo.sees("saskia took that back")


async def test_moderators_see_that_reports_wait_and_see_to_them(saskia: Person, mateo: Person) -> None:
    await saskia.says("/op @mateo")
    await mateo.sees("saskia made mateo a moderator")
    await mateo.page.reload()
    await mateo.is_here()
    link = mateo.page.locator("[data-reports]")
    await expect(link).to_have_accessible_name("Reports")
    await saskia.says("buy this")
    await mateo.reads("buy this")
    message = mateo.message("buy this")
    await mateo.says(f"/report {await message.get_attribute('data-seq')} spam")
    await mateo.is_told("Reported.")
    for person in (saskia, mateo):
        await expect(person.page.locator("[data-reports]")).to_have_accessible_name("Reports, 1 open")
    await link.click()
    await expect(mateo.page.locator(".act")).to_contain_text("Reported by mateo: “spam”")
    await mateo.page.get_by_role("button", name="Resolve").click()
    await expect(mateo.page.get_by_text("Nothing is reported.")).to_be_visible()
    await expect(saskia.page.locator("[data-reports]")).to_have_accessible_name("Reports")


async def test_an_owner_reads_the_log_of_moderation(saskia: Person, mateo: Person) -> None:
    await saskia.says("/mute @mateo 5m <b>loud</b>")
    await saskia.is_told("Muted @mateo")
    await saskia.says("/undo")
    await saskia.is_told("Undone")
    await saskia.says("/log")
    await saskia.is_told("saskia · /mute @mateo 5m <b>loud</b> · undone by saskia")
    await saskia.opens("/rooms/lobby/log")
    act = saskia.page.locator(".act")
    await expect(act).to_have_count(1)
    await expect(act).to_contain_text("/mute @mateo 5m <b>loud</b>")
    await expect(act).to_contain_text("Taken back by saskia")
