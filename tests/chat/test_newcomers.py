"""Who comes where nobody new is taken, because the room is archived or full: by every way in, and in two processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp import WSServerHandshakeError

from chat.actions import invitations
from chat.members import enter
from chat.policy import Role
from tests.chat.sockets.old import old_page, old_program
from tests.chat.sockets.old_nicks import Street
from tests.people import PASSWORD, House, Person

SENTENCES = {
    "archived": "#garden is archived: nobody new comes in",
    "room_full": "#garden is full: it has 2 members",
}


async def shut(house: House, code: str, slug: str = "garden") -> None:
    """The room takes nobody any more; olga and bob are in it."""
    if code == "archived":
        await house.sets({"archived": True}, slug)
    for node in house.nodes:
        node.limits = replace(node.limits, members=2 if code == "room_full" else 1_000)


@pytest.fixture(params=sorted(SENTENCES))
async def why(request: pytest.FixtureRequest, house: House, olga: Person, alice: Person, bob: Person) -> str:
    """A room of two that takes nobody more, for this reason; alice is at home in another one."""
    code: str = request.param
    await house.room("garden", olga, topic="What grows")
    await house.ranks(bob, Role.MEMBER, "garden")
    await bob.enters("garden")
    await bob.says("the roses are out")
    await alice.enters()
    await shut(house, code)
    return code


async def members(house: House, slug: str = "garden") -> int:
    """How many there are."""
    counted: int = await house.node.manager.value(
        "SELECT count(*) FROM memberships m JOIN rooms r ON r.id = m.room_id WHERE r.slug = %s AND m.is_member",
        slug,
    )
    return counted


async def link_into(house: House, by: Person, slug: str = "garden") -> str:
    """An invitation, made before the room took nobody."""
    room, member = await enter(house.node.manager, by.id, slug)
    return await invitations.invite(house.node, member, room)


# -- the ways in ------------------------------------------------------------------------------------------------


async def test_no_socket_opens_and_no_words_make_a_member(alice: Person, house: House, why: str) -> None:
    refused = await alice.knocks("garden")
    assert (refused.status, refused.refusal.code) == (403, why)
    assert SENTENCES[why] in refused.refusal.message
    assert "/list" in refused.refusal.message
    with pytest.raises(WSServerHandshakeError) as plain:
        await old_page(alice, "garden")
    assert plain.value.status == 403
    asked = await alice.gets("/api/rooms/garden/me")
    assert (asked.status, asked.refusal.code) == (403, why), "what a browser asks that was refused a socket"
    said = await alice.posts("/api/rooms/garden/messages", {"text": "hi"})
    assert (said.status, said.refusal.code) == (403, why)
    assert (await alice.refused("/join #garden")).code == why
    assert await members(house) == 2
    assert (await house.kinds("garden")).count("added") == 1


async def test_the_multi_room_socket_says_why(alice: Person, house: House, why: str) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for("select_room", room="garden")
    assert (answer.status, answer.code) == ("error", why)
    assert SENTENCES[why] in answer.error_message
    said = await program.asks_for("new_message", room="garden", text="hi")
    assert (said.status, said.code) == ("error", why)
    assert await members(house) == 2


async def test_an_invitation_brings_nobody_in_and_is_not_used_up(
    alice: Person, olga: Person, house: House, why: str
) -> None:
    token = await link_into(house, olga)
    assert (await alice.refused(f"/join garden {token}")).code == why
    answer = await alice.fills(f"/join/{token}")
    assert answer.status == 403
    assert SENTENCES[why] in answer.words
    stranger = await house.stranger()
    refused = await stranger.fills(f"/join/{token}", name="carol", password=PASSWORD)
    assert refused.status == 403
    assert SENTENCES[why] in refused.words
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name_key = 'carol'") == 0
    assert await members(house) == 2


async def test_nobody_is_brought_in(olga: Person, alice: Person, why: str) -> None:
    await olga.enters("garden")
    refused = await olga.refused("/invite alice")
    assert refused.code == why
    assert "/invite" not in refused.message
    assert (await olga.refused("/hook make ci")).code == why


async def test_members_go_on_and_site_admins_come_in(
    bob: Person, alice: Person, house: House, why: str
) -> None:
    assert (await bob.enters("garden")).room.slug == "garden"
    assert (await bob.gets("/api/rooms/garden/me")).status == 200
    await bob.enters()
    assert (await bob.says("/join garden")).text.startswith("You are in #garden")
    admin = await house.person("ada", is_admin=True)
    await admin.enters()
    assert (await admin.says("/join garden", nonce="n-1")).text.startswith("You joined #garden")
    assert (await admin.says("/join garden", nonce="n-1")).duplicate
    assert (await admin.enters("garden")).you.role == "admin"
    other = await house.person("adi", is_admin=True)
    assert (await other.enters("garden")).you.role == "admin"


async def test_the_page_is_read_without_a_socket_and_says_why(alice: Person, bob: Person, why: str) -> None:
    page = await alice.opens("/rooms/garden")
    assert page.status == 200
    assert "the roses are out" in page.text
    assert SENTENCES[why] in page.words
    assert "js/room.js" not in page.text, "the page that opens sockets would come back for ever"
    assert "<textarea" not in page.text
    sent = await alice.fills("/rooms/garden", on="/rooms", text="my own words")
    assert sent.status == 403
    assert "my own words" in sent.text
    assert "js/room.js" in (await bob.opens("/rooms/garden")).text
    assert (await alice.gets("/api/rooms/garden/messages")).status == 200


async def test_a_private_room_still_looks_like_none(alice: Person, house: House, why: str) -> None:
    await house.sets({"private": True}, "garden")
    for slug in ("garden", "nowhere"):
        assert (await alice.knocks(slug)).refusal.code == "no_such_room"
        assert (await alice.refused(f"/join {slug}")).code == "invite_required"


# -- archived ---------------------------------------------------------------------------------------------------


async def test_who_leaves_an_archived_room_is_told_that_no_way_leads_back(
    bob: Person, house: House, why: str
) -> None:
    if why != "archived":
        await house.sets({"archived": True}, "garden")
    left = await bob.posts("/api/rooms/garden/messages", {"text": "/leave"})
    assert "While it is archived" in left.json.notices[0]
    assert (await bob.knocks("garden")).refusal.code == "archived"


@pytest.fixture
async def street(house: House) -> Street:
    """Where guests come from."""
    return Street(house)


async def test_a_guest_comes_into_no_archived_room_and_one_who_is_there_stays(
    street: Street, house: House
) -> None:
    there = await street.comes("hana", "Kitchen")
    await house.sets({"archived": True}, "kitchen")
    late = await street.comes("ivo")
    refused = await late.asks("join_room", room="Kitchen")
    assert not refused.success
    assert "is archived" in refused.message
    assert (await late.asks("user_list", room="Kitchen")).users == ["hana"]
    assert (await there.asks("user_list", room="Kitchen")).success
    await street.clears()


async def test_guests_begin_elsewhere_where_their_first_room_is_archived(
    street: Street, house: House
) -> None:
    await street.comes("hana")
    await house.sets({"archived": True}, "default")
    await street.comes("ivo")
    assert "joined" in await house.kinds("default-2")
    await street.clears()


# -- full -------------------------------------------------------------------------------------------------------


async def test_of_two_who_come_at_once_for_one_place_one_is_in(olga: Person, house: House) -> None:
    await house.opens()
    await house.room("garden", olga)
    await shut(house, "room_full")
    comers = [await house.person(f"comer{number}", at=number % 2) for number in range(4)]
    answers = await asyncio.gather(
        *(one.posts("/api/rooms/garden/messages", {"text": "hi"}) for one in comers)
    )
    assert sorted(answer.status for answer in answers) == [201, 403, 403, 403]
    assert {answer.refusal.code for answer in answers if answer.status == 403} == {"room_full"}
    assert await members(house) == 2


async def test_a_place_is_free_once_somebody_left(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await bob.enters("garden")
    await shut(house, "room_full")
    await alice.enters()
    assert (await alice.refused("/join garden")).code == "room_full"
    await bob.posts("/api/rooms/garden/messages", {"text": "/leave"})
    assert (await alice.says("/join garden")).text.startswith("You joined")
    assert (await bob.knocks("garden")).refusal.code == "room_full"


async def test_of_several_who_are_invited_each_is_told(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await shut(house, "room_full", "cellar")
    await olga.enters("cellar")
    answer = await olga.says("/invite alice bob")
    assert answer.text.splitlines()[0] == "@alice is a member of #cellar now."
    assert "#cellar is full" in answer.text.splitlines()[1]
    assert await members(house, "cellar") == 2


async def test_two_alone_are_always_two(alice: Person, bob: Person, house: House) -> None:
    await shut(house, "room_full")
    await alice.enters()
    assert (await alice.says("/msg bob hello")).text.startswith("Said to @bob alone")


async def test_an_undone_ban_gives_the_place_back(bob: Person, olga: Person, house: House) -> None:
    await house.room("garden", olga)
    await bob.enters("garden")
    await olga.enters("garden")
    await olga.says("/ban bob 1h")
    carol = await house.person("carol")
    await carol.enters("garden")
    await shut(house, "room_full")
    await olga.says("/undo")
    assert (await bob.enters("garden")).you.role == "member"
