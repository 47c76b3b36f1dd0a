"""Letting people in: /invite, /uninvite, /invitelink."""

from __future__ import annotations

import asyncio

import pytest

from chat.policy import Role
from helpers.qr import qr_rows
from tests.chat.sockets.old import old_page
from tests.people import PASSWORD, House, Person


@pytest.fixture
async def cellar(olga: Person, mona: Person, house: House) -> None:
    """A private room of olga's, moderated by mona."""
    await house.room("cellar", olga, private=True)
    await house.ranks(mona, Role.MODERATOR, "cellar")


async def test_people_are_brought_in_by_name(
    alice: Person, bob: Person, mona: Person, house: House, cellar: None
) -> None:
    await mona.enters("cellar")
    answer = await mona.says("/invite @alice", nonce="n-1")
    assert answer.text == "@alice is a member of #cellar now."
    assert (await mona.hears("added")).user.name == "alice"
    assert (await mona.says("/invite @alice", nonce="n-1")).duplicate
    assert (await house.kinds("cellar")).count("added") == 2
    assert (await alice.enters("cellar")).you.role == "member"
    assert "cellar" in (await alice.opens("/rooms/lobby")).text
    several = (await mona.says("/invite bob @alice nobody")).text.splitlines()
    assert several[0] == "@bob is a member of #cellar now."
    assert several[1] == "@alice is a member of #cellar already."
    assert several[2].startswith("Nobody here is called nobody.")


async def test_an_invited_one_comes_in_through_another_process(
    alice: Person, mona: Person, house: House, cellar: None
) -> None:
    await house.opens()
    there = await house.again("alice", alice.id, at=1)
    await there.enters()
    assert (await there.knocks("cellar")).status == 404
    await mona.enters("cellar")
    await mona.says("/invite alice")
    await there.enters("cellar")
    assert (
        await mona.says("/uninvite alice", nonce="n-1")
    ).text == "@alice is not a member of #cellar any more."
    assert await there.tab.is_closed() == 4502
    assert (await there.knocks("cellar")).status == 404
    assert (await mona.says("/uninvite alice", nonce="n-1")).duplicate
    await mona.says("/invite alice")
    assert (await there.enters("cellar")).you.role == "member"


async def test_who_is_invited_hears_so_in_every_room_and_process(
    alice: Person, bob: Person, olga: Person, mona: Person, house: House, cellar: None
) -> None:
    await house.opens()
    there = await house.again("alice", alice.id, at=1)
    await house.room("study", olga)
    await alice.enters("study")
    await there.enters("lobby")
    page = await old_page(alice)
    await bob.enters("lobby")
    await mona.enters("cellar")
    await mona.says("/invite alice")
    for tab in (alice.tabs[0], there.tab):
        told = await tab.hears("belongs", room="cellar")
        assert (told.title, told.member, told.by.name) == ("cellar", True, "mona")
        await tab.hears("unread", room="cellar")
    await page.shows("@mona brought you into #cellar: /rooms/cellar")
    await mona.says("/uninvite alice")
    for tab in (alice.tabs[0], there.tab):
        told = await tab.hears("belongs", room="cellar")
        assert (told.member, told.by.name) == (None, "mona")
    assert not await bob.tab.has_heard("belongs")


async def test_who_comes_and_goes_by_themselves_hears_it_on_their_other_pages(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("study", olga)
    await alice.enters("lobby")
    await alice.says("/join study")
    told = await alice.hears("belongs", room="study")
    assert (told.member, told.by) == (True, None)
    await alice.says("/leave study")
    assert (await alice.hears("belongs", room="study")).member is None


async def test_a_ban_from_a_room_one_never_knew_does_not_tell_of_it(
    alice: Person, mona: Person, cellar: None
) -> None:
    await alice.enters("lobby")
    await mona.enters("cellar")
    await mona.says("/ban alice 1h")
    await mona.says("/unban alice")
    await mona.says("/invite alice")
    assert (await alice.hears("belongs")).member is True


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/invite bob", "no_permission"),
        ("alice", "/invite nobody", "no_permission"),
        ("alice", "/uninvite bob", "no_permission"),
        ("alice", "/invitelink", "no_permission"),
        ("alice", "/invitelink list", "no_permission"),
        ("mona", "/invite", "usage"),
        ("mona", "/invite " + " ".join(f"a{n}" for n in range(21)), "usage"),
        ("mona", "/invite nobody", "not_found"),
        ("mona", "/invite alice", "already"),
        ("mona", "/invite carol", "banned"),
        ("mona", "/uninvite olga", "rank"),
        ("mona", "/uninvite mona", "self"),
        ("mona", "/uninvite bob", "not_in_room"),
        ("mona", "/invitelink 0", "usage"),
        ("mona", "/invitelink revoke", "usage"),
        ("mona", "/invitelink revoke 99999", "not_set"),
        ("mona", "/invitelink for ever", "usage"),
    ],
)
async def test_inviting_is_refused(
    alice: Person, bob: Person, mona: Person, house: House, cellar: None, who: str, line: str, code: str
) -> None:
    carol = await house.person("carol")
    await house.ranks(carol, Role.MEMBER, "cellar")
    await house.marks(carol, "is_member = false, banned_until = now() + interval '1 h'", "cellar")
    await house.ranks(alice, Role.MEMBER, "cellar")
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters("cellar")
    why = await actor.refused(line)
    assert why.code == code
    if code == "banned":
        assert why.message.endswith(" /unban @carol first.")


