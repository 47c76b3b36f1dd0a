"""/report, /reports, /resolve, and the page where moderators look at what was reported."""

from __future__ import annotations

import pytest

from tests.people import House, Person


async def test_moderators_see_what_was_reported_and_nobody_else(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    said = await alice.says("buy <b>this</b>")
    answer = await bob.says(f"/report /rooms/lobby?at={said.seq}#m{said.seq} spam", nonce="n-1")
    assert answer.text == "Reported. The moderators see it, its author does not."
    told = await mona.hears("audit")
    assert (told.act, told.facts, told.by.name) == (
        "report",
        {"target": said.seq, "reason": "spam"},
        "bob",
    )
    assert await alice.hears("skip", seq=told.seq)
    assert (await bob.says(f"/report /rooms/lobby?at={said.seq}#m{said.seq} spam", nonce="n-1")).duplicate
    assert (await bob.refused(f"/report {said.seq}")).code == "already"
    listed = (await mona.says("/reports")).text.split("\n")
    assert listed[0] == f"alice: buy <b>this</b> · by bob (spam) · /rooms/lobby?at={said.seq}"
    assert (await mona.says(f"/resolve {said.seq}")).text == "Resolved."
    assert (await mona.says("/reports")).text == "Nothing is reported."
    assert (await mona.refused(f"/resolve {said.seq}")).code == "not_set"
    assert "audit" not in await _shown(alice)


async def _shown(person: Person) -> list[str]:
    return [entry["type"] for entry in (await person.gets("/api/rooms/lobby/messages")).json.entries]


async def test_the_page_of_reports_removes_mutes_and_resolves(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    said = [await alice.says(text) for text in ("<i>one</i>", "two", "three")]
    for one in said:
        await bob.says(f"/report {one.seq} <b>why</b>")
    page = await mona.opens("/rooms/lobby/reports")
    assert "&lt;i&gt;one&lt;/i&gt;" in page.text
    assert "&lt;b&gt;why&lt;/b&gt;" in page.text
    told = {
        "remove": "The message is removed. Resolved.",
        "mute": "Muted @alice until",
        "resolve": ">Resolved.",
    }
    for (act, words), one in zip(told.items(), said, strict=True):
        done = await mona.fills("/rooms/lobby/reports", seq=str(one.seq), act=act, author="alice")
        assert done.leads_to == "/rooms/lobby/reports"
        assert words in (await mona.opens("/rooms/lobby/reports")).text
    assert (await bob.hears("removed")).target == said[0].seq
    assert (await bob.hears("muted")).user.name == "alice"
    assert "Nothing is reported." in (await mona.opens("/rooms/lobby/reports")).text


@pytest.mark.parametrize("seq", ["", "x", "-1", "9" * 30, "0", "1"])
async def test_whatever_is_sent_to_the_page_it_answers(mona: Person, house: House, seq: str) -> None:
    for act in ("remove", "mute", "resolve", "nothing"):
        answer = await mona.fills("/rooms/lobby/reports", seq=seq, act=act, author="\0")
        assert answer.status == 303
    assert not {"removed", "muted"} & set(await house.kinds())


async def test_the_page_is_for_moderators(alice: Person, bob: Person, mona: Person, house: House) -> None:
    assert (await alice.opens("/rooms/lobby/reports")).status == 403
    said = await bob.posts("/api/rooms/lobby/messages", {"text": "hi"})
    await alice.posts("/api/rooms/lobby/messages", {"text": f"/report {said.json.seq}"})
    for act in ("remove", "mute", "resolve"):
        await alice.fills("/rooms/lobby/reports", on="/rooms", seq=str(said.json.seq), act=act, author="bob")
    assert not {"removed", "muted"} & set(await house.kinds())
    assert "Reported by alice" in (await mona.opens("/rooms/lobby/reports")).text


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/report", "usage"),
        ("alice", "/report this", "usage"),
        ("alice", "/report 999999", "gone"),
        ("alice", "/report {mine}", "self"),
        ("alice", "/reports", "no_permission"),
        ("alice", "/resolve 1", "no_permission"),
        ("mona", "/resolve", "usage"),
        ("mona", "/resolve 1", "not_set"),
    ],
)
async def test_it_is_refused(
    alice: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    await alice.enters()
    said = await alice.says("mine")
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line.replace("{mine}", str(said.seq)))).code == code
    assert "audit" not in await house.kinds()


async def test_a_report_made_at_one_process_is_seen_at_the_other(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("mona", mona.id, at=1)
    await there.enters()
    await alice.enters()
    said = await alice.says("spam")
    await bob.enters()
    await bob.says(f"/report {said.seq}")
    assert (await there.hears("audit")).facts["target"] == said.seq
    assert (await there.says("/reports")).text.startswith("alice: spam · by bob · ")
