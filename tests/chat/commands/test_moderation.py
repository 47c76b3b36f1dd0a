"""What moderators and owners type: /kill, /clear, /undo, /op, /deop."""

from __future__ import annotations

import pytest

from chat.actions import messages, moderation
from chat.forbidden import Removed
from chat.log import Request
from chat.members import Member, find_room, member_in
from chat.models import Room
from chat.policy import Role
from tests.people import House, Person, Refused

# -- /kill ------------------------------------------------------------------------------------------------------


async def test_kill_ends_every_tab_and_says_why(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    await bob.enters()
    await mona.enters()
    await alice.enters()
    await alice.enters()
    await bob.hears("joined", user="alice")
    answer = await mona.says("/kill @ALICE off <b>topic</b>", nonce="n-1")
    assert answer.text.startswith("Removed @alice.")
    for tab in alice.tabs:
        assert (await tab.hears("kicked")).reason == "off <b>topic</b>"
        assert await tab.is_closed() == 4502
        assert tab.close_reason == "off <b>topic</b>"
    kicked = await bob.hears("kicked")
    assert (kicked.user.name, kicked.by.name, kicked.seq) == ("alice", "mona", answer.seq)
    assert "lost" not in await bob.hears("left", user="alice")
    assert (await house.kinds()).count("left") == 1
    again = await mona.says("/kill @ALICE off <b>topic</b>", nonce="n-1")
    assert (again.seq, again.duplicate) == (answer.seq, True)
    assert (await house.kinds()).count("kicked") == 1


async def test_who_was_killed_cools_down_at_every_door(alice: Person, mona: Person, house: House) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/kick alice too <i>loud</i>")
    await alice.tab.is_closed()
    assert (await alice.knocks()).refusal.code == "removed"
    for answer in (
        await alice.gets("/api/rooms/lobby/messages"),
        await alice.gets("/api/rooms/lobby/here"),
        await alice.gets("/api/rooms/lobby/me"),
        await alice.gets("/api/commands?room=lobby"),
        await alice.posts("/api/rooms/lobby/messages", {"text": "hi"}),
    ):
        assert (answer.status, answer.refusal.code) == (403, "removed")
    for page in (
        await alice.opens("/rooms/lobby"),
        await alice.fills("/rooms/lobby", on="/rooms", text="hi"),
    ):
        assert page.status == 403
        assert "too &lt;i&gt;loud&lt;/i&gt;" in page.text
        assert "mona" in page.text
        assert 50 <= int(page.headers["Retry-After"]) <= 60
    await house.marks(alice, "out_until = now() - interval '1 s'")
    assert (await alice.enters()).you.role == "member"


async def test_a_member_without_a_tab_is_removed_all_the_same(
    alice: Person, mona: Person, house: House
) -> None:
    await mona.enters()
    assert (await mona.says("/remove alice")).text.startswith("Removed @alice.")
    assert "left" not in await house.kinds()


async def test_of_a_private_room_nothing_remains_to_who_was_removed(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await house.ranks(alice, Role.MEMBER, "cellar")
    await alice.enters("cellar")
    await olga.enters("cellar")
    await olga.says("/kill alice")
    assert await alice.tab.is_closed() == 4502
    assert (await alice.knocks("cellar")).status == 404
    assert "cellar" not in (await alice.opens("/rooms")).text


async def test_who_was_removed_from_a_private_room_hears_no_more_how_much_is_said_there(
    alice: Person, olga: Person, house: House
) -> None:
    for slug in ("cellar", "garden"):
        await house.room(slug, olga, private=True)
        await house.ranks(alice, Role.MEMBER, slug)
    await alice.enters("lobby")
    await olga.enters("cellar")
    await olga.says("come down")
    await alice.hears("unread", room="cellar", count=1)
    await olga.says("/kill alice")
    await olga.says("now we are alone")
    await olga.enters("garden")
    await olga.says("lovely weather")
    await alice.hears("unread", room="garden", count=1)
    assert not [told for told in await alice.tab.all_heard("unread") if told.room == "cellar"]


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/kill bob", "no_permission"),
        ("alice", "/kill alice", "no_permission"),
        ("alice", "/kill nobody", "no_permission"),
        ("mona", "/kill", "usage"),
        ("mona", "/kill @", "usage"),
        ("mona", "/kill -f", "usage"),
        ("mona", '/kill "', "usage"),
        ("mona", "/kill alice\nand bob", "usage"),
        ("mona", "/kill nobody", "not_found"),
        ("mona", "/kill aiochat", "not_found"),
        ("mona", "/kill %", "not_found"),
        ("mona", "/kill a____", "not_found"),
        ("mona", "/kill mona", "self"),
        ("mona", "/kill olga", "rank"),
        ("mona", "/kill carol", "not_in_room"),
        ("mona", "/killer alice", "unknown_command"),
        ("mona", "/kil alice", "unknown_command"),
        ("mona", "/kill ade", "rank"),
    ],
)
async def test_kill_is_refused(
    alice: Person, bob: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.person("carol")
    await house.ranks(await house.person("ade", is_admin=True), Role.MEMBER)
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "kicked" not in await house.kinds()


async def test_an_unknown_name_is_answered_with_close_ones(mona: Person, alice: Person) -> None:
    await mona.enters()
    assert (await mona.refused("/kill alcie")).message == "Nobody here is called alcie. Close: @alice."


async def test_a_refused_command_leaves_its_nonce_free(mona: Person, house: House) -> None:
    await mona.enters()
    with pytest.raises(Refused):
        await mona.says("/kill alice", nonce="n-1")
    alice = await house.person("alice")
    await house.ranks(alice, Role.MEMBER)
    assert (await mona.says("/kill alice", nonce="n-1")).duplicate is None


async def test_a_moderator_shown_out_rules_no_more(
    alice: Person, mona: Person, olga: Person, house: House
) -> None:
    """What was on its way when they were removed is not done, through whichever door it comes."""
    await mona.enters()
    await olga.enters()
    said = await alice.posts("/api/rooms/lobby/messages", {"text": "hi"})
    await olga.says("/kill mona")
    room, member = await _as_known_before(house, mona)
    with pytest.raises(Removed):
        await moderation.kick(house.node, room, member, "alice")
    with pytest.raises(Removed):
        await messages.remove(house.node, room, member, said.json.seq, Request("n", b""))


async def _as_known_before(house: House, person: Person) -> tuple[Room, Member]:
    room = await find_room(house.node.manager, "lobby")
    member = await member_in(house.node.manager, room.id, person.id)
    assert member is not None
    return room, member


async def test_nobody_escapes_by_taking_the_nonce_of_their_own_leaving(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    joined = await alice.hears("joined")
    for nonce in (f"~left/{joined.seq}", "~x", "bad nonce", "x" * 65, "\0"):
        answer = await alice.fills("/rooms/lobby", text=f"hi {nonce!r}", nonce=nonce)
        assert answer.status == 303
        sent = await alice.posts("/api/rooms/lobby/messages", {"text": "hi", "nonce": nonce})
        assert (sent.status, sent.refusal.field) == (400, "nonce")
    await mona.enters()
    assert (await mona.says("/kill alice")).text
    assert (await house.kinds())[-1] == "left"


# -- /clear and /undo -------------------------------------------------------------------------------------------


async def test_clear_empties_every_view_and_undo_brings_all_of_it_back(
    alice: Person, olga: Person, house: House
) -> None:
    hello = await alice.enters()
    await olga.enters()
    for text in ("one", "two", "three"):
        await alice.says(text)
    cleared = await olga.says("/clear a <i>clean</i> page", nonce="n-1")
    assert cleared.text.startswith("Cleared: 3 messages. /undo brings them back until ")
    told = await alice.hears("cleared")
    assert (told.count, told.upto, told.reason) == (3, cleared.seq - 1, "a <i>clean</i> page")
    assert told.undo_until
    page = await alice.opens("/rooms/lobby")
    assert "three" not in page.text
    assert "a &lt;i&gt;clean&lt;/i&gt; page" in page.text
    assert not [
        e for e in (await alice.gets("/api/rooms/lobby/messages")).json.entries if e["type"] == "message"
    ]
    await alice.tab.all_heard("message")
    await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
    await alice.hears("resumed")
    assert {(m.text, m.gone) for m in await alice.tab.all_heard("message")} == {(None, True)}
    again = await olga.says("/clear a <i>clean</i> page", nonce="n-1")
    assert (again.text, again.duplicate) == (cleared.text, True)
    undone = await olga.says("/undo", nonce="n-2")
    assert undone.text == "Undone: 3 messages back."
    told = await alice.hears("undone")
    assert (told.target, told.act) == (cleared.seq, "cleared")
    assert "three" in (await alice.opens("/rooms/lobby")).text
    assert (await olga.says("/undo", nonce="n-2")).duplicate
    assert (await olga.refused("/undo")).code == "nothing_to_undo"
    assert (await house.kinds()).count("undone") == 1


@pytest.mark.parametrize(("who", "line"), [("alice", "/clear"), ("mona", "/clear"), ("alice", "/undo olga")])
async def test_clearing_and_undoing_for_others_is_for_owners(
    alice: Person, mona: Person, olga: Person, house: House, who: str, line: str
) -> None:
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    why = await actor.refused(line)
    assert why.code == "no_permission"
    assert why.message == f"Only owners of #lobby can {line.split()[0]}. Ask one of them."
    assert "cleared" not in await house.kinds()


async def test_moderators_clear_where_the_room_lets_them_and_an_owner_may_take_it_back(
    mona: Person, olga: Person, house: House
) -> None:
    await house.sets({"moderators_clear": True})
    await mona.enters()
    await olga.enters()
    await mona.says("hi")
    assert (await mona.says("/clear")).text.startswith("Cleared: 1 message. ")
    assert (await olga.refused("/undo")).code == "nothing_to_undo"
    assert (await olga.refused("/undo nobody")).code == "nothing_to_undo"
    assert (await olga.says("/undo @Mona")).text == "Undone: 1 message back."


async def test_undo_has_an_end(olga: Person, house: House) -> None:
    await olga.enters()
    await olga.says("hi")
    await olga.says("/clear")
    await house.node.manager.execute("UPDATE acts SET undo_until = now() - interval '1 s'")
    assert (await olga.refused("/undo")).code == "undo_expired"
    assert (await olga.refused("/undo a b")).code == "usage"


async def test_undo_goes_back_step_by_step(olga: Person) -> None:
    await olga.enters()
    await olga.says("one")
    await olga.says("/clear")
    await olga.says("two")
    await olga.says("/clear")
    await olga.says("/undo")
    page = await olga.opens("/rooms/lobby")
    assert ">two<" in page.text
    assert ">one<" not in page.text
    await olga.says("/undo")
    assert ">one<" in (await olga.opens("/rooms/lobby")).text


# -- /op and /deop ----------------------------------------------------------------------------------------------


async def test_op_makes_a_moderator_and_deop_ends_it(alice: Person, bob: Person, olga: Person) -> None:
    await alice.enters()
    await bob.enters()
    await olga.enters()
    assert (await alice.refused("/kill bob")).code == "no_permission"
    answer = await olga.says("/op @alice", nonce="n-1")
    assert answer.text == "@alice is a moderator of #lobby now."
    told = await bob.hears("role")
    assert (told.user.name, told.role, told.by.name) == ("alice", "moderator", "olga")
    assert (await olga.says("/op @alice", nonce="n-1")).duplicate
    assert "/kill" in (await alice.says("/help")).text
    assert (await alice.says("/kill bob")).text
    await olga.says("/deop alice")
    assert (await alice.hears("role", role="member")).user.name == "alice"
    assert (await alice.refused("/kill bob")).code == "no_permission"


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/op bob", "no_permission"),
        ("alice", "/op nobody", "no_permission"),
        ("mona", "/op alice", "no_permission"),
        ("alice", "/deop mona", "no_permission"),
        ("alice", "/op alice", "no_permission"),
        ("olga", "/op mona", "already"),
        ("olga", "/deop alice", "not_set"),
        ("olga", "/op", "usage"),
        ("olga", "/op alice now", "usage"),
        ("olga", "/op nobody", "not_found"),
        ("olga", "/op carol", "not_in_room"),
        ("olga", "/deop carol", "not_in_room"),
        ("olga", "/deop olga", "last_owner"),
        ("olga", "/deop owen", "rank"),
        ("mona", "/deop olga", "no_permission"),
    ],
)
async def test_ranks_are_refused(
    alice: Person, bob: Person, mona: Person, olga: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.person("carol")
    if "owen" in line:
        await house.ranks(await house.person("owen"), Role.OWNER)
    actor = {"alice": alice, "mona": mona, "olga": olga}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "role" not in await house.kinds()


async def test_one_may_step_down_where_another_owner_remains(
    mona: Person, olga: Person, house: House
) -> None:
    await mona.enters()
    assert (await mona.says("/deop mona")).text.startswith("You are a member of #lobby now.")
    await house.ranks(mona, Role.OWNER)
    await olga.enters()
    assert (await olga.says("/deop @olga")).text.startswith("You are a member of #lobby now.")
    assert (await olga.refused("/op olga")).code == "no_permission"
