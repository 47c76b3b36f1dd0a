"""One site in two processes: what happens in one is true in the other before it is told as done."""

from __future__ import annotations

import asyncio

import pytest

from chat.actions import messages, moderation
from chat.errors import LastOwner
from chat.forbidden import Muted, NotAllowed
from chat.input import say
from chat.log import Request
from chat.members import find_room, member_in
from chat.models import Room
from chat.policy import Role
from tests.people import House, Person


@pytest.fixture
async def anna(house: House, alice: Person) -> Person:
    """Alice again, at another process."""
    await house.opens()
    return await house.again("alice", alice.id, at=1)


@pytest.fixture
async def far(house: House, bob: Person, anna: Person) -> Person:
    """Bob, at the other process."""
    return await house.again("bob", bob.id, at=1)


async def test_words_cross_over_in_both_directions(alice: Person, anna: Person, far: Person) -> None:
    await alice.enters()
    await far.enters()
    here, there = await alice.says("hi"), await far.says("ho")
    assert (await far.hears("message", seq=here.seq)).text == "hi"
    assert (await alice.hears("message", seq=there.seq)).text == "ho"
    await anna.enters()
    again = await anna.says("hi", nonce="n-1")
    assert (await alice.hears("message", nonce="n-1")).seq == again.seq
    assert (await alice.says("hi", nonce="n-1")).duplicate is True


async def test_kill_takes_effect_everywhere_before_its_reply(
    alice: Person, anna: Person, far: Person, olga: Person, house: House
) -> None:
    await alice.enters()
    await alice.hears("joined", user="alice")
    await anna.enters()
    await far.enters()
    await olga.enters()
    assert (await olga.says("/kill alice bye")).text.startswith("Removed @alice. They can come back in 60 s.")
    for node in house.nodes:
        for channel in node.hub.channels():
            assert alice.id not in {listener.member.user_id for listener in channel.listeners}
    assert await alice.tab.is_closed() == 4502
    assert await anna.tab.is_closed() == 4502
    assert (await far.hears("kicked")).reason == "bye"
    said = await olga.says("after")
    assert (await far.hears("message", seq=said.seq)).text == "after"
    assert not [frame for tab in (alice.tab, anna.tab) for frame in tab.unheard if frame.seq == said.seq]
    assert (await far.hears("left", user="alice")).seq < said.seq


async def test_a_rank_given_at_one_process_counts_at_the_other(
    alice: Person, anna: Person, far: Person, olga: Person
) -> None:
    await anna.enters()
    await far.enters()
    await olga.enters()
    assert (await anna.refused("/kill bob")).code == "no_permission"
    await olga.says("/op alice")
    assert (await anna.hears("role")).role == "moderator"
    assert "/kill" in (await anna.says("/help")).text
    assert (await anna.says("/kill bob")).text.startswith("Removed @bob.")
    assert await far.tab.is_closed() == 4502


async def test_a_new_name_is_known_at_the_other_process(alice: Person, anna: Person, far: Person) -> None:
    await alice.enters()
    await anna.enters()
    await far.enters()
    await alice.says("/nick Anna")
    assert (await far.hears("renamed")).user == {"id": alice.id, "name": "Anna"}
    assert (await anna.hears("renamed")).was == "alice"
    said = await anna.says("hi")
    assert (await far.hears("message", seq=said.seq)).by == {"id": alice.id, "name": "Anna"}
    assert "Anna" in (await far.says("/who")).text


