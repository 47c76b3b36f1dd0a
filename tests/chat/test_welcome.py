"""The ways in by a link: the site set up, and people coming by invitation."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from chat.actions import invitations, rooms
from chat.actions.invitations import NoInvitation
from chat.forbidden import NotAllowed
from chat.members import enter
from chat.policy import Role
from tests.people import PASSWORD, House, Person

TOKEN = "a-set-up-link"
FORM = {"site": "Tidewater", "name": "ada", "password": PASSWORD, "registration": "invite"}


@pytest.fixture
async def fresh(house: House) -> Person:
    """The first person at a site nobody has set up."""
    await house.node.manager.execute(
        "UPDATE site SET set_up_at = NULL, title = 'aiochat', registration = 'closed', setup_hash = %s",
        hashlib.sha256(TOKEN.encode()).digest(),
    )
    return await house.stranger()


async def invitation(house: House, by: Person, slug: str = "lobby", **how: int | None) -> str:
    """A link into a room."""
    room, member = await enter(house.node.manager, by.id, slug)
    return await invitations.invite(house.node, member, room, **how)


# -- setting up -------------------------------------------------------------------------------------------------


async def test_the_first_person_sets_the_site_up_and_is_in(fresh: Person, house: House) -> None:
    done = await fresh.fills(f"/setup/{TOKEN}", **FORM)
    assert (done.status, done.leads_to) == (303, "/welcome")
    page = await fresh.opens("/welcome")
    assert "/join/" in page.text
    assert "<svg" in page.text
    assert 'href="/rooms/lobby"' in page.text
    room = await fresh.opens("/rooms/lobby")
    assert 'data-role="admin"' in room.text
    assert "Bring someone" in room.text
    assert "Tidewater" in room.text
    assert (await fresh.fills("/rooms", slug="cellar")).leads_to == "/rooms/cellar"
    assert "Bring someone" not in (await fresh.opens("/rooms/cellar")).text, "the link leads to the lobby"
    link = page.text.split("/join/")[1][:22]
    guest = await house.stranger()
    assert (await guest.fills(f"/join/{link}", name="bob", password=PASSWORD)).leads_to == "/rooms/lobby"
    assert (await guest.opens("/rooms/lobby")).status == 200


async def test_the_link_is_good_once(fresh: Person, house: House) -> None:
    other = await house.stranger()
    page = await other.opens(f"/setup/{TOKEN}")
    await fresh.fills(f"/setup/{TOKEN}", **FORM)
    assert (await fresh.opens(f"/setup/{TOKEN}")).status == 404
    late = await other.sends(f"/setup/{TOKEN}", csrf=page.field("csrf"), **{**FORM, "name": "eve"})
    assert late.status == 404
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name = 'eve'") == 0


async def test_of_two_who_set_up_at_once_one_does(fresh: Person, house: House) -> None:
    await house.opens()
    other = await house.stranger(at=1)
    answers = await asyncio.gather(
        fresh.fills(f"/setup/{TOKEN}", **FORM), other.fills(f"/setup/{TOKEN}", **{**FORM, "name": "eve"})
    )
    assert sorted(answer.status for answer in answers) == [303, 404]
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE is_admin") == 1


async def test_who_made_no_invitation_is_shown_none(alice: Person) -> None:
    assert (await alice.opens("/welcome")).leads_to == "/rooms"


@pytest.mark.parametrize("token", ["x", "%00", "a-set-up-link%00", "%FF", "x" * 900])
async def test_a_wrong_link_sets_nothing_up(fresh: Person, token: str) -> None:
    assert (await fresh.opens(f"/setup/{token}")).status == 404
    assert (await fresh.fills(f"/setup/{token}", on="/login", **FORM)).status == 404


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"name": "<b>"}, 400, "cannot stand in a name"),
        ({"name": ""}, 400, "at least one letter"),
        ({"password": "short"}, 400, "eight"),
        ({"site": ""}, 400, "nothing in it"),
        ({"site": "x" * 65}, 413, "of at most 64"),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_sent_again(
    fresh: Person, changed: dict[str, str], status: int, words: str
) -> None:
    page = await fresh.fills(f"/setup/{TOKEN}", **{**FORM, **changed})
    assert page.status == status
    assert words.lower() in page.words.lower()
    assert PASSWORD not in page.text
    assert (await fresh.fills(f"/setup/{TOKEN}", **FORM)).status == 303


async def test_a_lobby_made_at_the_terminal_before_is_taken_over(fresh: Person, house: House) -> None:
    await rooms.create(house.node, 0, "lobby")
    page = await fresh.fills(f"/setup/{TOKEN}", **{**FORM, "registration": "nonsense"})
    assert page.status == 303
    assert (await fresh.enters()).you.role == "admin"
    assert await house.node.manager.value("SELECT registration FROM site") == "invite"


# -- coming by invitation ---------------------------------------------------------------------------------------


async def test_a_newcomer_comes_in_with_a_name_and_a_password(olga: Person, house: House) -> None:
    link = await invitation(house, olga, uses=1)
    guest = await house.stranger()
    page = await guest.opens(f"/join/{link}")
    assert "olga asks you to" in page.words
    assert "#lobby" in page.text
    answer = await guest.fills(f"/join/{link}", name="carol", password=PASSWORD)
    assert (answer.status, answer.leads_to) == (303, "/rooms/lobby")
    assert (await guest.enters()).you.name == "carol"


async def test_who_has_an_account_joins_with_it(olga: Person, alice: Person, house: House) -> None:
    await house.room("cellar", olga, private=True)
    link = await invitation(house, olga, "cellar", uses=1)
    page = await alice.opens(f"/join/{link}")
    assert "Join as alice" in page.words
    await olga.enters("cellar")
    assert (await alice.fills(f"/join/{link}")).leads_to == "/rooms/cellar"
    assert (await olga.hears("added")).user.name == "alice"
    assert (await alice.enters("cellar")).you.role == "member"


async def test_a_member_uses_nothing_up(olga: Person, alice: Person, house: House) -> None:
    link = await invitation(house, olga, uses=1)
    assert (await alice.fills(f"/join/{link}")).leads_to == "/rooms/lobby"
    guest = await house.stranger()
    assert (await guest.fills(f"/join/{link}", name="carol", password=PASSWORD)).status == 303


@pytest.mark.parametrize(
    "spoiled",
    ["uses_left = 0", "expires_at = now() - interval '1 s'", "revoked_at = now()", "token_hash = '\\x00'"],
)
async def test_a_link_no_longer_good_lets_nobody_in(olga: Person, house: House, spoiled: str) -> None:
    link = await invitation(house, olga)
    guest = await house.stranger()
    page = await guest.opens(f"/join/{link}")
    await house.node.manager.execute(f"UPDATE invitations SET {spoiled}")
    answer = await guest.sends(f"/join/{link}", csrf=page.field("csrf"), name="carol", password=PASSWORD)
    assert answer.status == 404
    assert "not good any more" in answer.words
    assert (await guest.opens(f"/join/{link}")).status == 404
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name = 'carol'") == 0


@pytest.mark.parametrize("token", ["x", "%00", "%FF", "..%2Fsetup", "x" * 900])
async def test_a_wrong_link_leads_nowhere(olga: Person, house: House, token: str) -> None:
    guest = await house.stranger()
    assert (await guest.opens(f"/join/{token}")).status == 404
    assert (await guest.fills(f"/join/{token}", on="/login", name="carol", password=PASSWORD)).status == 404


async def test_the_last_use_is_for_one(olga: Person, house: House) -> None:
    link = await invitation(house, olga, uses=1)
    await house.opens()
    guests = [await house.stranger(at=at) for at in (0, 1, 0, 1)]
    answers = await asyncio.gather(
        *(
            guest.fills(f"/join/{link}", name=f"guest{number}", password=PASSWORD)
            for number, guest in enumerate(guests)
        )
    )
    assert sorted(answer.status for answer in answers) == [303, 404, 404, 404]
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name LIKE 'guest%%'") == 1


async def test_a_taken_name_uses_nothing_up(olga: Person, house: House) -> None:
    link = await invitation(house, olga, uses=1)
    guest = await house.stranger()
    refused = await guest.fills(f"/join/{link}", name="OLGA", password=PASSWORD)
    assert refused.status == 409
    assert "taken" in refused.words
    assert (await guest.fills(f"/join/{link}", name="carol", password=PASSWORD)).status == 303


async def test_the_banned_do_not_come_back_by_invitation(olga: Person, alice: Person, house: House) -> None:
    link = await invitation(house, olga, uses=1)
    await house.marks(alice, "is_member = false, banned_until = '9999-01-01', reason = 'spam'")
    answer = await alice.fills(f"/join/{link}")
    assert answer.status == 403
    assert "You are banned from #lobby for ever (spam)." in answer.words
    assert await house.node.manager.value("SELECT uses_left FROM invitations") == 1


async def test_an_invitation_to_the_site_leads_to_its_rooms(
    olga: Person, alice: Person, house: House
) -> None:
    link = await invitation(house, olga, uses=2)
    await house.node.manager.execute("UPDATE invitations SET room_id = NULL")
    guest = await house.stranger()
    assert "Tidewater" in (await guest.opens(f"/join/{link}")).text
    assert (await guest.fills(f"/join/{link}", name="carol", password=PASSWORD)).leads_to == "/rooms"
    assert (await alice.fills(f"/join/{link}")).leads_to == "/rooms"
    with pytest.raises(NoInvitation):
        await invitations.look(house.node, link)


async def test_members_invite_nobody_unless_the_room_lets_them(alice: Person, house: House) -> None:
    with pytest.raises(NotAllowed):
        await invitation(house, alice)
    await house.sets({"invite_by": "member"})
    assert await invitation(house, alice, days=None)
    await house.ranks(alice, Role.MODERATOR)


async def test_a_foreign_page_accepts_nothing_in_ones_name(olga: Person, alice: Person, house: House) -> None:
    await house.room("cellar", olga, private=True)
    link = await invitation(house, olga, "cellar")
    assert (await alice.sends(f"/join/{link}")).status == 403
    assert (await alice.knocks("cellar")).status == 404
