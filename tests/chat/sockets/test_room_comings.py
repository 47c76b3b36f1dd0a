"""Who comes and who goes, told once each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.people import House, Person


async def test_the_first_tab_joins_and_the_last_one_leaves(alice: Person, bob: Person, house: House) -> None:
    await bob.enters()
    await alice.enters()
    assert (await bob.hears("joined", user="alice")).by.id == alice.id
    await alice.enters()
    first, second = alice.tabs
    await first.leaves()
    await second.leaves()
    left = await bob.hears("left", user="alice")
    assert "lost" not in left
    assert len(await bob.tab.all_heard("joined")) == 1, "only bob's own"
    assert not await bob.tab.has_heard("left")


async def test_a_broken_line_is_told_as_lost(alice: Person, bob: Person) -> None:
    await bob.enters()
    await alice.enters()
    await bob.hears("joined", user="alice")
    alice.tab.breaks()
    assert (await bob.hears("left", user="alice")).lost is True


async def test_a_closed_tab_is_no_lost_line(alice: Person, bob: Person) -> None:
    await bob.enters()
    await alice.enters()
    await bob.hears("joined", user="alice")
    await alice.tab.leaves(1001)
    assert "lost" not in await bob.hears("left", user="alice")


async def test_hello_tells_who_is_here_by_rank(alice: Person, mona: Person, olga: Person) -> None:
    for person in (mona, olga, alice):
        await person.enters()
        await person.hears("joined", user=person.name)
    here = (await olga.enters()).here
    assert here["count"] == 3
    assert [(one["name"], one["role"]) for one in here["people"]] == [
        ("olga", "owner"),
        ("mona", "moderator"),
        ("alice", "member"),
    ]


async def test_who_is_demoted_while_they_are_greeted_hears_no_more_of_reports(
    alice: Person, mona: Person, olga: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = house.node.entrance.look_again

    async def answers_late(*asked: Any) -> Any:
        seen = await look(*asked)
        monkeypatch.undo()
        await olga.says("/deop @mona")
        return seen

    await alice.enters()
    await olga.enters()
    said = await olga.says("hello")
    monkeypatch.setattr(house.node.entrance, "look_again", answers_late)
    await mona.enters()
    await mona.hears("role", user="mona")
    await alice.says(f"/report {said.seq} unkind")
    report = await olga.hears("audit", act="report")
    await mona.hears("skip", seq=report.seq)
    assert not await mona.tab.has_heard("audit")