async def test_from_a_public_room_nobody_is_uninvited(alice: Person, mona: Person) -> None:
    await mona.enters()
    assert (await mona.refused("/uninvite alice")).code == "not_set"


async def test_members_invite_where_the_room_lets_them(
    alice: Person, olga: Person, house: House, cellar: None
) -> None:
    await house.ranks(alice, Role.MEMBER, "cellar")
    await house.person("carol")
    await alice.enters("cellar")
    await olga.enters("cellar")
    assert (await olga.says("/allowinvite on")).text == "In #cellar members may invite people now."
    await alice.hears("settings")
    assert (await alice.says("/invite carol")).text
    assert (await alice.refused("/invitelink")).code == "no_permission"
    await olga.says("/allowinvite off")
    await alice.hears("settings")
    assert (await alice.refused("/invite bob")).code == "no_permission"


async def test_a_link_lets_so_many_in_and_is_shown_once(mona: Person, house: House, cellar: None) -> None:
    await mona.enters("cellar")
    answer = await mona.says("/invitelink 2 1d", nonce="n-1")
    link = answer.text.split()[0]
    path = link.partition("/join/")[2]
    assert answer.qr == list(qr_rows(link))
    again = await mona.says("/invitelink 2 1d", nonce="n-1")
    assert again.duplicate
    assert path not in again.text
    assert again.qr is None
    kept = await house.node.manager.rows("SELECT token_hash::text FROM invitations")
    assert path not in str(kept)
    listed = (await mona.says("/invitelink list")).text
    assert "made by mona, 2 left, good until" in listed
    comers = [await house.stranger() for _ in range(3)]
    results = await asyncio.gather(
        *(comer.fills(f"/join/{path}", name=f"comer{n}", password=PASSWORD) for n, comer in enumerate(comers))
    )
    assert sorted(result.status for result in results) == [303, 303, 404]
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name LIKE 'comer%%'") == 2
    assert "There is no link" in (await mona.says("/invitelink list")).text


async def test_the_last_use_of_a_link_is_one_persons_at_two_processes(
    alice: Person, bob: Person, mona: Person, house: House, cellar: None
) -> None:
    await house.opens()
    there = await house.again("bob", bob.id, at=1)
    link = await mona.posts("/api/rooms/cellar/messages", {"text": "/invitelink"})
    token = link.json.notices[0].split()[0].rpartition("/")[2]
    results = await asyncio.gather(
        *(
            person.posts("/api/rooms/lobby/messages", {"text": f"/join #cellar {token}", "nonce": "n-1"})
            for person in (alice, there)
        )
    )
    assert sorted(result.status for result in results) == [200, 404]
    assert next(result for result in results if result.status == 404).refusal.code == "no_invitation"
    assert (await house.kinds("cellar")).count("added") == 2
    assert await house.node.manager.value("SELECT uses_left FROM invitations") == 0


async def test_a_link_is_ended(mona: Person, alice: Person, cellar: None) -> None:
    await mona.enters("cellar")
    answer = await mona.says("/invitelink uses 5 7d")
    token = answer.text.split()[0].partition("/join/")[2]
    number = (await mona.says("/invitelink list")).text.split()[0]
    done = await mona.says(f"/invitelink revoke {number}", nonce="n-1")
    assert done.text == f"Link {number} is ended. Who came by it stays."
    assert (await mona.says(f"/invitelink revoke {number}", nonce="n-1")).duplicate
    assert (await alice.opens(f"/join/{token}")).status == 404
    assert (await mona.refused(f"/invitelink revoke {number}")).code == "not_set"


async def test_a_closed_site_makes_no_links(mona: Person, house: House, cellar: None) -> None:
    await house.node.manager.execute("UPDATE site SET registration = 'closed'")
    await mona.enters("cellar")
    assert (await mona.refused("/invitelink")).code == "disabled"


async def test_where_nobody_can_make_an_account_no_link_of_before_makes_one(
    alice: Person, olga: Person, house: House
) -> None:
    await olga.enters()
    await house.room("garden", olga, private=True)
    await olga.enters("garden")
    link = (await olga.says("/invitelink 5")).text.split()[0]
    path = link[link.index("/join/") :]
    await house.node.manager.execute("UPDATE site SET registration = 'closed'")
    stranger = await house.stranger()
    refused = await stranger.fills(path, name="newcomer", password="quay-and-lantern-9")
    assert (refused.status, "lets nobody make an account" in refused.words) == (403, True)
    assert not await house.node.manager.value("SELECT 1 FROM users WHERE name = 'newcomer'")
    # Who has an account comes in as before.
    assert (await alice.fills(path)).leads_to == "/rooms/garden"


async def test_a_link_is_ended_however_many_were_made_on_the_site(
    mona: Person, alice: Person, house: House, cellar: None
) -> None:
    await mona.enters("cellar")
    await house.node.manager.execute("ALTER SEQUENCE invitations_id_seq RESTART WITH 200000")
    answer = await mona.says("/invitelink")
    assert (await mona.says("/invitelink list")).text.startswith("200000 · ")
    assert await mona.says("/invitelink revoke 200000")
    assert (await alice.opens(answer.text.split()[0][answer.text.index("/join/") :])).status == 404
    for line in ("/invitelink 100001", "/invitelink 1 0s"):
        assert (await mona.refused(line)).code == "usage"
