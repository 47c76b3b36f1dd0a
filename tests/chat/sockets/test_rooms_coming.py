"""Rooms gained and lost while a multi-room socket is open, and in which of them its user counts as being."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.actions import load_user
from accounts.tokens import create_token
from chat.actions import invitations, rooms
from chat.events import MemberBanned, MemberRemovedSelf
from chat.members import find_room, member_in
from chat.policy import Role
from chat.presence import ANYWHERE
from tests.chat.backstage import until
from tests.chat.sockets.old import old_program
from tests.people import House, Person


@pytest.fixture(autouse=True)
def plenty(house: House) -> None:
    """Nobody here is asked to speak more slowly."""
    house.node.limits = replace(house.node.limits, burst=500, connections=100)


async def accepts(house: House, person: Person, owner: Person, slug: str) -> None:
    """Somebody comes into a room by an invitation."""
    room = await find_room(house.node.manager, slug)
    member = await member_in(house.node.manager, room.id, owner.id)
    user = await load_user(house.node.manager, person.id)
    assert member is not None
    assert user is not None
    await invitations.accept(house.node, await invitations.invite(house.node, member, room), user)


async def test_who_is_invited_hears_the_room_from_then_on(house: House, alice: Person, olga: Person) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("cellar")
    program = await old_program(house, alice, events=True)
    await olga.says("before")
    await accepts(house, alice, olga, "cellar")
    await program.hears_frame("room_added", slug="cellar")
    await olga.says("after")
    await program.hears_words("after")
    assert await program.all_words() == []
    assert (await program.asks_for("select_room", room="cellar")).room_messages[0]["text"] == "before"


async def test_a_room_one_makes_oneself_is_heard_at_once(house: House, alice: Person, bob: Person) -> None:
    program = await old_program(house, alice, events=True)
    await rooms.create(house.node, alice.id, "garden")
    await program.hears_frame("room_added", slug="garden")
    await bob.enters("garden")
    await bob.says("nice")
    await program.hears_words("nice")


async def test_the_first_act_in_a_public_room_makes_a_member(
    house: House, alice: Person, olga: Person
) -> None:
    await house.room("garden", olga)
    program = await old_program(house, alice)
    assert [one["slug"] for one in (await program.asks_for("rooms")).rooms] == ["lobby"]
    said = await program.asks_for("new_message", room="garden", text="may I?")
    assert said["message"]["text"] == "may I?"
    assert {one["slug"] for one in (await program.asks_for("rooms")).rooms} == {"lobby", "garden"}
    assert await house.kinds("garden") == ["added", "added", "message"]


async def test_who_is_shown_out_hears_no_more_of_that_room_and_all_of_the_others(
    house: House, alice: Person, olga: Person
) -> None:
    await house.room("garden", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    program = await old_program(house, alice, events=True)
    await program.asks_for("select_room", room="lobby")
    await olga.enters()
    assert (await olga.says("/kill alice too loud")).text.startswith("Removed @alice.")
    assert (await program.hears_of("kicked")).reason == "too loud"
    await olga.says("about her")
    await olga.enters("garden")
    await olga.says("in the garden")
    await program.hears_words("in the garden")
    assert await program.all_words() == []
    assert (
        await program.asks_for("select_room", room="lobby")
    ).error_message == "'lobby' is not a valid UUID."
    refused = await program.asks_for("new_message", room="lobby", text="but")
    assert refused.status == "error"
    assert "lobby" not in [one["slug"] for one in (await program.asks_for("rooms")).rooms]
    assert (await house.kinds()).count("left") == 1
    await house.marks(alice, "out_until = now() - interval '1 s'")
    await olga.tabs[0].says("still silent")
    # Also after a moment in which the bus was away and everybody looks again which rooms are theirs.
    house.node.hub._lost()
    await until(lambda: not [task for task in asyncio.all_tasks() if "looking at rooms" in task.get_name()])
    await olga.tabs[0].says("silent as ever")
    assert await program.all_words() == []
    assert (await program.asks_for("select_room", room="lobby")).status == "success"
    await olga.tabs[0].says("back")
    await program.hears_words("back")


async def test_who_is_kept_out_does_not_hear_the_room_by_a_new_socket(
    house: House, alice: Person, olga: Person
) -> None:
    await house.marks(alice, "out_until = now() + interval '1 minute'")
    program = await old_program(house, alice)
    await olga.enters()
    await olga.says("about her")
    assert await program.all_words() == []


async def test_who_is_shown_out_while_coming_in_does_not_hear_the_room(
    house: House, alice: Person, olga: Person
) -> None:
    """Between the first look and the moment from which all is heard somebody may be removed: the second look counts."""
    look = house.node.hub.channel

    async def removed_meanwhile(room_id: int) -> Any:
        await house.marks(alice, "out_until = now() + interval '1 minute'")
        return await look(room_id)

    house.node.hub.channel = removed_meanwhile  # type: ignore[method-assign]
    program = await old_program(house, alice)
    house.node.hub.channel = look  # type: ignore[method-assign]
    await olga.enters()
    await olga.says("about her")
    assert await program.all_words() == []


async def test_who_is_shown_out_of_a_private_room_and_invited_again_hears_it_again(
    house: House, alice: Person, olga: Person
) -> None:
    await house.room("cellar", olga, private=True)
    await house.ranks(alice, Role.MEMBER, "cellar")
    program = await old_program(house, alice, events=True)
    await olga.enters("cellar")
    await olga.says("/kill alice")
    await program.hears_of("kicked")
    await olga.says("secret")
    await house.marks(alice, "out_until = now() - interval '1 s'", "cellar")
    assert (await program.asks_for("select_room", room="cellar")).status == "error"
    await accepts(house, alice, olga, "cellar")
    await program.hears_frame("room_added", slug="cellar")
    await olga.says("welcome back")
    await program.hears_words("welcome back")
    assert await program.all_words() == []


@pytest.mark.parametrize("how", ["banned", "left"])
async def test_the_banned_and_those_who_left_hear_no_more(
    house: House, alice: Person, olga: Person, how: str
) -> None:
    program, olgas = await old_program(house, alice), await old_program(house, olga)
    await program.asks_for("select_room", room="lobby")
    room = await find_room(house.node.manager, "lobby")
    async with house.node.journal.transaction(room.id) as log:
        her, his = await log.member(alice.id), await log.member(olga.id)
        until = datetime.now(UTC) + timedelta(days=1)
        await log.record(
            MemberBanned(by=his.person, user=her.person, until=until)
            if how == "banned"
            else MemberRemovedSelf(by=her.person, user=her.person)
        )
    await olgas.asks_for("new_message", room="lobby", text="gone")
    assert await program.all_words() == []
    answer = await program.asks_for("select_room", room=room.uuid.hex)
    assert answer.status == ("error" if how == "banned" else "success")


async def test_the_selected_room_is_where_its_user_is(house: House, alice: Person, olga: Person) -> None:
    await house.room("garden", olga)
    program = await old_program(house, alice)
    await olga.enters()
    await program.settles()
    assert "alice" not in (await olga.says("/who")).text
    await program.asks_for("select_room", room="lobby")
    await olga.hears("joined", user="alice")
    await program.asks_for("select_room", room="lobby")
    await program.asks_for("select_room", room="garden")
    await olga.hears("left", user="alice")
    assert "alice" not in (await olga.says("/who")).text
    await olga.enters("garden")
    assert "alice" in (await olga.says("/who")).text
    await program.leaves()
    assert "lost" not in await olga.hears("left", user="alice")
    assert await house.kinds("garden") == ["added", "added", "joined", "joined", "left"]


async def test_to_and_fro_one_is_where_one_was_last(house: House, alice: Person, olga: Person) -> None:
    await house.room("garden", olga)
    program = await old_program(house, alice)
    for _ in range(5):
        await program.asks_for("select_room", room="garden")
        await program.asks_for("select_room", room="lobby")
    assert await _present(house, alice, "lobby")
    assert not await _present(house, alice, "garden")
    room = await find_room(house.node.manager, "lobby")
    garden = await find_room(house.node.manager, "garden")
    assert await house.node.presence.count([(room.id, alice.id), (garden.id, alice.id)]) == [1, 0]
    assert {mark[0] for mark in house.node.marks()} == {room.id, ANYWHERE}


async def test_who_authenticates_again_is_there_once_they_select_again(
    house: House, alice: Person, olga: Person
) -> None:
    program, token = await old_program(house, alice), await create_token(house.node.manager, alice.id)
    room = await find_room(house.node.manager, "lobby")
    for _ in range(5):
        await program.asks_for("select_room", room="lobby")
        await program.asks_for("authenticate", token=token)
        assert {mark[0] for mark in house.node.marks()} == {ANYWHERE}
    await program.asks_for("select_room", room="lobby")
    assert await house.node.presence.count([(room.id, alice.id)]) == [1]
    assert await _present(house, alice, "lobby")


async def _present(house: House, person: Person, slug: str) -> bool:
    since = await house.node.manager.value(
        "SELECT m.present_since FROM memberships m JOIN rooms r ON r.id = m.room_id "
        "WHERE r.slug = %s AND m.user_id = %s",
        slug,
        person.id,
    )
    return since is not None


async def test_a_broken_line_is_told_as_lost(house: House, alice: Person, olga: Person) -> None:
    await olga.enters()
    program = await old_program(house, alice)
    await program.asks_for("select_room", room="lobby")
    await olga.hears("joined", user="alice")
    program.breaks()
    assert (await olga.hears("left", user="alice")).lost is True


async def test_a_server_that_stops_calls_nobody_gone(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    await program.asks_for("select_room", room="lobby")
    await house.node.let_go()
    assert await program.is_closed() == 1001
    assert "left" not in await house.kinds()


async def test_rooms_gained_while_the_bus_was_away_are_found_when_it_is_back(
    house: House, alice: Person, olga: Person
) -> None:
    await house.room("cellar", olga, private=True)
    program = await old_program(house, alice)
    await house.ranks(alice, Role.MEMBER, "cellar")
    await olga.enters("cellar")
    await olga.says("unheard")
    house.node.hub._lost()
    while "heard" not in await program.all_words():
        await olga.says("heard")
    assert "unheard" not in await program.all_words()
