"""What people say of themselves: /away, /back, /dnd and /status, seen at once by all who share a room with them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chat.policy import Role
from chat.signals import StatusMoved
from chat.status import Status
from tests.chat.backstage import until
from tests.people import House, Person


@pytest.fixture
async def far(house: House, bob: Person) -> Person:
    """Bob, at another process."""
    await house.opens()
    return await house.again("bob", bob.id, at=1)


async def status_of(person: Person, room: str = "lobby") -> object:
    """What their room tells of somebody."""
    people = (await person.gets(f"/api/rooms/{room}/here")).json["people"]
    return next(one.get("status") for one in people if one["id"] == person.id)


async def test_who_is_away_is_seen_so_on_every_process_and_in_no_log(
    alice: Person, far: Person, house: House
) -> None:
    await alice.enters()
    await far.enters()
    for name in ("alice", "bob"):
        await alice.hears("joined", user=name)
    kinds = await house.kinds()
    assert (
        await alice.says("/away lunch with  mona")
    ).text == "You are away: lunch with mona. /back ends it."
    there = {"presence": "away", "why": "lunch with mona"}
    assert (await far.hears("status", user="alice")).status == there
    assert (await alice.hears("status", user="alice")).status == there
    assert "alice · away: lunch with mona" in (await far.says("/who")).text
    assert "away: lunch with mona" in (await far.says("/whois alice")).text
    assert (await alice.says("/back")).text == "You are back."
    assert (await far.hears("status", user="alice")).status == {}
    assert "away" not in (await far.says("/whois alice")).text
    assert await house.kinds() == kinds


async def test_a_status_outlives_its_connection_and_its_process(
    alice: Person, far: Person, house: House
) -> None:
    await alice.enters()
    await alice.says("/status 🌴 By the sea")
    await alice.says("/dnd")
    await alice.leaves()
    third = await house.opens()
    assert third.hub.statuses.of(alice.id) == Status(presence="dnd", emoji="🌴", text="By the sea")
    await far.enters()
    told = {"presence": "dnd", "emoji": "🌴", "text": "By the sea"}
    assert (await alice.enters()).you.status == told
    assert (await far.hears("joined", user="alice")).seq
    assert (await far.hears("status", user="alice")).status == told
    mona = await house.person("mona")
    assert told in [one.get("status") for one in (await mona.enters()).here.people]


async def test_all_rooms_of_theirs_see_it_and_no_other(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.room("cellar", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    await alice.enters("lobby")
    await bob.enters("garden")
    await olga.enters("cellar")
    await alice.says("/away")
    assert (await bob.hears("status", user="alice")).status == {"presence": "away"}
    assert not await olga.tab.has_heard("status")


async def test_who_shares_no_room_is_not_told_by_whois(alice: Person, olga: Person, house: House) -> None:
    carol = await house.person("carol")
    await house.room("cellar", carol, private=True)
    await carol.enters("cellar")
    await carol.says("/away far")
    await alice.enters()
    await olga.enters()
    await house.ranks(olga, Role.MEMBER, "cellar")
    assert "far" not in (await alice.says("/whois carol")).text
    assert "away: far" in (await olga.says("/whois carol")).text


async def test_not_to_be_disturbed_ends_by_itself(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    answer = await alice.says("/dnd for 2h")
    assert answer.text.startswith("Nothing disturbs you until ")
    end = datetime.fromisoformat((await alice.hears("status")).status.until)
    assert timedelta(hours=1.9) < end - datetime.now(UTC) < timedelta(hours=2.1)
    assert "do not disturb until" in (await alice.says("/whois alice")).text
    await house.node.manager.execute("UPDATE statuses SET until = now(), version = version + 1")
    await house.node.hub.statuses.read()
    assert house.node.hub.statuses.of(alice.id).says_nothing
    assert (await alice.refused("/back")).code == "not_set"
    assert "disturb" not in (await alice.says("/whois alice")).text
    assert "status" not in (await alice.enters()).you
    assert (await alice.says("/dnd 30m")).text


async def test_what_has_run_out_is_not_in_a_greeting_made_before(
    alice: Person, bob: Person, house: House
) -> None:
    await alice.enters()
    await alice.hears("joined", user="alice")
    await alice.says("/dnd for 1h")
    assert (await status_of(alice)) is not None
    channel = house.node.hub.here(1)
    assert channel is not None
    for one in (await bob.enters()).here.people:
        assert one["id"] != alice.id or one["status"]["presence"] == "dnd"
    past = Status(presence="dnd", until=datetime.now(UTC) - timedelta(seconds=1))
    channel.state.here[alice.id].status = past
    channel.state._told_until = past.until
    assert all("status" not in one for one in (await bob.enters()).here.people)


async def test_a_status_has_a_picture_words_and_an_end(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    answer = await alice.says("/status 🌴 By the sea --for 2h")
    assert answer.text.startswith("Your status until ")
    assert answer.text.endswith(": 🌴 By the sea")
    told = (await bob.hears("status")).status
    assert (told.emoji, told.text, bool(told.text_until)) == ("🌴", "By the sea", True)
    await alice.says("/status --for 1d Reading")
    told = (await bob.hears("status")).status
    assert (told.emoji, told.text, bool(told.text_until)) == (None, "Reading", True)
    await alice.says("/status Nose in a --book")
    assert (await bob.hears("status")).status == {"text": "Nose in a --book"}
    await alice.says("/status 👩‍💻")
    assert (await bob.hears("status")).status == {"emoji": "👩‍💻"}
    await alice.says("/away")
    assert (await bob.hears("status")).status == {"presence": "away", "emoji": "👩‍💻"}
    assert (await alice.says("/status clear")).text == "Your status is empty now."
    assert (await bob.hears("status")).status == {"presence": "away"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/status", "usage"),
        ("/status --for 2h", "usage"),
        ("/status Reading --for soon", "usage"),
        ("/status Reading --for", "usage"),
        ("/status --for 2h Reading --for 3h", "usage"),
        ("/status one\ntwo", "usage"),
        ("/status clear", "not_set"),
        ("/status " + "x" * 101, "too_long"),
        ("/away " + "x" * 101, "too_long"),
        ("/away one\ntwo", "usage"),
        ("/back", "not_set"),
        ("/back now", "usage"),
        ("/dnd for", "usage"),
        ("/dnd for ever", "usage"),
        ("/dnd 2h for", "usage"),
    ],
)
async def test_what_says_nothing_is_refused_and_leaves_no_trace(
    alice: Person, house: House, line: str, code: str
) -> None:
    await alice.enters()
    assert (await alice.refused(line)).code == code
    assert await house.node.manager.value("SELECT count(*) FROM statuses") == 0


@pytest.mark.parametrize(
    ("first", "again"), [("/away x", 1), ("/dnd", 1), ("/status x", 1), ("/status clear", 2), ("/back", 2)]
)
async def test_a_repeat_changes_nothing(
    alice: Person, far: Person, house: House, first: str, again: int
) -> None:
    elsewhere = await house.again("alice", alice.id, at=1)
    await alice.enters()
    if again == 2:
        await alice.says("/status before")
        await alice.says("/away")
        await house.node.manager.execute("UPDATE statuses SET version = 1")
    answer = await alice.says(first, nonce="n-1")
    await elsewhere.enters()
    repeated = await elsewhere.says(first, nonce="n-1")
    assert (repeated.duplicate, repeated.text) == (True, answer.text)
    assert await house.node.manager.value("SELECT version FROM statuses") == again


async def test_guests_are_away_like_everybody_and_have_no_status(alice: Person, house: House) -> None:
    await house.sets({"guests_welcome": True})
    await alice.enters()
    await house.node.manager.execute("UPDATE users SET is_guest = true WHERE id = %s", alice.id)
    await house.marks(alice, "is_member = false")
    assert (await alice.says("/away")).text == "You are away. /back ends it."
    assert (await alice.says("/dnd")).text == "Nothing disturbs you. /back ends it."
    assert (await alice.says("/back")).text == "You are back."
    assert (await alice.refused("/status Hi")).code == "no_permission"


async def test_of_two_changes_the_later_one_holds_in_whatever_order_they_are_told(
    alice: Person, bob: Person, house: House
) -> None:
    await alice.enters()
    await bob.enters()
    await bob.hears("joined", user="bob")
    await alice.hears("joined", user="alice")
    hub, (room,) = house.node.hub, house.node.hub.channels()
    person = room.state.here[alice.id].person
    late, early = Status(presence="away", why="late"), Status(presence="away", why="early")
    hub.tell_status(StatusMoved(person, 2, late, [room.room.id]))
    hub.tell_status(StatusMoved(person, 1, early, [room.room.id]))
    assert hub.statuses.of(alice.id) == late
    assert (await bob.hears("status")).status.why == "late"
    assert not await bob.tab.has_heard("status")


async def test_two_changes_at_once_on_two_processes_are_both_kept(
    alice: Person, far: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    elsewhere = await house.again("alice", alice.id, at=1)
    await asyncio.gather(
        alice.posts("/api/rooms/lobby/messages", {"text": "/away lunch"}),
        elsewhere.posts("/api/rooms/garden/messages", {"text": "/status Reading"}),
    )
    both = Status(presence="away", why="lunch", text="Reading")
    await until(lambda: all(node.hub.statuses.of(alice.id) == both for node in house.nodes))


async def test_where_comings_are_not_recorded_a_status_comes_with_its_owner(
    alice: Person, bob: Person, house: House
) -> None:
    await house.sets({"comings_and_goings": False})
    await bob.enters()
    await alice.posts("/api/rooms/lobby/messages", {"text": "/away lunch"})
    await alice.enters()
    heard = [await bob.hears("here", joined=[{"id": alice.id, "name": "alice"}]), await bob.hears("status")]
    assert heard[1].status.why == "lunch"


async def test_what_was_missed_on_the_bus_is_read(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    await alice.hears("joined", user="alice")
    await bob.enters()
    await house.node.manager.execute(
        "INSERT INTO statuses (user_id, presence, why) VALUES (%s, 'away', 'unheard')", alice.id
    )
    house.node.hub._lost()
    assert (await bob.hears("status", user="alice")).status.why == "unheard"
