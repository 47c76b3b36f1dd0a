"""/log, its page and its JSON: who did what, and never what was said."""

from __future__ import annotations

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_the_log_says_who_typed_what_and_who_took_it_back(
    alice: Person, mona: Person, olga: Person
) -> None:
    for person in (alice, mona, olga):
        await person.enters()
    await mona.says("/mute @alice 10m one <b>link</b>")
    await mona.says("/topic Tea")
    await olga.says("/undo mona")
    lines = (await mona.says("/log")).text.split("\n")
    assert len(lines) == 2
    assert lines[0].endswith(" · mona · /topic Tea · undone by olga")
    assert lines[1].endswith(" · mona · /mute @alice 10m one <b>link</b>")
    assert (await mona.says("/audit 1")).text == lines[0]
    assert (await mona.says("/log 5 @alice")).text == lines[1]
    assert (await mona.says("/log olga")).text == "No one has been muted or removed here."


async def test_an_admins_act_in_a_room_of_others_is_shown_as_such(
    alice: Person, mona: Person, house: House
) -> None:
    ade = await house.person("ade", is_admin=True)
    await house.ranks(ade, Role.MEMBER)
    await ade.enters()
    await mona.enters()
    await ade.says("/kill alice")
    assert (await mona.says("/log")).text.endswith(" · ade (as site admin) · /kill alice")
    await house.ranks(ade, Role.MODERATOR)
    await ade.says("/mute alice")
    assert (await mona.says("/log 1")).text.endswith(" · ade · /mute alice")


async def test_no_words_of_messages_are_in_it(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    said = await alice.says("my secret")
    await mona.tab.asks("remove", target=said.seq)
    mine = await alice.says("another secret")
    await alice.tab.asks("remove", target=mine.seq)
    text = (await mona.says("/log")).text
    assert text.endswith(" · mona · removed a message of @alice")
    assert "\n" not in text
    assert "secret" not in text


async def test_owners_see_it_as_a_page(alice: Person, mona: Person, olga: Person) -> None:
    await mona.enters()
    assert "No one has been muted or removed here." in (await olga.opens("/rooms/lobby/log")).text
    await mona.says("/mute @alice 10m one <b>link</b>")
    await mona.says("/undo")
    page = await olga.opens("/rooms/lobby/log")
    assert page.status == 200
    assert "/mute @alice 10m one &lt;b&gt;link&lt;/b&gt;" in page.text
    assert "Taken back by mona" in page.text
    for person in (mona, alice):
        assert (await person.opens("/rooms/lobby/log")).status == 403
    assert (await olga.opens("/rooms/nowhere/log")).status == 404
    assert (await olga.opens("/rooms/lobby/log?before=x")).status == 400


async def test_the_page_goes_back_in_time(olga: Person, house: House) -> None:
    await house.node.manager.execute(
        "INSERT INTO acts (room_id, seq, at, actor_id, actor_name, act, line) "
        "SELECT r.id, n, now() - n * interval '1 h', 0, 'mona', 'topic', '/topic ' || n "
        "FROM rooms r, generate_series(1, 120) n"
    )
    first = (await olga.opens("/rooms/lobby/log")).text
    assert ">/topic 120<" in first
    assert ">/topic 20<" not in first
    assert "/rooms/lobby/log?before=21" in first
    assert ">/topic 20<" in (await olga.opens("/rooms/lobby/log?before=21")).text


async def test_admins_get_it_as_json(mona: Person, olga: Person, house: House) -> None:
    ade = await house.person("ade", is_admin=True)
    await mona.enters()
    await mona.says("/topic Tea")
    answer = await ade.gets("/api/rooms/lobby/log?limit=1")
    assert answer.status == 200
    (act,) = answer.json.acts
    assert (act["actor"], act["act"], act["line"], act["undone"], act["as_admin"]) == (
        "mona",
        "topic",
        "/topic Tea",
        False,
        False,
    )
    assert answer.json.complete is True
    assert (await ade.gets(f"/api/rooms/lobby/log?before={act['seq']}")).json.acts == []
    for person in (mona, olga):
        refused = await person.gets("/api/rooms/lobby/log")
        assert (refused.status, refused.refusal.code) == (403, "no_permission")
    assert (await ade.gets("/api/rooms/nowhere/log")).status == 404


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/log", "no_permission"),
        ("mona", "/log 0", "usage"),
        ("mona", "/log 201", "usage"),
        ("mona", "/log 5 alice bob", "usage"),
    ],
)
async def test_it_is_refused(alice: Person, mona: Person, who: str, line: str, code: str) -> None:
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code


