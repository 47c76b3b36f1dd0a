"""What somebody wants to be told of a room: /notify, and /mute and /unmute of a room instead of a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.people import House, Person


@pytest.fixture
async def far(house: House, alice: Person) -> Person:
    """Alice in another browser, at another process."""
    await house.opens()
    return await house.again("alice", alice.id, at=1)


async def test_a_level_is_the_same_on_every_device_at_once(
    alice: Person, bob: Person, far: Person, house: House
) -> None:
    assert "notify" not in (await alice.enters()).you
    await far.enters()
    await bob.enters()
    usual = (
        "#lobby tells you of what means you, and of nothing else. /notify all, mentions or none changes it."
    )
    assert (await alice.says("/notify")).text == usual
    answer = await alice.says("/notify all", nonce="n-1")
    assert answer.text == "#lobby tells you of every message."
    for device in (alice, far):
        told = await device.hears("notify")
        assert told == {"type": "notify", "room": "lobby", "level": "all"}
    again = await alice.says("/notify all", nonce="n-1")
    assert (again.text, again.duplicate) == (answer.text, True)
    assert (await far.says("/notify")).text.startswith("#lobby tells you of every message.")
    assert (await far.enters()).you.notify == {"level": "all"}
    assert not await bob.tab.has_heard("notify")
    assert set(await house.kinds()) == {"added", "joined"}
    assert [one["notify"] for one in (await far.gets("/api/rooms")).json["rooms"]] == ["all"]


async def test_a_level_may_end_by_itself(alice: Person, far: Person, house: House) -> None:
    await alice.enters()
    await alice.says("/notify all")
    answer = await alice.says("/notify none for 8h")
    assert answer.text.startswith("#lobby tells you of nothing until ")
    assert answer.text.endswith("; then of every message. /unmute ends it.")
    wishes = (await far.enters()).you.notify
    until = datetime.fromisoformat(wishes.until)
    assert timedelta(hours=7.9) < until - datetime.now(UTC) < timedelta(hours=8.1)
    assert (wishes.level, wishes.then) == ("none", "all")
    await alice.says("/notify mentions for 1h")
    assert (await far.enters()).you.notify.then == "all"
    await house.marks(alice, "notify_until = now() - interval '1 second'")
    assert (await far.enters()).you.notify == {"level": "all"}
    assert (await alice.says("/notify")).text.startswith("#lobby tells you of every message. /notify")
    assert [one["notify"] for one in (await far.gets("/api/rooms")).json["rooms"]] == ["all"]


async def test_mute_alone_is_for_oneself_and_its_own_way_back(alice: Person, far: Person) -> None:
    await alice.enters()
    await far.enters()
    answer = await alice.says("/mute", nonce="n-1")
    assert answer.text == "#lobby tells you of nothing. /unmute ends it."
    assert (await far.hears("notify")).level == "none"
    assert (await alice.says("/mute", nonce="n-1")).duplicate
    assert (await alice.says("hello")).seq
    assert (await far.says("/mute")).text == "#lobby tells you of what means you, and of nothing else."
    await alice.says("/notify all")
    await alice.says("/mute")
    assert (await alice.says("/unmute", nonce="n-2")).text == "#lobby tells you of every message."
    assert (await alice.says("/unmute", nonce="n-2")).duplicate


async def test_another_room_is_muted_by_its_address(
    alice: Person, far: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await far.enters("garden")
    await alice.enters()
    answer = await alice.says("/mute #garden", nonce="n-1")
    assert answer.text == "#garden tells you of nothing. /unmute #garden ends it."
    assert (await far.hears("notify")).level == "none"
    assert (await alice.hears("notify")).room == "garden"
    assert (await alice.says("/mute #garden", nonce="n-1")).duplicate
    assert "what means you" in (await alice.says("/notify")).text
    assert (await alice.says("/unmute #garden")).text.startswith("#garden tells you of what means you")
    assert (await far.hears("notify", level="mentions")).room == "garden"


async def test_mute_with_a_name_is_of_that_person(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    assert (await alice.refused("/mute @mona")).code == "no_permission"
    assert (await alice.refused("/unmute @mona")).code == "no_permission"
    assert (await mona.says("/mute @alice 5m")).text.startswith("Muted @alice until ")
    assert (await alice.hears("muted", user="alice")).by.name == "mona"
    assert (await alice.says("/mute")).text == "#lobby tells you of nothing. /unmute ends it."
    assert (await mona.says("/unmute alice")).text == "@alice may speak again."


async def test_both_forms_are_in_the_menu_each_with_who_may(alice: Person) -> None:
    listed = (await alice.gets("/api/commands?room=lobby")).json["commands"]
    mute = next(one for one in listed if one["name"] == "mute")
    assert [(form["begins"], form["role"]) for form in mute["forms"]] == [
        ("", "member"),
        ("#", "member"),
        ("@", "moderator"),
    ]
    await alice.enters()
    said = (await alice.says("/help mute")).text
    assert (
        "/mute · For you alone: this room tells you of nothing; again, and it does as before (members and up)"
        in said
    )
    assert "/mute @… · For all: they may read but not speak" in said


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/notify loud", "usage"),
        ("/notify none for", "usage"),
        ("/notify none for soon", "usage"),
        ("/notify none for 0m", "usage"),
        ("/notify for 8h", "usage"),
        ("/notify none\nfor 8h", "usage"),
        ("/notify mentions", "already"),
        ("/unmute", "not_set"),
        ("/unmute #lobby", "not_set"),
        ("/mute #nowhere", "no_such_room"),
        ("/mute #cellar", "no_such_room"),
        ("/unmute #cellar", "no_such_room"),
        ("/mute #garden", "not_a_member"),
        ("/mute #lobby @bob", "usage"),
        ("/mute #lobby 10m", "usage"),
        ("/unmute #lobby @bob", "usage"),
    ],
)
async def test_what_is_refused(alice: Person, olga: Person, house: House, line: str, code: str) -> None:
    await house.room("cellar", olga, private=True)
    await house.room("garden", olga)
    await alice.enters()
    assert (await alice.refused(line)).code == code
    assert "notify" not in (await alice.enters()).you
