"""Who comes and who goes: `joined` and `left`, always in pairs, whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from chat.comings import Comings
from chat.events import MemberKicked, Person
from chat.node import Node
from chat.pace import Pace
from chat.presence import EPOCH, Presence
from chat.signals import NODES, SIGNALS, Remark
from tests.chat.backstage import Backstage, until, until_kept, words

PATIENT = Pace(grace=0.3, check=3600, sweep=3600)
SWEEPING = Pace(grace=0, check=3600, sweep=0.05, settle=0.1, remark=0.05)


async def kinds(backstage: Backstage, room_id: int) -> list[str]:
    return [kind for _, kind in await backstage.log(room_id)]


async def test_the_first_socket_joins_and_the_last_one_leaves_over_two_processes(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    far = await backstage.node()
    witness = await backstage.seat(far, lobby, ben)
    first = await backstage.seat(node, lobby, ann, arrive=True)
    second = await backstage.seat(far, lobby, ann, arrive=True)
    assert await kinds(backstage, lobby) == ["joined"]
    assert await backstage.present(lobby) == {ann.id}
    joined = await witness.hears("joined")
    assert joined["user"] == joined["by"] == {"id": ann.id, "name": "ann"}
    await first.goes()
    assert await kinds(backstage, lobby) == ["joined"]
    await second.goes(lost=True)
    assert (await witness.hears("left"))["lost"] is True
    assert await kinds(backstage, lobby) == ["joined", "left"]
    assert await backstage.present(lobby) == set()


async def test_two_first_sockets_at_once_join_once(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    far = await backstage.node()
    seats = await asyncio.gather(
        *(backstage.seat(each, lobby, ann, arrive=True) for each in (node, far, node))
    )
    assert await kinds(backstage, lobby) == ["joined"]
    await asyncio.gather(*(seat.goes() for seat in seats))
    assert await kinds(backstage, lobby) == ["joined", "left"]


async def test_a_reload_is_neither_a_leave_nor_a_join(backstage: Backstage, lobby: int, ann: Person) -> None:
    # Whoever comes back is there within that time also where everything is slow.
    node = await backstage.node(pace=replace(PATIENT, grace=3))
    first = await backstage.seat(node, lobby, ann, arrive=True)
    going = asyncio.create_task(first.goes(lost=True, grace=True))
    await backstage.seat(node, lobby, ann, arrive=True)
    await going
    assert await kinds(backstage, lobby) == ["joined"]
    assert await backstage.present(lobby) == {ann.id}


async def test_who_does_not_come_back_in_time_has_left(backstage: Backstage, lobby: int, ann: Person) -> None:
    node = await backstage.node(pace=PATIENT)
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    began = asyncio.get_running_loop().time()
    await seat.goes(lost=True, grace=True)
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert await kinds(backstage, lobby) == ["joined", "left"]


async def test_nobody_waits_for_a_guest(backstage: Backstage, ann: Person) -> None:
    node = await backstage.node(pace=Pace(grace=3600, check=3600, sweep=3600))
    cafe = await backstage.room(ann, slug="cafe", guests_welcome=True)
    gus = await backstage.person("gus", guest=True)
    seat = await backstage.seat(node, cafe, gus, arrive=True)
    assert await backstage.present(cafe) == {gus.id}
    await seat.goes(lost=True, grace=True)
    assert await kinds(backstage, cafe) == ["joined", "left"]


async def test_who_returns_while_they_are_called_gone_is_here(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    """Both looked at the same moment: one counted no marks, the other read that the log knows them."""
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    await node.comings.unmark(seat.mark)
    again = await backstage.seat(node, lobby, ann)
    await node.comings._see_out(lobby, ann.id, lost=True)
    await node.comings.arrive(again.mark)
    assert await kinds(backstage, lobby) == ["joined", "left", "joined"]
    # And the other way round: the mark is there before the entry that says they left.
    await node.comings._see_out(lobby, ann.id, lost=True)
    assert (await kinds(backstage, lobby))[3:] == ["left", "joined"]
    assert await backstage.present(lobby) == {ann.id}


async def test_a_leave_happens_once_whoever_announces_it(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    far = await backstage.node()
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    await node.comings.unmark(seat.mark)
    await asyncio.gather(*(each.comings._see_out(lobby, ann.id, lost=True) for each in (node, far)))
    assert await kinds(backstage, lobby) == ["joined", "left"]


async def test_whoever_was_put_out_does_not_leave_twice(
    node: Node, backstage: Backstage, lobby: int, ann: Person, max_: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    async with node.journal.transaction(lobby) as log:
        await log.record(MemberKicked(by=max_, user=ann))
    await seat.goes()
    assert await kinds(backstage, lobby) == ["joined", "kicked", "left"]


# -- rooms that do not record it ------------------------------------------------------------------------------------


@pytest.fixture
async def quiet(backstage: Backstage, ann: Person, ben: Person) -> int:
    """A room whose log does not say who comes and goes."""
    return await backstage.room(ann, ben, slug="quiet", comings_and_goings=False, guests_welcome=True)


async def test_a_room_may_only_be_told_of_comings_and_goings(
    node: Node, backstage: Backstage, quiet: int, ann: Person, ben: Person
) -> None:
    far = await backstage.node()
    witnesses = [await backstage.seat(each, quiet, ben) for each in (node, far)]
    seat = await backstage.seat(node, quiet, ann, arrive=True)
    person = {"id": ann.id, "name": "ann"}
    for witness in witnesses:
        heard = await witness.hears("here")
        assert (heard["joined"], heard["left"], heard["count"]) == ([person], [], 1)
    assert await backstage.present(quiet) == {ann.id}
    await seat.goes()
    for witness in witnesses:
        heard = await witness.hears("here")
        assert (heard["joined"], heard["left"], heard["count"]) == ([], [person], 0)
        assert len(witness.frames) == 2
    assert await backstage.present(quiet) == set()
    assert await backstage.log(quiet) == []


async def test_a_guest_is_known_to_be_there_too(node: Node, backstage: Backstage, quiet: int) -> None:
    gus = await backstage.person("gus", guest=True)
    seat = await backstage.seat(node, quiet, gus, arrive=True)
    assert await backstage.present(quiet) == {gus.id}
    await seat.goes()
    assert await backstage.present(quiet) == set()


async def test_the_switch_may_be_turned_while_people_are_there(
    node: Node, backstage: Backstage, quiet: int, ann: Person
) -> None:
    seat = await backstage.seat(node, quiet, ann, arrive=True)
    await backstage.manager.execute(
        "UPDATE rooms SET switches = switches || '{\"comings_and_goings\": true}' WHERE id = %s", quiet
    )
    await seat.goes()
    await node.journal.append(words(quiet, ann, "bye"))
    assert await kinds(backstage, quiet) == ["left", "message"]


# -- healing --------------------------------------------------------------------------------------------------------


async def pairs(backstage: Backstage, room_id: int) -> None:
    """Every join has its leave before the next one of the same person."""
    rows = await backstage.manager.rows(
        "SELECT author_id, kind FROM messages WHERE room_id = %s AND kind IN ('joined', 'left') ORDER BY seq",
        room_id,
    )
    here: set[int] = set()
    for user_id, kind in rows:
        assert (user_id in here) == (kind == "left")
        (here.add if kind == "joined" else here.discard)(user_id)
    assert here == await backstage.present(room_id)


async def test_after_all_marks_vanished_only_who_does_not_return_has_left(
    backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    """Every process and Redis died at once; ben came back, ann did not."""
    node = await backstage.node()
    for person in (ann, ben):
        await backstage.seat(node, lobby, person, arrive=True)
    await backstage.redis.flushall()
    again = await backstage.node()
    await backstage.seat(again, lobby, ben, arrive=True)
    await again.comings.sweep()
    assert await backstage.present(lobby) == {ann.id, ben.id}, "nobody is gone at first sight"
    await again.comings.sweep()
    assert await backstage.present(lobby) == {ben.id}
    await again.comings.sweep()
    assert await kinds(backstage, lobby) == ["joined", "joined", "left"]
    await pairs(backstage, lobby)


async def test_after_a_process_died_its_people_leave_when_their_marks_expire(
    backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    dead = await backstage.node()
    dead.presence._expires = 0.2
    await backstage.seat(dead, lobby, ann, arrive=True)
    living = await backstage.node(pace=SWEEPING)
    await backstage.seat(living, lobby, ben, arrive=True)

    async def ann_left() -> bool:
        return await backstage.present(lobby) == {ben.id}

    await until_kept(ann_left, "the dead stay")
    await pairs(backstage, lobby)


async def test_when_redis_forgets_nobody_who_is_connected_leaves(
    backstage: Backstage, lobby: int, ann: Person, ben: Person, redis: Redis
) -> None:
    # Whoever is slow to say that they are here has from one sweep to the next.
    pace = replace(SWEEPING, sweep=0.5, settle=0.5)
    nodes = [await backstage.node(pace=pace) for _ in range(2)]
    for node, person in zip(nodes, (ann, ben), strict=True):
        await backstage.seat(node, lobby, person, arrive=True)
    for _ in range(3):
        await redis.flushall()

        async def are_marked() -> bool:
            is_noticed = await redis.exists(EPOCH)
            marks = await nodes[0].presence.count([(lobby, ann.id), (lobby, ben.id)])
            return is_noticed == 1 and marks == [1, 1]

        await until_kept(are_marked, "the marks were not made anew")
    for node in nodes:
        await node.comings.sweep()
        await node.comings.sweep()
    assert await kinds(backstage, lobby) == ["joined", "joined"]


async def test_whoever_finds_that_redis_forgot_asks_everybody(
    backstage: Backstage, node: Node, lobby: int, ann: Person
) -> None:
    """A process that renews its marks only twice a minute does it at once when asked."""
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    await backstage.redis.flushall()
    node.bus.publish(NODES, SIGNALS.encode(Remark("another")))

    async def is_marked() -> bool:
        return await node.presence.nodes(lobby, ann.id) == {node.name: 1}

    await until_kept(is_marked)
    assert list(node.marks()) == [seat.mark]


async def test_a_room_that_is_gone_stops_no_sweep(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    den = await backstage.room(ben, slug="den")
    for room, person in ((den, ben), (lobby, ann)):
        seat = await backstage.seat(node, room, person, arrive=True)
        await node.comings.unmark(seat.mark)
    await backstage.manager.execute("DELETE FROM rooms WHERE id = %s", den)
    await node.comings.sweep()
    await node.comings.sweep()
    assert await backstage.present(lobby) == set()


@asynccontextmanager
async def without_redis(node: Node) -> AsyncIterator[None]:
    """Nobody answers there, for a while."""
    real = node.presence
    async with Redis.from_url("redis://127.0.0.1:1/0") as nobody:
        node.presence = node.comings._presence = Presence(nobody, node.name)
        yield
        node.presence.close()
    node.presence = node.comings._presence = real


async def test_without_redis_people_come_and_the_sweep_sees_who_went(
    backstage: Backstage, lobby: int, ann: Person, ben: Person, caplog: pytest.LogCaptureFixture
) -> None:
    node = await backstage.node(pace=Pace(grace=0, check=3600, sweep=0.05, settle=0, remark=0.05))
    async with without_redis(node):
        stays = await backstage.seat(node, lobby, ann, arrive=True)
        goes = await backstage.seat(node, lobby, ben, arrive=True)
        await goes.goes()
        await node.comings.unmark(goes.mark)
        assert await kinds(backstage, lobby) == ["joined", "joined"]
        await until(lambda: "no sweep without Redis" in caplog.text and "marks wait for Redis" in caplog.text)

    async def ben_left() -> bool:
        return await backstage.present(lobby) == {ann.id}

    await until_kept(ben_left)
    assert stays.closed is None
    for said in ("a mark waits", "the sweep will see", "a mark is left to expire"):
        assert said in caplog.text


async def test_a_mark_taken_away_does_not_come_back_with_the_renewal(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    renewing, go_on = asyncio.Event(), asyncio.Event()
    slow = Presence(backstage.redis, node.name)
    run = slow._questions.run

    async def slowly(script: str, keys: Sequence[str], *args: str) -> object:
        renewing.set()
        await go_on.wait()
        return await run(script, keys, *args)

    slow._questions.run = slowly  # type: ignore[method-assign]
    comings = Comings(node.manager, node.moves, slow, PATIENT)
    again = asyncio.Event()
    again.set()
    marking = asyncio.create_task(comings.keep_marking(node.marks, again))
    await renewing.wait()
    await node.hub.leave(seat.channel, seat.listener)
    leaving = asyncio.create_task(comings.unmark(seat.mark))
    go_on.set()
    await leaving
    assert await node.presence.count([(lobby, ann.id)]) == [0]
    marking.cancel()
    slow.close()


async def test_who_was_called_gone_by_mistake_and_is_connected_is_here_again(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    await backstage.seat(node, lobby, ann, arrive=True)
    await backstage.seat(node, lobby, ben, arrive=True)
    await backstage.redis.flushall()
    await node.comings.sweep()
    await node.comings.sweep()
    assert await backstage.present(lobby) == set()
    await node.comings.heal(node.marks())
    await node.comings.heal(node.marks())
    assert await backstage.present(lobby) == {ann.id, ben.id}
    await pairs(backstage, lobby)
    assert await kinds(backstage, lobby) == ["joined", "joined", "left", "left", "joined", "joined"]


async def test_who_was_shown_out_is_not_called_back(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann, arrive=True)
    await backstage.manager.execute(
        "UPDATE memberships SET present_since = NULL, out_until = now() + interval '1 minute' WHERE user_id = %s",
        ann.id,
    )
    await node.comings.heal([seat.mark])
    assert await backstage.present(lobby) == set()
