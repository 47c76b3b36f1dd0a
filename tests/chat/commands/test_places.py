"""From room to room: /join, /leave, /create, /list, /whois; and alone with one person: /msg."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chat.actions import invitations
from chat.actions.previews import previews
from chat.members import member_in
from chat.policy import Role
from tests.people import House, Person

# -- /join ------------------------------------------------------------------------------------------------------


async def test_a_room_is_joined_from_another(alice: Person, olga: Person, house: House) -> None:
    await house.room("garden", olga)
    await alice.enters()
    answer = await alice.says("/join #garden", nonce="n-1")
    assert answer.text == "You joined #garden: /rooms/garden"
    assert (await alice.says("/join #garden", nonce="n-1")).duplicate
    assert (await alice.says("/join garden")).text == "You are in #garden: /rooms/garden"
    assert (await house.kinds("garden")).count("added") == 2
    assert "/rooms/garden" in (await alice.opens("/rooms/lobby")).text


async def test_a_private_room_opens_by_its_invitation_alone(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    room = await house.room("cellar", olga, private=True)
    owner = await member_in(house.node.manager, room.id, olga.id)
    assert owner is not None
    token = await invitations.invite(house.node, owner, room, uses=1)
    await alice.enters()
    await bob.enters()
    stranger, nobody = await alice.refused("/join cellar"), await alice.refused("/join nowhere")
    assert stranger.code == nobody.code == "invite_required"
    assert stranger.message.replace("cellar", "nowhere") == nobody.message
    assert "/join #cellar code" in stranger.message
    assert (await alice.refused("/join cellar wrong")).code == "no_invitation"
    assert (await alice.refused("/join nowhere wrong")).code == "no_invitation"
    await house.room("garden", olga)
    assert (await alice.refused(f"/join garden {token}")).code == "no_invitation"
    assert (await alice.says(f"/join cellar https://chat.example/join/{token}", nonce="n-1")).text.startswith(
        "You joined"
    )
    assert (await alice.says(f"/join cellar https://chat.example/join/{token}", nonce="n-1")).duplicate
    assert (await bob.refused(f"/join cellar {token}")).code == "no_invitation"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("banned_until = now() + interval '1 h'", "banned"),
        ("out_until = now() + interval '1 h'", "removed"),
    ],
)
async def test_who_was_shown_out_joins_not_even_by_an_invitation(
    alice: Person, olga: Person, house: House, what: str, code: str
) -> None:
    room = await house.room("garden", olga)
    owner = await member_in(house.node.manager, room.id, olga.id)
    assert owner is not None
    token = await invitations.invite(house.node, owner, room)
    await house.ranks(alice, Role.MEMBER, "garden")
    await house.marks(alice, f"is_member = false, {what}", "garden")
    await alice.enters()
    assert (await alice.refused("/join garden")).code == code
    assert (await alice.refused(f"/join garden {token}")).code == code


async def test_an_archived_room_is_joined_by_nobody_and_stays_with_its_members(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.ranks(bob, Role.MEMBER, "garden")
    await house.sets({"archived": True}, "garden")
    await alice.enters()
    await bob.enters()
    refused = await alice.refused("/join garden")
    assert refused.code == "archived"
    assert "/unarchive" in refused.message
    assert (await bob.says("/join garden")).text.startswith("You are in #garden")
    assert (await house.kinds("garden")).count("added") == 1


@pytest.mark.parametrize("line", ["/join", "/join a b c", "/join lobby\nmore"])
async def test_joining_has_its_grammar(alice: Person, line: str) -> None:
    await alice.enters()
    assert (await alice.refused(line)).code == "usage"


# -- /leave -----------------------------------------------------------------------------------------------------


async def test_leaving_closes_every_tab_there_in_every_process(
    alice: Person, bob: Person, house: House
) -> None:
    await house.opens()
    elsewhere = await house.again("alice", alice.id, at=1)
    await bob.enters()
    await alice.enters()
    await bob.hears("joined", user="alice")
    await elsewhere.enters()
    done = await alice.posts("/api/rooms/lobby/messages", {"text": "/leave", "nonce": "n-1"})
    assert done.json.notices == ["You left #lobby. /join #lobby brings you back."]
    assert [await tab.is_closed() for tab in (alice.tab, elsewhere.tab)] == [1000, 1000]
    assert (await bob.hears("removed_self")).user.name == "alice"
    assert (await bob.hears("left")).user.name == "alice"
    again = await alice.posts("/api/rooms/lobby/messages", {"text": "/leave", "nonce": "n-1"})
    assert (again.json.duplicate, again.json.notices) == (True, done.json.notices)
    assert "added" not in (await house.kinds())[1:], "a repeat brings nobody back in"
    refused = await alice.posts("/api/rooms/lobby/messages", {"text": "/part"})
    assert refused.refusal.code == "not_a_member"
    assert (await alice.enters()).you.role == "member"


async def test_another_room_is_left_from_here(alice: Person, olga: Person, house: House) -> None:
    await house.room("cellar", olga, private=True)
    await house.ranks(alice, Role.MODERATOR, "cellar")
    await alice.enters("cellar")
    await alice.enters("lobby")
    answer = await alice.says("/leave #cellar", nonce="n-1")
    assert answer.text == "You left #cellar. Only an invitation brings you back."
    assert await alice.tabs[0].is_closed() == 1000
    assert (await alice.knocks("cellar")).status == 404
    assert (await alice.says("/leave #cellar", nonce="n-1")).duplicate
    assert (await alice.refused("/leave #cellar")).code == "no_such_room"
    assert (await alice.refused("/leave #nowhere")).code == "no_such_room"
    assert (await alice.refused("/leave #lobby now")).code == "usage"


async def test_the_last_owner_stays(olga: Person, mona: Person, house: House) -> None:
    await olga.enters()
    assert (await olga.refused("/leave")).code == "last_owner"
    await house.ranks(mona, Role.OWNER)
    results = await asyncio.gather(
        olga.posts("/api/rooms/lobby/messages", {"text": "/leave"}),
        mona.posts("/api/rooms/lobby/messages", {"text": "/leave"}),
    )
    assert sorted(result.status for result in results) == [200, 409]


# -- /create ----------------------------------------------------------------------------------------------------


async def test_a_room_is_made_by_word_and_once(alice: Person, house: House) -> None:
    await alice.enters()
    answer = await alice.says("/create #Studio private", nonce="n-1")
    assert answer.text == "#studio is yours: /rooms/studio"
    assert (await alice.says("/create #Studio private", nonce="n-1")).duplicate
    hello = await alice.enters("studio")
    assert (hello.you.role, hello.room.switches.private) == ("owner", True)
    assert (await house.kinds("studio")).count("added") == 1


async def test_nobody_makes_rooms_without_end(alice: Person, bob: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, new_rooms=2)
    await alice.enters()
    await alice.says("/msg bob hello")
    await alice.says("/create one")
    assert (await alice.posts("/api/rooms", {"slug": "two"})).status == 201
    refused = await alice.refused("/create three")
    assert (refused.code, refused.temporary) == ("rate_limited", True)
    assert refused.retry_after > 3_000
    assert "The next one can be made in " in refused.message
    assert (await alice.posts("/api/rooms", {"slug": "three"})).refusal.code == "rate_limited"
    page = await alice.fills("/rooms", slug="three")
    assert (page.status, "The next one can be made in " in page.words) == (429, True)
    assert (await bob.posts("/api/rooms", {"slug": "three"})).status == 201
    await house.node.manager.execute(
        "UPDATE rooms SET created_at = now() - interval '61 min' WHERE slug = 'one'"
    )
    assert (await alice.says("/create four")).text.startswith("#four is yours")


async def test_an_admin_makes_as_many_as_they_like(house: House, olga: Person) -> None:
    house.node.limits = replace(house.node.limits, new_rooms=1)
    admin = await house.person("ada", is_admin=True)
    for slug in ("one", "two"):
        assert (await admin.posts("/api/rooms", {"slug": slug})).status == 201


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/create", "usage"),
        ("/create one two", "usage"),
        ("/create lobby", "conflict"),
        ("/create oldname", "conflict"),
        ("/create new", "bad_slug"),
        ("/create ../x", "bad_slug"),
        ("/create " + "x" * 33, "bad_slug"),
    ],
)
async def test_a_room_that_cannot_be_is_refused(alice: Person, house: House, line: str, code: str) -> None:
    await alice.enters()
    await house.node.manager.execute("INSERT INTO room_slugs (slug, room_id) SELECT 'oldname', id FROM rooms")
    assert (await alice.refused(line)).code == code


# -- /list and /whois -------------------------------------------------------------------------------------------


async def test_the_list_has_the_rooms_one_may_see(alice: Person, olga: Person, house: House) -> None:
    await house.room("garden", olga, topic="Roses and thorns")
    await house.room("cellar", olga, private=True)
    await alice.enters()
    await alice.hears("joined")
    assert (await alice.says("/list")).text.splitlines() == [
        "#lobby · 1 here · Everybody comes in here.",
        "#garden · 0 here · Roses and thorns",
    ]
    assert (await alice.says("/rooms ROSES")).text == "#garden · 0 here · Roses and thorns"
    assert "No room here has 'cellar'" in (await alice.says("/list cellar")).text
    await olga.enters()
    assert "#cellar · 0 here, private" in (await olga.says("/list")).text


async def test_whois_tells_moderators_more(alice: Person, bob: Person, mona: Person, house: House) -> None:
    await alice.enters()
    await mona.enters()
    await house.marks(bob, "muted_until = now() + interval '1 h', muted_reason = 'loud'")
    said = (await alice.says("/whois @bob")).text
    assert said.startswith("@bob · member\na member since ")
    assert said.endswith("\nnot here now")
    assert "(loud)" in (await mona.says("/whois bob")).text
    assert "here now" in (await alice.says("/whois mona")).text
    await house.person("carol")
    assert (await alice.says("/whois carol")).text == "@carol · not a member\nnot here now"
    assert (await alice.refused("/whois nobody")).code == "not_found"
    assert (await alice.refused("/whois")).code == "usage"


# -- /msg -------------------------------------------------------------------------------------------------------


async def test_two_speak_alone(alice: Person, bob: Person, olga: Person, house: House) -> None:
    ada = await house.person("ada", is_admin=True)
    await alice.enters()
    await bob.enters()
    answer = await alice.says("/msg @bob are you *there*?", nonce="n-1")
    where = answer.text.rpartition("/rooms/")[2]
    assert answer.text == f"Said to @bob alone: /rooms/{where}"
    unread = await bob.hears("unread", room=where, count=1)
    assert unread
    again = await alice.says("/msg @bob are you *there*?", nonce="n-1")
    assert (again.duplicate, again.text) == (True, answer.text)
    assert (await bob.says("/dm alice")).text == f"You and @alice: /rooms/{where}"
    page = await bob.opens(f"/rooms/{where}")
    assert "<strong>there</strong>" in page.text
    assert "<title>alice" in page.text
    assert f"/rooms/{where}" in (await bob.opens("/rooms/lobby")).text
    await bob.enters(where)
    await bob.says("yes")
    assert await house.kinds(where) == ["message", "joined", "message"]
    for stranger in (olga, ada):
        assert (await stranger.opens(f"/rooms/{where}")).status == 404
        assert (await stranger.knocks(where)).status == 404
        assert (await stranger.gets(f"/api/rooms/{where}/messages")).status == 404
        assert where not in (await stranger.opens("/rooms")).text
    assert (await alice.refused(f"/leave {where}")).code == "direct_room"


async def test_ones_own_words_do_not_wait_to_be_read(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    await alice.says("/msg @bob hello")
    assert [one.unread for one in await previews(house.node, alice.id) if one.slug.startswith("d-")] == [0]
    assert [one.unread for one in await previews(house.node, bob.id) if one.slug.startswith("d-")] == [1]
    await bob.enters()
    await bob.says("/msg @alice yes?")
    await alice.says("/msg @bob did you read this")
    assert [one.unread for one in await previews(house.node, alice.id) if one.slug.startswith("d-")] == [2]


async def test_two_who_begin_at_once_on_two_processes_have_one_room(
    alice: Person, bob: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("bob", bob.id, at=1)
    answers = await asyncio.gather(
        alice.posts("/api/rooms/lobby/messages", {"text": "/msg bob one"}),
        there.posts("/api/rooms/lobby/messages", {"text": "/msg alice two"}),
    )
    places = {answer.json.notices[0].rpartition("/")[2] for answer in answers}
    assert len(places) == 1
    assert (await house.kinds(places.pop())).count("message") == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/msg", "usage"),
        ("/msg alice hi", "self"),
        ("/msg nobody hi", "not_found"),
        ("/msg bob " + "x" * 4_001, "too_long"),
    ],
)
async def test_not_everybody_can_be_spoken_with_alone(
    alice: Person, bob: Person, line: str, code: str
) -> None:
    await alice.enters()
    assert (await alice.refused(line)).code == code


async def test_a_conversation_of_two_never_becomes_a_room(alice: Person, bob: Person) -> None:
    await alice.enters()
    where = (await alice.says("/msg bob")).text.rpartition("/")[2]
    assert "You and <b>bob</b>, and nobody else, ever." in (await alice.opens(f"/rooms/{where}")).text
    await alice.enters(where)
    for line in ("/kill bob", "/clear", "/topic x", "/op bob"):
        assert (await alice.refused(line)).code == "direct_room"


async def test_not_even_an_admin_rules_between_two(bob: Person, house: House) -> None:
    ada = await house.person("ada", is_admin=True)
    await ada.enters()
    where = (await ada.says("/msg bob")).text.rpartition("/")[2]
    await ada.enters(where)
    lines = (
        "/kill bob",
        "/op bob",
        "/clear",
        "/invite olga",
        "/rename x",
        "/public",
        "/hook ci",
        f"/destroy {where}",
    )
    await bob.enters(where)
    said = await bob.says("between us")
    for line in (*lines, "/ban bob", "/mute bob", "/private", "/leave", "/topic x", f"/delete {said.seq}"):
        assert (await ada.refused(line)).code == "direct_room", line
    assert (await bob.enters(where)).you.role == "member"
    # Nor does whoever is no admin hear of moderators that such a room could have.
    theirs = [line for line in lines if not line.startswith("/destroy")]
    for line in (*theirs, "/unmute ada", "/banlist", "/log", "/reports", "/invitelink list", "/pin"):
        why = await bob.refused(line)
        assert (why.code, "conversation of two" in why.message) == ("direct_room", True), line
    assert (await bob.refused("/siteban ada")).code == "no_permission"
