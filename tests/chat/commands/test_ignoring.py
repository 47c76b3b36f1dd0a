"""Who does not want to hear somebody: /ignore, /unignore, and nobody else knows."""

from __future__ import annotations

import pytest

from chat.actions import ignoring
from tests.people import House, Person


@pytest.fixture
async def far(house: House, alice: Person) -> Person:
    """Alice again, at another process."""
    await house.opens()
    return await house.again("alice", alice.id, at=1)


async def waits(person: Person, room: str) -> tuple[int, int]:
    """How many messages and mentions wait for somebody in a room, as the list of rooms has it."""
    rooms = (await person.gets("/api/rooms")).json["rooms"]
    return next((one["unread"], one["mentions"]) for one in rooms if one["slug"] == room)


async def test_every_page_of_theirs_learns_it_and_nobody_elses(
    alice: Person, far: Person, bob: Person, house: House
) -> None:
    for person in (alice, far, bob):
        await person.enters()
    for name in ("alice", "bob"):
        await alice.hears("joined", user=name)
    kinds = await house.kinds()
    answer = await alice.says("/ignore @bob")
    assert answer.text == "You do not hear @bob any more, in any room. /unignore @bob ends it."
    for person in (alice, far):
        assert (await person.hears("ignored")).ids == [bob.id]
    assert (await far.enters()).ignored == [bob.id]
    assert (await far.says("/ignore")).text == "You ignore 1\n@bob"
    assert (await far.says("/unignore BOB")).text == "You hear @bob again."
    assert (await alice.hears("ignored")).ids == []
    assert (await alice.enters()).ignored is None
    assert (await alice.says("/ignore")).text == "You ignore nobody."
    assert not await bob.tab.has_heard("ignored")
    assert await house.kinds() == kinds


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/ignore alice", "self"),
        ("/ignore nobody", "not_found"),
        ("/ignore mona", "already"),
        ("/ignore bob mona", "usage"),
        ("/ignore bob\nmona", "usage"),
        ("/unignore", "usage"),
        ("/unignore bob", "not_set"),
        ("/unignore nobody", "not_found"),
        ("/unignore alice", "self"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    alice: Person, bob: Person, mona: Person, house: House, line: str, code: str
) -> None:
    await alice.enters()
    await alice.says("/ignore mona")
    assert (await alice.refused(line)).code == code
    assert (await alice.says("/ignore")).text == "You ignore 1\n@mona"


async def test_the_list_has_an_end(
    alice: Person, bob: Person, mona: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ignoring, "MOST", 1)
    await alice.enters()
    await alice.says("/ignore bob")
    assert (await alice.refused("/ignore mona")).code == "too_many"


async def test_a_repeat_ignores_nobody_twice(alice: Person, far: Person, bob: Person) -> None:
    await alice.enters()
    await far.enters()
    answer = await alice.says("/ignore bob", nonce="n-1")
    again = await far.says("/ignore bob", nonce="n-1")
    assert (again.duplicate, again.text) == (True, answer.text)
    assert (await far.says("/unignore bob", nonce="n-2")).text
    assert (await alice.says("/unignore bob", nonce="n-2")).duplicate
    assert (await alice.says("/ignore")).text == "You ignore nobody."


