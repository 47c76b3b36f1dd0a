"""What is said otherwise than plainly, changed, taken back and found again."""

from __future__ import annotations

import pytest

from chat.actions.previews import previews
from chat.policy import Role
from tests.people import House, Person


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/shrug", "¯\\_(ツ)_/¯"),
        ("/shrug who knows", "who knows ¯\\_(ツ)_/¯"),
        ("/tableflip", "(╯°□°)╯︵ ┻━┻"),
        ("/unflip sorry", "sorry ┬─┬ ノ( ゜-゜ノ)"),
        ("/LENNY", "( ͡° ͜ʖ ͡°)"),
    ],
)
async def test_faces_are_said_as_words(alice: Person, bob: Person, line: str, text: str) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says(line, nonce="n-1")
    said = await bob.hears("message")
    assert (said.text, said.parts) == (text, [{"t": "text", "s": text}])
    assert (await alice.says(line, nonce="n-1")).duplicate


async def test_a_block_of_code_is_letter_by_letter(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says("/code if *x*:\n    say(`@bob`)\n```", nonce="n-1")
    said = await bob.hears("message")
    assert said.parts == [{"t": "block", "s": "if *x*:\n    say(`@bob`)\n```"}]
    assert (await alice.says("/code if *x*:\n    say(`@bob`)\n```", nonce="n-1")).duplicate
    assert not await bob.tab.has_heard("message")


async def test_a_day_that_is_still_to_come_leads_nowhere_and_says_so(alice: Person) -> None:
    await alice.enters()
    refused = await alice.refused("/jump 2999-01-01")
    assert refused.message == (
        "Nothing has happened in this room since 1 January 2999. /history shows what was said last."
    )
    assert (await alice.refused("/history x")).message == "Usage: /history [N|2h]. Example: /history 2h."


async def test_a_spoiler_is_marked_and_no_preview_reveals_it(
    alice: Person, bob: Person, house: House
) -> None:
    await alice.enters()
    await bob.enters()
    answer = await alice.says("/spoiler the *gardener*\nand @bob", nonce="n-1")
    said = await bob.hears("message")
    assert (said.text, said.parts) == (
        "||the *gardener*\nand @bob||",
        [{"t": "spoiler", "s": "the *gardener*\nand @bob"}],
    )
    assert (await alice.says("/spoiler the *gardener*\nand @bob", nonce="n-1")).duplicate
    assert not await bob.tab.has_heard("message")
    await house.ranks(bob, Role.MODERATOR)
    await bob.says(f"/pin {answer.seq}")
    assert "alice: (spoiler)" in (await alice.says("/pins")).text
    assert [one.last.text for one in await previews(house.node, bob.id) if one.last] == ["(spoiler)"]
    assert "||the" in (await bob.says("/history 1")).text


async def test_what_was_hidden_stays_hidden_when_it_is_changed(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says("/spoiler the gardener")
    await alice.says("/edit the butler", nonce="n-2")
    changed = await bob.hears("edited")
    assert (changed.text, changed.parts) == ("||the butler||", [{"t": "spoiler", "s": "the butler"}])
    await alice.says("/edit ||the cook||")
    changed = await bob.hears("edited")
    assert (changed.text, changed.parts) == ("||the cook||", [{"t": "spoiler", "s": "the cook"}])
    await alice.says("in plain sight")
    await alice.says("/edit ||as typed||")
    assert (await bob.hears("edited")).parts == [{"t": "text", "s": "||as typed||"}]


async def test_a_spoiler_is_heard_through_another_process(alice: Person, bob: Person, house: House) -> None:
    await house.opens()
    far = await house.again("bob", bob.id, at=1)
    await far.enters()
    await alice.enters()
    await alice.says("/spoiler the gardener")
    assert (await far.hears("message")).parts == [{"t": "spoiler", "s": "the gardener"}]


async def test_plain_words_have_no_parts_but_words(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says("/plain *not* strong, @bob, https://example.org", nonce="n-1")
    said = await bob.hears("message")
    assert said.parts == [{"t": "text", "s": "*not* strong, @bob, https://example.org"}]
    assert said.text == "*not* strong, @bob, https://example.org"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/code", "usage"),
        ("/plain ", "usage"),
        ("/spoiler", "usage"),
        ("/spoiler " + "x" * 3_992, "too_long"),
        ("/code " + "x" * 3_994, "too_long"),
        ("/shrug " + "x" * 3_993, "too_long"),
        ("/edit", "usage"),
        ("/edit nothing was said", "not_found"),
        ("/delete", "not_found"),
        ("/delete 99", "gone"),
        ("/delete something", "usage"),
        ("/delete #m0", "gone"),
        ("/delete 1 2", "usage"),
        ("/history 0", "usage"),
        ("/history long ago", "usage"),
        ("/jump", "usage"),
        ("/jump tomorrow", "usage"),
        ("/jump 2026-13-01", "usage"),
        ("/jump 2999-01-01", "gone"),
        ("/jump #m99", "gone"),
    ],
)
async def test_what_cannot_be_is_refused(alice: Person, house: House, line: str, code: str) -> None:
    await alice.enters()
    await alice.hears("joined")
    assert (await alice.refused(line)).code == code
    assert (await house.kinds())[-1] == "joined"


@pytest.mark.parametrize("line", ["/shrug", "/code x", "/plain x", "/edit x"])
async def test_who_is_muted_says_nothing_in_any_way(alice: Person, house: House, line: str) -> None:
    await alice.enters()
    await alice.says("before")
    await house.marks(alice, "muted_until = now() + interval '1 h'")
    assert (await alice.refused(line)).code == "muted"


async def test_the_last_words_are_changed(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    await bob.enters()
    first, last = await alice.says("one"), await alice.says("two")
    await bob.says("three")
    await alice.says("/edit *2*", nonce="n-1")
    edited = await bob.hears("edited")
    assert (edited.target, edited.text) == (last.seq, "*2*")
    assert (await alice.says("/edit *2*", nonce="n-1")).duplicate
    assert (await house.kinds()).count("edited") == 1
    await alice.says("/delete", nonce="n-2")
    assert (await bob.hears("removed")).target == last.seq
    assert (await alice.says("/delete", nonce="n-2")).duplicate
    await alice.says("/edit 1")
    assert (await bob.hears("edited")).target == first.seq


async def test_words_stand_once_they_were_read_for_long(alice: Person, house: House) -> None:
    await alice.enters()
    said = await alice.says("one")
    await house.node.manager.execute(
        "UPDATE messages SET at = at - interval '3 hours 1 s' WHERE seq = %s", said.seq
    )
    why = await alice.refused("/edit two")
    assert (why.code, why.message) == (
        "edit_window",
        "A message can be changed for 3 hours. Say it anew, or /delete it.",
    )
    assert (await alice.says("/delete")).seq


@pytest.mark.parametrize(
    "link", ["{}", "#{}", "m{}", "#m{}", "/rooms/lobby?at={}#m{}", "https://x.example/rooms/lobby?at={}"]
)
async def test_a_message_is_named_by_its_link(alice: Person, mona: Person, link: str) -> None:
    await alice.enters()
    await mona.enters()
    said = await alice.says("one")
    await mona.says(f"/redact {link.replace('{}', str(said.seq))}")
    assert (await alice.hears("removed")).target == said.seq


async def test_a_link_into_another_room_means_no_message_here(alice: Person) -> None:
    await alice.enters()
    said = await alice.says("one")
    for link in (f"/rooms/garden?at={said.seq}#m{said.seq}", f"https://x.example/rooms/garden#m{said.seq}"):
        for command in ("/delete", "/jump"):
            assert (await alice.refused(f"{command} {link}")).code == "gone"
    assert (await alice.refused(f"/delete x{said.seq}")).code == "usage"
    assert (await alice.refused("/delete 0")).code == "gone"


async def test_others_words_are_for_moderators_to_take_back(alice: Person, bob: Person, olga: Person) -> None:
    await alice.enters()
    await bob.enters()
    await olga.enters()
    said, ruled = await alice.says("one"), await olga.says("two")
    assert (await bob.refused(f"/delete {said.seq}")).code == "no_permission"
    assert (await alice.refused(f"/delete {ruled.seq}")).code == "no_permission"


async def test_what_was_said_is_read_again_by_one_alone(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    await bob.enters()
    for text in ("one", "two", "/me waves"):
        await bob.says(text)
    lines = (await alice.says("/history")).text.splitlines()
    assert [line[6:] for line in lines] == ["bob: one", "bob: two", "* bob waves"]
    assert (await alice.says("/history 1")).text[6:] == "* bob waves"
    await house.node.manager.execute(
        "UPDATE messages SET at = at - interval '3 h' WHERE text IN ('one', 'two')"
    )
    assert (await alice.says("/history 2h")).text[6:] == "* bob waves"
    await house.marks(alice, "floor = 1000")
    await alice.enters()
    assert (await alice.says("/history")).text == "Nothing was said in that time."


async def test_one_is_led_to_a_message_or_a_day(alice: Person, house: House) -> None:
    await alice.enters()
    said = [await alice.says(str(number)) for number in range(10)]
    assert (
        await alice.says(f"/jump #m{said[3].seq}")
    ).text == f"/rooms/lobby?at={said[3].seq}#m{said[3].seq}"
    await house.node.manager.execute(
        "UPDATE messages SET at = '2026-05-02 23:59Z' WHERE seq < %s", said[7].seq
    )
    assert (await alice.says("/jump 2026-05-03")).text == f"/rooms/lobby?at={said[7].seq}#m{said[7].seq}"
    assert (await alice.says("/jump 2000-01-01")).text == "/rooms/lobby?at=1#m1"


async def test_the_other_process_changes_the_last_words_of_one_room_alone(
    alice: Person, olga: Person, house: House
) -> None:
    await house.opens()
    await house.room("garden", olga)
    elsewhere = await house.again("alice", alice.id, at=1)
    await house.ranks(alice, Role.MEMBER, "garden")
    await alice.enters()
    here = await alice.says("here")
    await elsewhere.enters("garden")
    await elsewhere.says("there")
    await elsewhere.enters("lobby")
    await elsewhere.says("/edit changed")
    assert (await alice.hears("edited")).target == here.seq
