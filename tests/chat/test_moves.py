"""Who comes and who goes at the same time: one transaction, and still one by one in the log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chat.errors import Unavailable
from chat.events import Person
from chat.moves import Move
from chat.node import Node
from helpers.line import Param, Row
from tests.chat.backstage import Backstage

SOON = datetime.now(UTC) + timedelta(hours=1)


class Counting:
    """Counts what is asked of the database."""

    def __init__(self, node: Node) -> None:
        self._ask = node.moves._line.insist
        self.asked: list[str | None] = []
        node.moves._line.insist = self.ask  # type: ignore[method-assign]

    async def ask(self, name: str, *params: Param) -> list[Row]:
        self.asked.append(params[0])
        return await self._ask(name, *params)


def comes(room_id: int, person: Person) -> Move:
    return Move(room_id, person.id, comes=True)


def goes(room_id: int, person: Person, *, lost: bool = False) -> Move:
    return Move(room_id, person.id, comes=False, lost=lost)


async def test_all_who_come_at_the_same_time_come_together(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person, max_: Person
) -> None:
    garden = await backstage.room(ann, slug="garden")
    witness = await backstage.seat(node, lobby, max_)
    counting = Counting(node)
    moves = [comes(lobby, ann), comes(garden, ann), comes(lobby, ben)]
    await asyncio.gather(*map(node.moves.record, moves))
    assert len(counting.asked) == 1
    assert await backstage.log(lobby) == [(1, "joined"), (2, "joined")]
    assert await backstage.log(garden) == [(1, "joined")]
    assert await backstage.present(lobby) == {ann.id, ben.id}
    for person in (ann, ben):
        heard = await witness.hears("joined")
        assert heard["user"] == heard["by"] == {"id": person.id, "name": person.name}


async def test_a_move_asked_for_again_is_none(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    await asyncio.gather(*(node.moves.record(comes(lobby, ann)) for _ in range(3)))
    await node.moves.record(comes(lobby, ann))
    await asyncio.gather(*(node.moves.record(goes(lobby, ann, lost=True)) for _ in range(2)))
    assert await backstage.log(lobby) == [(1, "joined"), (2, "left")]
    rows = await backstage.manager.rows("SELECT nonce, body FROM messages ORDER BY seq")
    assert rows[1] == ("~left/1", {"user": {"id": ann.id, "name": "ann"}, "lost": True})


async def test_who_goes_and_comes_in_one_turn_does_both(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    await node.moves.record(comes(lobby, ann))
    await asyncio.gather(*map(node.moves.record, [goes(lobby, ann), comes(lobby, ann)]))
    assert [kind for _, kind in await backstage.log(lobby)] == ["joined", "left", "joined"]
    assert await backstage.present(lobby) == {ann.id}


@pytest.mark.parametrize("why", [{"banned_until": SOON}, {"out_until": SOON}, {"is_member": False}])
async def test_who_may_not_be_here_does_not_come(
    node: Node, backstage: Backstage, lobby: int, ann: Person, why: dict[str, object]
) -> None:
    await backstage.joins(lobby, ann, **why)
    await node.moves.record(comes(lobby, ann))
    assert await backstage.log(lobby) == []
    assert await backstage.present(lobby) == set()


async def test_nobody_comes_into_a_room_that_is_not_there(node: Node, ann: Person) -> None:
    await node.moves.record(comes(999, ann))
    await node.moves.record(comes(1, Person(999, "nobody")))


async def test_a_guest_needs_no_membership_and_gets_none(node: Node, backstage: Backstage) -> None:
    cafe = await backstage.room(slug="cafe", guests_welcome=True)
    gus = await backstage.person("gus", guest=True)
    await node.moves.record(comes(cafe, gus))
    rows = await backstage.manager.rows("SELECT is_member, role, present_since FROM memberships")
    assert rows == [(False, 1, 1)]
    (body,) = await backstage.manager.rows("SELECT body FROM messages")
    assert body == ({"user": {"id": gus.id, "name": "gus", "guest": True}},)


async def test_one_locked_room_keeps_nobody_out_of_the_others(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    garden = await backstage.room(ben, slug="garden")
    async with node.journal.transaction(lobby):
        waiting = asyncio.ensure_future(node.moves._trips.ask(comes(lobby, ann)))
        assert await waiting == "locked"
        begun = [asyncio.Event(), asyncio.Event()]

        async def come(number: int, move: Move) -> None:
            begun[number].set()
            await node.moves.record(move)

        coming = node.tasks.once("coming", come(0, comes(lobby, ann)))
        entering = node.tasks.once("coming", come(1, comes(garden, ben)))
        await entering
        assert await backstage.present(garden) == {ben.id}
        assert not coming.done()
    await coming
    assert await backstage.log(lobby) == [(1, "joined")]


async def test_a_line_that_broke_is_mended_and_nothing_happens_twice(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    await node.moves.record(comes(lobby, ann))
    await backstage.manager.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%come_and_go%%' "
        "AND pid <> pg_backend_pid()"
    )
    await asyncio.gather(*map(node.moves.record, [comes(lobby, ann), comes(lobby, ben)]))
    assert await backstage.log(lobby) == [(1, "joined"), (2, "joined")]


async def test_what_cannot_be_kept_is_told(node: Node, backstage: Backstage, lobby: int, ann: Person) -> None:
    await backstage.manager.execute("ALTER FUNCTION come_and_go(jsonb, boolean) RENAME TO nothing")
    try:
        with pytest.raises(Exception, match="come_and_go") as caught:
            await (await backstage.node()).moves.record(comes(lobby, ann))
        assert not isinstance(caught.value, Unavailable), "it will not be better in a moment"
    finally:
        await backstage.manager.execute("ALTER FUNCTION nothing(jsonb, boolean) RENAME TO come_and_go")
