"""Guests of a site in two processes: one name each, one conversation, and what a dead process leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from accounts.actions import register
from tests.chat.backstage import until_kept
from tests.chat.sockets.old_nicks import Street
from tests.people import House


@pytest.fixture
async def both(house: House, street: Street) -> Street:
    """A street with two doors."""
    await house.opens()
    return street


async def test_words_and_comings_cross_over(both: Street) -> None:
    jonas, hotfix = await both.comes("Jonas", "test"), await both.comes(at=1)
    was = hotfix.name
    await hotfix.called("Hotfix", "test")
    assert await jonas.hears("joined") == {"action": "joined", "room": "test", "user": was}
    assert (await jonas.hears("nick_changed")).to_user == "Hotfix"
    assert (await jonas.asks("user_list", room="test")).users == ["Jonas", "Hotfix"]
    await jonas.asks("chat_message", message="hi")
    assert await hotfix.hears("chat_message") == {"action": "chat_message", "message": "hi", "user": "Jonas"}
    await hotfix.asks("chat_message", message="ho")
    assert (await jonas.hears("chat_message")).message == "ho"
    hotfix.breaks()
    assert await jonas.hears("left") == {"action": "left", "room": "test", "user": "Hotfix", "shame": True}


async def test_a_name_is_one_persons_in_both(both: Street) -> None:
    jonas = await both.comes("Jonas", "test")
    other = await both.comes(room="test", at=1)
    assert (await other.asks("set_nick", nick="JONAS")).message == "Name already in use."
    away = await both.comes("Jonas", at=1)
    assert (await away.asks("join_room", room="test")).message == "Name already in use in this room."
    await jonas.leaves()
    await other.hears("left", user="Jonas")
    await other.called("Jonas")


async def test_of_many_who_want_a_name_at_once_one_gets_it(both: Street) -> None:
    guests = [await both.comes(at=number % 2) for number in range(8)]
    for guest in guests:
        await guest.sends({"action": "set_nick", "nick": "Jonas"})
    told = [(await guest.answered("set_nick")).success for guest in guests]
    assert told.count(True) == 1
    users = (await guests[0].asks("user_list", room="Default")).users
    assert users.count("Jonas") == 1
    assert len(set(users)) == 8


async def test_of_many_who_name_a_room_at_once_all_are_in_it(both: Street, house: House) -> None:
    guests = [await both.comes(f"Guest{number}", at=number % 2) for number in range(8)]
    for guest in guests:
        await guest.sends({"action": "join_room", "room": "brand new"})
    assert all([(await guest.answered("join_room")).success for guest in guests])
    assert len((await guests[0].asks("user_list", room="brand new")).users) == 8
    assert await house.node.manager.value("SELECT count(*) FROM rooms WHERE title = 'brand new'") == 1


async def test_the_first_guests_of_all_make_one_room(both: Street, house: House) -> None:
    guests = await asyncio.gather(*(both.arrives(at=number % 2) for number in range(6)))
    names = {(await guest.greeting())[0].user for guest in guests}
    assert len(names) == 6
    assert set((await guests[0].asks("user_list", room="Default")).users) == names
    assert await house.node.manager.value("SELECT count(*) FROM rooms") == 1


async def test_what_a_dead_process_held_is_free_once_it_expires(both: Street, house: House) -> None:
    """A process that is killed says nothing any more: neither its claims nor its marks are renewed."""
    dead, alive = house.nodes[1], house.nodes[0]
    await both.comes("Jonas", at=1)
    witness = await both.comes("Witness")
    dead.guests._guests.clear()
    dead.guests.claims._held.clear()
    (room_id, user_id, connection), *_ = [mark for mark in dead.marks() if mark[0]]
    keys = [key async for key in alive.redis.scan_iter("*:nick:*")]
    assert all([0 < await alive.redis.pttl(key) <= 120_000 for key in keys])
    assert (await witness.asks("set_nick", nick="Jonas")).message == "Name already in use."
    held = [key for key in keys if not (await alive.redis.get(key) or b"").startswith(alive.name.encode())]
    await alive.redis.delete(*held)
    assert (await witness.asks("set_nick", nick="Jonas")).message == "Name already in use.", (
        "still called here"
    )
    await dead.presence.untrack([(room_id, user_id, connection)])
    await alive.comings.sweep()
    await alive.comings.sweep()
    assert await witness.hears("left", user="Jonas") == {
        "action": "left",
        "room": "Default",
        "user": "Jonas",
        "shame": True,
    }
    assert (await witness.asks("set_nick", nick="Jonas")).success


async def test_what_redis_forgot_is_held_again(both: Street, house: House) -> None:
    await both.comes("Jonas")
    await house.node.redis.flushall()
    await house.node.guests.renew()
    other = await both.comes(at=1)
    assert (await other.asks("set_nick", nick="Jonas")).message == "Name already in use."
    assert len([key async for key in house.node.redis.scan_iter("*:nick:*")]) == 2


async def test_a_name_that_is_lost_is_given_up_for_one_of_chance(both: Street, house: House) -> None:
    jonas, witness = await both.comes("Jonas"), await both.comes(at=1)
    for key in [key async for key in house.node.redis.scan_iter("*:nick:*")]:
        await house.node.redis.set(key, b"somebody else", xx=True)
    await house.node.guests.renew()
    told = await witness.hears("nick_changed", from_user="Jonas")
    assert told.to_user.startswith("User")
    assert await jonas.hears("nick_changed") == told, "whose name it was is told as well"
    assert (await jonas.asks("chat_message", message="who am I?")).success
    assert (await witness.hears("chat_message")).user == told.to_user


async def test_who_registers_a_guests_name_has_it_to_themselves(both: Street, house: House) -> None:
    jonas, witness = await both.comes("Jonas"), await both.comes(at=1)
    await register(house.node.manager, "jonas", None)
    await house.node.guests.renew()
    told = await witness.hears("nick_changed", from_user="Jonas")
    assert (await jonas.asks("set_nick", nick="Jonas")).message == "Name already in use."
    assert (await jonas.asks("user_list", room="Default")).users == [told.to_user, witness.name]


async def test_who_is_left_over_is_swept_away(both: Street, house: House) -> None:
    manager = house.node.manager
    stays = await both.comes("Stays")

    async def left_over(name: str) -> Any:
        return await manager.value(
            "INSERT INTO users (name, name_key, is_guest, created_at) VALUES (%s, %s, true, now() - interval '2 h') "
            "RETURNING id",
            name,
            name.lower(),
        )

    spoke, silent = await left_over("Spoke"), await left_over("Silent")
    await manager.execute("UPDATE users SET created_at = now() - interval '2 h' WHERE name = 'Stays'")
    room_id = await manager.value("SELECT id FROM rooms WHERE slug = 'default'")
    for user_id in (spoke, silent):
        await manager.execute(
            "INSERT INTO memberships (room_id, user_id, role, is_member) VALUES (%s, %s, 1, false)",
            room_id,
            user_id,
        )
    await manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash) "
        "VALUES (%s, -1, 'message', %s, 'Spoke', now(), 'n', '')",
        room_id,
        spoke,
    )
    await house.node.guests.sweep()
    assert await manager.rows("SELECT name FROM users WHERE is_guest ORDER BY name") == [
        ("Spoke",),
        ("Stays",),
    ]
    assert await manager.value("SELECT count(*) FROM memberships WHERE user_id = %s", silent) == 0
    assert (await stays.asks("chat_message", message="hello")).success


async def test_a_new_process_sweeps_and_one_is_enough(both: Street, house: House) -> None:
    await house.node.redis.delete("aiochat:{guests}:sweeper")
    house.node.guests.pace = type(house.node.guests.pace)(remark=0.01)
    await house.node.manager.execute(
        "INSERT INTO users (name, name_key, is_guest, created_at) VALUES ('Gone', 'gone', true, now() - interval '2 h')"
    )
    house.node.tasks.start("guests, sooner", house.node.guests.keep)

    async def swept() -> bool:
        return not await house.node.manager.rows("SELECT FROM users WHERE name = 'Gone'")

    await until_kept(swept)
    assert 0 < await house.node.redis.ttl("aiochat:{guests}:sweeper") <= 3600
