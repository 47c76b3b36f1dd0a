"""A process as one value: how it opens, who decides what in two of them at once, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import psycopg
import pytest
from redis.asyncio import Redis

from aiochat.settings import Settings
from chat import epoch
from chat.actions import moderation
from chat.connection import CloseCode
from chat.errors import Busy, LastOwner
from chat.events import Person
from chat.forbidden import NotAllowed
from chat.log import Answer
from chat.members import Member, find_room
from chat.node import Node
from chat.pace import Pace
from chat.policy import Role
from helpers.bus import MemoryBus
from tests.chat.backstage import QUICK, Backstage, until, until_kept, words


async def member(node: Node, room_id: int, person: Person) -> Member:
    async with node.journal.transaction(room_id) as log:
        return await log.member(person.id)


async def test_every_process_of_a_site_counts_in_the_same_epoch(node: Node, backstage: Backstage) -> None:
    other = await backstage.node()
    assert node.epoch == other.epoch == await backstage.manager.value("SELECT epoch FROM site")
    assert node.name != other.name


async def test_where_redis_heard_more_than_the_logs_hold_a_new_epoch_begins(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    await node.journal.append(words(lobby, ann, "hello"))
    await epoch.remember(backstage.redis, {})
    await epoch.remember(backstage.redis, {lobby: 1})
    assert (await backstage.node()).epoch == node.epoch
    await epoch.remember(backstage.redis, {lobby: 2})
    first, second = await backstage.node(), await backstage.node()
    assert first.epoch == second.epoch != node.epoch


async def test_without_redis_the_epoch_is_what_the_database_says(
    node: Node, backstage: Backstage, caplog: pytest.LogCaptureFixture
) -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        assert await epoch.begin(backstage.manager, nobody) == node.epoch
    assert "how far the logs were is not known" in caplog.text


async def test_an_epoch_that_changes_under_a_running_process_lets_every_socket_go(
    backstage: Backstage, lobby: int, ann: Person
) -> None:
    node = await backstage.node(pace=Pace(check=0.05, sweep=3600))
    old = await backstage.seat(node, lobby, ann)
    await node.journal.append(words(lobby, ann, "hello"))

    async def is_noted() -> bool:
        return await backstage.redis.hgetall(epoch.HEADS) == {str(lobby).encode(): b"1"}

    await until_kept(is_noted)
    await backstage.manager.execute("UPDATE site SET epoch = 'another'")
    await until(lambda: old.closed)
    assert old.closed is not None
    assert old.closed[0] is CloseCode.RESTART
    assert node.epoch == "another"
    new = await backstage.seat(node, lobby, ann)
    assert new.channel is not old.channel
    await node.hub.leave(old.channel, old.listener)
    await node.journal.append(words(lobby, ann, "again"))
    await new.hears("message", text="again")


async def test_a_process_ends_in_order_and_keeps_what_was_said(
    settings: Settings, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    async with AsyncExitStack() as stack:
        bus = MemoryBus()
        await bus.open()
        node = await stack.enter_async_context(Node(backstage.manager, bus, backstage.redis, pace=QUICK))
        seats = [await backstage.seat(node, lobby, person, arrive=True) for person in (ann, ben)]
        assert settings.database_url is not None
        async with await psycopg.AsyncConnection.connect(settings.database_url) as holder:
            await holder.execute("SELECT FROM rooms FOR UPDATE")
            speaking = asyncio.gather(
                *(node.journal.append(words(lobby, ann, str(count))) for count in range(9))
            )
            await asyncio.sleep(0)
            closing = asyncio.create_task(stack.aclose())
            await until(lambda: all(seat.closed for seat in seats))
            assert node.closing
            await until(lambda: node.journal._closing)
            with pytest.raises(Busy):
                await node.journal.append(words(lobby, ben, "too late"))
            assert not closing.done()
        await closing
        answers = await speaking
    assert all(isinstance(answer, Answer) for answer in answers)
    assert await backstage.texts(lobby) == [str(count) for count in range(9)]
    assert {seat.closed for seat in seats} == {
        (CloseCode.RESTART, "The server restarts. Come back in a moment.")
    }
    # Nobody is called gone for it, and letting go twice is once.
    assert await backstage.present(lobby) == {ann.id, ben.id}
    await node.let_go()


async def test_of_two_owners_who_step_down_at_once_one_stays(
    node: Node, backstage: Backstage, ann: Person, ben: Person
) -> None:
    far = await backstage.node()
    for count in range(5):
        room_id = await backstage.room(slug=f"room{count}")
        for person in (ann, ben):
            await backstage.joins(room_id, person, Role.OWNER)
        room = await find_room(backstage.manager, f"room{count}")
        step_down = [
            moderation.set_role(
                process,
                room,
                await member(process, room_id, person),
                person.name,
                Role.MEMBER,
                command="deop",
            )
            for process, person in ((node, ann), (far, ben))
        ]
        answers = await asyncio.gather(*step_down, return_exceptions=True)
        assert {type(answer) for answer in answers} == {LastOwner, Answer}
        owners = await backstage.manager.value(
            "SELECT count(*) FROM memberships WHERE room_id = %s AND role = %s", room_id, Role.OWNER
        )
        assert owners == 1


async def test_a_moderator_demoted_in_one_process_cannot_act_a_moment_later_in_another(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person, max_: Person
) -> None:
    far = await backstage.node()
    await backstage.joins(lobby, ben, Role.OWNER)
    room = await find_room(backstage.manager, "lobby")
    stale = await member(far, lobby, max_)
    await moderation.set_role(node, room, await member(node, lobby, ben), "max", Role.MEMBER, command="deop")
    with pytest.raises(NotAllowed):
        await moderation.kick(far, room, stale, "ann")


async def test_a_kick_is_answered_when_every_process_has_let_them_go(
    node: Node, backstage: Backstage, lobby: int, ann: Person, max_: Person
) -> None:
    far = await backstage.node()
    seats = [await backstage.seat(process, lobby, ann, arrive=True) for process in (node, far)]
    room = await find_room(backstage.manager, "lobby")
    answer = await moderation.kick(node, room, await member(node, lobby, max_), "ann", "loud")
    assert "not answered" not in answer.text
    assert [seat.closed for seat in seats] == [(CloseCode.KICKED, "loud")] * 2
    assert [kind for _, kind in await backstage.log(lobby)] == ["joined", "kicked", "left"]