async def test_unread_counts_and_read_marks_cross_over(
    alice: Person, anna: Person, far: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    await alice.enters()
    await anna.enters()
    await far.enters("garden")
    said = await far.says("hi @alice")
    for person in (alice, anna):
        told = await person.hears("unread", room="garden")
        assert (told.count, told.mentions) == (1, 1)
    await anna.enters("garden")
    await anna.tab.sends({"type": "read", "seq": said.seq})
    assert (await anna.hears("read")).seq == said.seq
    assert await alice.hears("unread", room="garden", count=0, mentions=0)


async def test_typing_crosses_over(alice: Person, far: Person) -> None:
    await alice.enters()
    await far.enters()
    await alice.tab.sends({"type": "typing"})
    assert (await far.hears("typing")).user.id == alice.id


async def test_the_last_tab_of_all_processes_leaves(alice: Person, anna: Person, far: Person) -> None:
    await alice.enters()
    await anna.enters()
    await far.enters()
    await alice.tab.leaves()
    await far.says("is alice still here?")
    assert "alice" in (await far.says("/who")).text
    await anna.tab.leaves()
    await far.hears("left", user="alice")
    assert not await far.tab.has_heard("left")


async def test_signing_out_closes_sockets_at_the_other_process(alice: Person, anna: Person) -> None:
    anna.client.session.cookie_jar.update_cookies(
        {cookie.key: cookie.value for cookie in alice.client.session.cookie_jar}, anna.client.make_url("/")
    )
    await anna.enters()
    assert (await alice.fills("/logout")).status == 303
    assert await anna.tab.is_closed() == 4501


async def test_clear_and_undo_at_two_processes(alice: Person, far: Person, olga: Person) -> None:
    await far.enters()
    await olga.enters()
    await far.says("hi")
    cleared = await olga.says("/clear")
    assert (await far.hears("cleared")).upto == cleared.seq - 1
    assert "hi" not in (await far.gets("/api/rooms/lobby/messages")).text
    await olga.says("/undo")
    assert (await far.hears("undone")).target == cleared.seq


async def test_of_two_owners_who_step_down_at_once_one_stays(
    alice: Person, anna: Person, bob: Person, olga: Person, house: House
) -> None:
    room = await find_room(house.node.manager, "lobby")
    for _ in range(5):
        await house.ranks(alice, Role.OWNER)
        await house.ranks(olga, Role.OWNER)
        outcomes = await asyncio.gather(
            _steps_down(house, 0, room, olga), _steps_down(house, 1, room, alice), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Answer", "LastOwner"]
        owners = await house.node.manager.value(
            "SELECT count(*) FROM memberships WHERE room_id = %s AND role = %s", room.id, int(Role.OWNER)
        )
        assert owners == 1


async def _steps_down(house: House, at: int, room: Room, person: Person) -> object:
    node = house.nodes[at]
    member = await member_in(node.manager, room.id, person.id)
    assert member is not None
    return await moderation.set_role(node, room, member, person.name, Role.MEMBER, command="deop")


async def test_a_rank_lost_meanwhile_gives_no_right(
    alice: Person, anna: Person, bob: Person, olga: Person, house: House
) -> None:
    """What each knows of themselves is old by then; the lock decides."""
    room = await find_room(house.node.manager, "lobby")
    await house.ranks(alice, Role.OWNER)
    known = await member_in(house.nodes[1].manager, room.id, alice.id)
    assert known is not None
    await house.ranks(alice, Role.MEMBER)
    with pytest.raises(NotAllowed):
        await moderation.set_role(house.nodes[1], room, known, "bob", Role.MODERATOR, command="op")
    olgas = await member_in(house.node.manager, room.id, olga.id)
    assert olgas is not None
    with pytest.raises(LastOwner):
        await moderation.set_role(house.node, room, olgas, "olga", Role.MEMBER, command="deop")


ACTS = """/topic mine|/clear|/kill bob|/ban bob|/mute bob|/voice bob|/moderated on|/lock|/slowmode 10s|/op bob|
    /rename mine|/private|/welcome hello|/pin {seq}|/purge @bob 1|/delete {seq}"""


async def test_what_a_connection_remembers_of_a_rank_gives_no_right_to_act(
    alice: Person, bob: Person, house: House
) -> None:
    await bob.enters()
    said = await bob.says("hello")
    before = await house.node.manager.rows("SELECT kind FROM messages ORDER BY seq")
    room = await find_room(house.node.manager, "lobby")
    await house.ranks(alice, Role.OWNER)
    known = await member_in(house.node.manager, room.id, alice.id)
    assert known is not None
    await house.ranks(alice, Role.MEMBER)
    for number, line in enumerate(ACTS.split("|")):
        with pytest.raises(NotAllowed):
            await say(house.node, room, known, line.strip().format(seq=said.seq), f"n-{number}")
    with pytest.raises(NotAllowed):
        await messages.remove(house.node, room, known, said.seq, Request("n-2", b"2"))
    assert await house.node.manager.rows("SELECT kind FROM messages ORDER BY seq") == before


async def test_who_was_muted_meanwhile_does_not_speak_on_by_editing(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    said = await alice.says("hello")
    room = await find_room(house.node.manager, "lobby")
    known = await member_in(house.node.manager, room.id, alice.id)
    assert known is not None
    await mona.enters()
    await mona.says("/mute alice")
    with pytest.raises(Muted):
        await messages.edit(house.node, room, known, said.seq, "and what is more", Request("n-1", b"1"))