async def test_who_was_renamed_or_has_left_is_heard_again(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says("/ignore bob")
    await bob.says("/nick Robert")
    assert (await alice.says("/ignore")).text == "You ignore 1\n@Robert"
    await bob.posts("/api/rooms/lobby/messages", {"text": "/leave"})
    assert (await alice.says("/unignore robert")).text == "You hear @Robert again."


async def test_guests_ignore_and_are_ignored(alice: Person, bob: Person, house: House) -> None:
    await house.sets({"guests_welcome": True})
    await bob.enters()
    await bob.hears("joined", user="bob")
    await house.node.manager.execute("UPDATE users SET is_guest = true WHERE id = %s", bob.id)
    await house.marks(bob, "is_member = false")
    await alice.enters()
    await alice.hears("joined", user="alice")
    assert (await alice.says("/ignore bob")).text.startswith("You do not hear @bob")
    assert (await bob.says("/ignore alice")).text.startswith("You do not hear @alice")


# -- what is counted --------------------------------------------------------------------------------------------


async def test_what_an_ignored_one_says_is_neither_unread_nor_a_mention(
    alice: Person, far: Person, bob: Person, mona: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    for person in (alice, far):
        await person.enters("garden")
    for person in (bob, mona):
        await person.enters("lobby")
    await alice.says("/ignore bob")
    await far.hears("ignored")
    await bob.says("@alice one")
    await mona.says("two")
    for person in (alice, far):
        assert (await person.hears("unread", room="lobby", count=1)).mentions == 0
    await mona.says("@alice three")
    for person in (alice, far):
        assert await person.hears("unread", room="lobby", count=2, mentions=1)
        assert await waits(person, "lobby") == (2, 1)
    await alice.says("/unignore bob")
    for person in (alice, far):
        assert await person.hears("unread", room="lobby", count=3, mentions=2)
        assert await waits(person, "lobby") == (3, 2)
    await alice.says("/ignore bob")
    assert await far.hears("unread", room="lobby", count=2, mentions=1)


async def test_what_was_read_on_another_device_counts_without_them_too(
    alice: Person, bob: Person, mona: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await alice.enters("garden")
    await alice.says("/ignore bob")
    for person in (bob, mona):
        await person.enters("lobby")
    read = await mona.says("one")
    await bob.says("two")
    await mona.says("@alice three")
    await bob.says("@alice four")
    assert await alice.hears("unread", room="lobby", count=2, mentions=1)
    await alice.enters("lobby")
    reading = alice.tab
    await reading.sends({"type": "read", "seq": read.seq})
    assert await alice.tabs[0].hears("unread", room="lobby", count=1, mentions=1)
    assert await waits(alice, "lobby") == (1, 1)


async def test_history_by_word_is_without_them(alice: Person, bob: Person, mona: Person) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    await bob.says("hidden")
    await mona.says("heard")
    await alice.says("/ignore bob")
    said = (await alice.says("/history 5")).text
    assert "mona: heard" in said
    assert "hidden" not in said


# -- alone ------------------------------------------------------------------------------------------------------


async def test_an_ignored_one_who_writes_alone_learns_nothing_and_disturbs_nobody(
    alice: Person, bob: Person, mona: Person
) -> None:
    await alice.enters()
    await alice.says("/ignore bob")
    await alice.hears("ignored")
    await bob.enters()
    await mona.enters()
    answer = await bob.says("/msg @alice are you there?")
    where = answer.text.rpartition("/rooms/")[2]
    assert answer.text == f"Said to @alice alone: /rooms/{where}"
    assert (await bob.says("/msg @alice hello?")).text == answer.text
    other = (await mona.says("/msg @alice Tea?")).text.rpartition("/rooms/")[2]
    assert await alice.hears("unread", room=other, count=1)
    assert where not in [frame.room for frame in await alice.tab.all_heard("unread")]
    assert await waits(alice, where) == (0, 0)
    await bob.enters(where)
    assert "ignored" not in await bob.hears("joined")
    await alice.says("/unignore bob")
    assert await alice.hears("unread", room=where, count=2)


# -- what was missed --------------------------------------------------------------------------------------------


async def test_what_was_missed_on_the_bus_is_read(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    await mona.enters()
    await house.node.manager.execute(
        "INSERT INTO ignores (user_id, ignored_id) VALUES (%s, %s)", alice.id, bob.id
    )
    house.node.hub._lost()
    assert (await alice.hears("ignored")).ids == [bob.id]
    await house.node.manager.execute("DELETE FROM ignores")
    house.node.hub._lost()
    assert (await alice.hears("ignored")).ids == []
    assert not await mona.tab.has_heard("ignored")