async def test_the_page_takes_back_what_its_button_stands_at(
    alice: Person, mona: Person, olga: Person
) -> None:
    for person in (alice, mona, olga):
        await person.enters()
    await mona.says("/topic Tea")
    first = (await mona.hears("topic")).seq
    page = await olga.opens("/rooms/lobby/log")
    assert page.text.count(">Undo<") == 1
    await mona.says("/mute @alice 10m")
    second = (await mona.hears("muted")).seq
    assert (await olga.fills("/rooms/lobby/log", seq=str(first))).status == 303
    page = await olga.opens("/rooms/lobby/log")
    assert "Something was done here since then." in page.text
    assert f'name="seq" value="{second}"' in page.text
    assert f'name="seq" value="{first}"' not in page.text
    await olga.fills("/rooms/lobby/log", seq=str(second))
    assert (await mona.hears("undone")).target == second
    page = await olga.opens("/rooms/lobby/log")
    assert "@alice may speak again" in page.text
    assert "Taken back by olga" in page.text
    await olga.fills("/rooms/lobby/log", seq=str(first), back="?act=topic")
    assert (await mona.hears("undone")).target == first


@pytest.mark.parametrize("seq", ["", "0", "-1", "x", "9" * 30, "12345"])
async def test_the_page_takes_back_nothing_that_is_not_there(seq: str, mona: Person, olga: Person) -> None:
    for person in (mona, olga):
        await person.enters()
    await mona.says("/topic Tea")
    assert (await olga.fills("/rooms/lobby/log", seq=seq)).status == 303
    assert not await olga.tab.has_heard("undone")


async def test_who_may_not_see_the_page_takes_nothing_back_by_it(
    mona: Person, alice: Person, olga: Person
) -> None:
    for person in (mona, alice, olga):
        await person.enters()
    await olga.says("/topic Tea")
    seq = (await olga.hears("topic")).seq
    for person in (mona, alice):
        await person.fills("/rooms/lobby/log", on="/rooms", seq=str(seq))
    assert not await olga.tab.has_heard("undone")


async def test_the_page_is_narrowed_to_a_person_and_a_kind(alice: Person, mona: Person, olga: Person) -> None:
    for person in (alice, mona, olga):
        await person.enters()
    await mona.says("/topic Tea")
    await mona.says("/mute @alice 10m")
    await olga.says("/topic Coffee")
    mutes = (await olga.opens("/rooms/lobby/log?act=muted")).text
    assert "/mute @alice 10m" in mutes
    assert "/topic" not in mutes
    monas = (await olga.opens("/rooms/lobby/log?who=%40Mona")).text
    assert "/topic Tea" in monas
    assert "/topic Coffee" not in monas
    assert "Nothing of that kind was done here." in (await olga.opens("/rooms/lobby/log?who=nobody")).text
    assert "/topic Coffee" in (await olga.opens("/rooms/lobby/log?act=%27%3B--")).text
    assert (await olga.opens("/rooms/lobby/log?who=%00")).status in (200, 400)


async def test_moderators_see_how_many_reports_wait(alice: Person, mona: Person, olga: Person) -> None:
    for person in (alice, mona, olga):
        await person.enters()
    said = await mona.says("buy this")
    assert 'aria-label="Reports"' in (await mona.opens("/rooms/lobby")).text
    await alice.says(f"/report {said.seq} spam")
    await olga.says(f"/report {said.seq}")
    assert 'aria-label="Reports, 1 open"' in (await mona.opens("/rooms/lobby")).text
    assert "data-reports" not in (await alice.opens("/rooms/lobby")).text
    await olga.says(f"/resolve {said.seq}")
    assert 'aria-label="Reports"' in (await olga.opens("/rooms/lobby")).text
