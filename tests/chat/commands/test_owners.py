"""/owner, /transfer and /accept: who owns a room."""

from __future__ import annotations

import asyncio

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_an_owner_makes_another_one(alice: Person, olga: Person, house: House) -> None:
    await alice.enters()
    await olga.enters()
    answer = await olga.says("/owner @alice", nonce="n-1")
    assert answer.text == "@alice is an owner of #lobby now."
    assert (await alice.hears("role")).role == "owner"
    assert (await olga.says("/owner @alice", nonce="n-1")).duplicate
    assert (await olga.refused("/owner alice")).code == "already"
    assert (await olga.refused("/deop alice")).code == "rank"
    assert (await olga.says("/undo")).text == "Undone: @alice is a member again."
    assert (await alice.refused("/clear")).code == "no_permission"


async def test_a_bot_owns_no_room_but_may_rule_to_speak_where_it_is_locked(olga: Person) -> None:
    await olga.enters()
    await olga.says("/hook make ci")
    for line in ("/owner ci", "/transfer ci"):
        assert (await olga.refused(line)).code == "no_bot"
    assert (await olga.says("/op ci")).text == "@ci is a moderator of #lobby now."
    assert (await olga.refused("/owner ci")).code == "no_bot"
    # Whoever leaves would leave the room to nobody.
    assert (await olga.refused("/leave")).code == "last_owner"


async def test_a_room_is_passed_on_by_a_yes(alice: Person, bob: Person, olga: Person, house: House) -> None:
    for person in (alice, bob, olga):
        await person.enters()
    answer = await olga.says("/transfer @alice", nonce="n-1")
    assert answer.text.startswith("@alice may take the room by /accept until ")
    told = await alice.hears("settings")
    assert (told.changed["offered"]["name"], told.by.name) == ("alice", "olga")
    assert told.changed["until"]
    assert (await bob.refused("/accept")).code == "not_set"
    assert (await olga.says("/transfer @alice", nonce="n-1")).duplicate
    assert (await alice.says("/accept", nonce="a-1")).text == "#lobby is yours now."
    assert (await bob.hears("role", user="alice")).role == "owner"
    assert (await bob.hears("role", user="olga")).role == "moderator"
    assert (await alice.says("/accept", nonce="a-1")).duplicate
    assert (await alice.refused("/accept")).code == "not_set"
    assert (await olga.refused("/clear")).code == "no_permission"
    assert await alice.says("/clear")


async def test_an_offer_ends_with_its_hour_or_with_the_place_it_offers(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await alice.enters()
    await olga.enters()
    await olga.says("/transfer alice")
    await house.node.manager.execute("UPDATE transfers SET until = now() - interval '1 s'")
    assert (await alice.refused("/accept")).code == "not_set"
    await olga.says("/transfer alice")
    await house.ranks(bob, Role.OWNER)
    await olga.says("/deop olga")
    assert (await alice.refused("/accept")).code == "not_set"


async def test_another_offer_takes_the_place_of_the_first(alice: Person, bob: Person, olga: Person) -> None:
    for person in (alice, bob, olga):
        await person.enters()
    await olga.says("/transfer alice")
    await olga.says("/transfer bob")
    assert (await alice.refused("/accept")).code == "not_set"
    assert await bob.says("/accept")


async def test_two_cannot_take_the_same_room(alice: Person, olga: Person, house: House) -> None:
    await house.opens()
    far = await house.again("alice", alice.id, at=1)
    await olga.enters()
    await olga.says("/transfer alice")
    answers = await asyncio.gather(
        *(who.posts("/api/rooms/lobby/messages", {"text": "/accept"}) for who in (alice, far))
    )
    assert sorted(answer.status for answer in answers) == [200, 409]


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/owner bob", "no_permission"),
        ("mona", "/owner bob", "no_permission"),
        ("mona", "/owner mona", "no_permission"),
        ("alice", "/transfer bob", "no_permission"),
        ("mona", "/transfer bob", "no_permission"),
        ("olga", "/owner", "usage"),
        ("olga", "/owner olga", "self"),
        ("olga", "/owner nobody", "not_found"),
        ("olga", "/owner carol", "not_in_room"),
        ("olga", "/owner gwen", "no_guest"),
        ("olga", "/op gwen", "no_guest"),
        ("olga", "/transfer", "usage"),
        ("olga", "/transfer olga", "self"),
        ("olga", "/transfer nobody", "not_found"),
        ("olga", "/transfer carol", "not_in_room"),
        ("olga", "/transfer gwen", "no_guest"),
        ("olga", "/accept now", "usage"),
        ("alice", "/accept", "not_set"),
    ],
)
async def test_they_are_refused(
    alice: Person, bob: Person, mona: Person, olga: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.person("carol")
    await house.node.manager.execute(
        "WITH g AS (INSERT INTO users (name, name_key, is_guest) VALUES ('gwen', 'gwen', true) RETURNING id) "
        "INSERT INTO memberships (room_id, user_id, role, is_member, present_since) "
        "SELECT r.id, g.id, 1, false, 1 FROM g, rooms r WHERE r.slug = 'lobby'"
    )
    actor = {"alice": alice, "mona": mona, "olga": olga}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "role" not in await house.kinds()
