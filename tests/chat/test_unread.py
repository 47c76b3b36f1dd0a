"""How much of one's other rooms one has not read, live."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.actions import membership
from chat.events import Person, RoomCleared, Undone, UnreadCount
from chat.members import find_room
from chat.node import Node
from chat.signals import Belongs, ReadMoved, Stirred
from chat.unread import Standing, Unread
from tests.chat.backstage import Backstage, Seat, until, words

LATER = datetime.now(UTC) + timedelta(minutes=15)


@pytest.fixture
async def garden(backstage: Backstage, ann: Person, ben: Person) -> int:
    return await backstage.room(ann, ben, slug="garden")


@pytest.fixture
async def unread(node: Node) -> Unread:
    return Unread(node.manager)


async def counted(unread: Unread, room_id: int, *people: Person) -> list[tuple[int, int, Standing]]:
    """Follow these people, who have missed something in a room: where they stand there."""
    for person in people:
        unread.follow(person.id)
        unread.look_again(person.id, room_id)
    return await unread.welcome()


def counts(seat: Seat, room_id: int) -> list[tuple[int, int]]:
    """What a seat was told of a room: unread messages and mentions."""
    return [
        (news.count, news.mentions)
        for about, news in seat.news
        if about == room_id and isinstance(news, UnreadCount)
    ]


async def test_the_database_says_where_one_stands(
    node: Node, backstage: Backstage, unread: Unread, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    for count in range(3):
        await node.journal.append(words(garden, ben, str(count), mentions=[ann.id] if count else []))
    await membership.mark_read(node, await find_room(node.manager, "garden"), ann.id, 2)
    assert await counted(unread, garden, ann) == [(ann.id, garden, Standing("garden", 3, 2, 1))]
    assert unread._people[ann.id] == {
        lobby: Standing("lobby", 0, 0, 0),
        garden: Standing("garden", 3, 2, 1),
    }
    assert unread._people[ann.id][garden].count == 1


async def test_words_add_up_and_reading_takes_away(
    unread: Unread, lobby: int, ann: Person, ben: Person
) -> None:
    await counted(unread, lobby, ann)
    ((who, standing),) = unread.stir(Stirred(lobby, 3, 2, [(ann.id, 3), (ben.id, 3)]))
    assert (who, standing.count, standing.mentions) == (ann.id, 2, 1)
    assert unread.stir(Stirred(lobby, 3, 2, [(ann.id, 3)])) == [], "told twice"
    assert unread.read(ReadMoved(ann.id, lobby, "lobby", 2, 1)) is standing
    assert (standing.count, standing.mentions) == (1, 1)
    assert unread.read(ReadMoved(ann.id, lobby, "lobby", 1, 0)) is standing
    assert standing.count == 1, "a mark never goes back"
    unread.read(ReadMoved(ann.id, lobby, "lobby", 3, 2))
    assert (standing.count, standing.mentions) == (0, 0)
    assert unread.read(ReadMoved(ben.id, lobby, "lobby", 3, 2)) is None
    unread.forget(ann.id)
    unread.forget(ann.id)
    assert unread.stir(Stirred(lobby, 9, 9)) == []
    assert unread._members == {}


async def test_ones_other_rooms_are_counted_live_in_every_process(
    node: Node, backstage: Backstage, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    far = await backstage.node()
    here, there = await backstage.seat(node, lobby, ann), await backstage.seat(far, lobby, ann)
    await node.journal.append(words(garden, ben, "hello"))
    await node.journal.append(words(garden, ben, "ann!", mentions=[ann.id]))
    for seat in (here, there):
        await until(lambda seat=seat: (2, 1) in counts(seat, garden))  # type: ignore[misc]


async def test_reading_in_one_tab_is_told_in_all(
    node: Node, backstage: Backstage, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann)
    for text in ("one", "two", "three"):
        await node.journal.append(words(garden, ben, text, mentions=[ann.id]))
    await until(lambda: (3, 3) in counts(seat, garden))
    room = await find_room(node.manager, "garden")
    await membership.mark_read(node, room, ann.id, 2)
    await until(lambda: counts(seat, garden)[-1] == (1, 1))
    await membership.mark_read(node, room, ann.id, 3)
    await until(lambda: counts(seat, garden)[-1] == (0, 0))


async def test_what_is_cleared_is_not_unread_until_it_is_back(
    node: Node, backstage: Backstage, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann)
    await node.journal.append(words(garden, ben, "hello", mentions=[ann.id]))
    await until(lambda: (1, 1) in counts(seat, garden))
    async with node.journal.transaction(garden) as log:
        await log.record(RoomCleared(by=ben, upto=1, count=1, undo_until=LATER))
    await until(lambda: counts(seat, garden)[-1] == (0, 0))
    async with node.journal.transaction(garden) as log:
        await log.record(Undone(by=ben, target=2, act="cleared", count=1))
    await until(lambda: counts(seat, garden)[-1] == (1, 1))


async def test_however_many_follow_a_room_it_is_counted_anew_by_one_question(
    node: Node, unread: Unread, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    await counted(unread, garden, ann, ben)
    unread.stir(Stirred(lobby, 9, 9))
    await node.journal.append(words(garden, ben, "hello", mentions=[ann.id]))
    anew = {user_id: (one.count, one.mentions) for user_id, one in await unread.count_anew(garden)}
    assert anew == {ann.id: (1, 1), ben.id: (1, 0)}
    assert unread._people[ann.id][lobby].count == 9, "other rooms stay as they were"
    unread.forget(ben.id)
    assert [user_id for user_id, _ in await unread.count_anew(garden)] == [ann.id]


async def test_what_is_read_and_said_while_it_is_counted_anew_counts(
    node: Node, unread: Unread, garden: int, ann: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, late = asyncio.Event(), asyncio.Event()
    ask = node.manager.rows

    async def rows(*asked: Any) -> list[Any]:
        found = await ask(*asked)
        answered.set()
        await late.wait()
        return found

    await node.journal.append(words(garden, ben, "one", mentions=[ann.id]))
    await counted(unread, garden, ann, ben)
    with monkeypatch.context() as slow:
        slow.setattr(node.manager, "rows", rows)
        counting = asyncio.create_task(unread.count_anew(garden))
        await answered.wait()
    await membership.mark_read(node, await find_room(node.manager, "garden"), ann.id, 1)
    unread.read(ReadMoved(ann.id, garden, "garden", 1, 1))
    await node.journal.append(words(garden, ben, "two", mentions=[ann.id]))
    unread.stir(Stirred(garden, 2, 2, [(ann.id, 2)]))
    late.set()
    anew = {user_id: (one.count, one.mentions) for user_id, one in await counting}
    assert anew == {ann.id: (1, 1), ben.id: (2, 0)}


async def test_a_room_one_comes_to_belong_to_is_counted_too(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    seat = await backstage.seat(node, lobby, ann)
    den = await backstage.room(ben, slug="den")
    await backstage.joins(den, ann)
    node.hub.audience.signal(Belongs(ann.id, den, True))
    await until(lambda: counts(seat, den) == [(0, 0)])
    await node.journal.append(words(den, ben, "hello"))
    await until(lambda: (1, 0) in counts(seat, den))


async def test_who_left_meanwhile_is_not_followed(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    audience = node.hub.audience
    seat = await backstage.seat(node, lobby, ann)
    audience._unread.look_again(ann.id, lobby)
    welcoming = asyncio.create_task(audience._welcome())
    await asyncio.sleep(0)
    audience.disconnect(seat.listener.connection)
    await welcoming
    audience._look_again(ann.id, lobby)
    assert audience._unread._people == {}
    assert not audience._unread.is_new(ann.id)


async def test_newcomers_cost_nothing_until_something_is_said_and_then_one_question(
    unread: Unread, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    for who in (ann, ben):
        unread.follow(who.id)
    assert await unread.welcome() == []
    assert unread.stir(Stirred(garden, 1, 1)) == []
    assert unread.has_missed
    found = await unread.welcome()
    assert {(user_id, room_id) for user_id, room_id, _ in found} == {(ann.id, garden), (ben.id, garden)}
    assert not unread.has_missed
    assert [user_id for user_id, _ in unread.stir(Stirred(lobby, 1, 1))] == [ann.id, ben.id]


async def test_what_is_said_while_a_newcomer_is_looked_for_is_counted(
    node: Node, backstage: Backstage, unread: Unread, garden: int, ann: Person, ben: Person
) -> None:
    unread.follow(ann.id)
    await node.journal.append(words(garden, ben, "one"))
    unread.stir(Stirred(garden, 1, 1))
    async with node.manager.transaction():
        await node.manager.execute("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE")
        welcoming = asyncio.create_task(unread.welcome(), context=contextvars.Context())
        while not unread._welcoming.locked():
            await asyncio.sleep(0)
        unread.stir(Stirred(garden, 9, 9))
    assert [(who, where) for who, where, _ in await welcoming] == [(ann.id, garden)]
    assert not unread.is_new(ann.id)


async def test_what_the_database_counted_before_it_was_told_is_told_all_the_same(
    node: Node, unread: Unread, lobby: int, garden: int, ann: Person, ben: Person
) -> None:
    unread.follow(ann.id)
    await node.journal.append(words(garden, ben, "ann, are you there?", mentions=[ann.id]))
    # Something in another room has her looked for, between the words and the word of them.
    unread.look_again(ann.id, lobby)
    assert [room_id for _, room_id, _ in await unread.welcome()] == [lobby]
    ((_, standing),) = unread.stir(Stirred(garden, 1, 1, [(ann.id, 1)]))
    assert (standing.count, standing.mentions) == (1, 1)
    assert unread.stir(Stirred(garden, 1, 1, [(ann.id, 1)])) == [], "told twice"


async def test_a_mention_known_already_is_not_counted_again(
    node: Node, unread: Unread, garden: int, ann: Person, ben: Person
) -> None:
    """The look may come in the middle of what is told together."""
    for text in ("one", "two"):
        await node.journal.append(words(garden, ben, text, mentions=[ann.id]))
    await counted(unread, garden, ann)
    ((_, standing),) = unread.stir(Stirred(garden, 3, 3, [(ann.id, 1), (ann.id, 2), (ann.id, 3)]))
    assert (standing.count, standing.mentions) == (3, 3)


async def test_who_ignores_the_one_who_spoke_is_told_of_what_others_did_alone(
    node: Node, unread: Unread, garden: int, ann: Person, ben: Person, max_: Person, backstage: Backstage
) -> None:
    await backstage.joins(garden, max_)
    await node.manager.execute("INSERT INTO ignores (user_id, ignored_id) VALUES (%s, %s)", ann.id, ben.id)
    unread.follow(ann.id)
    unread.follow(max_.id)
    await node.journal.append(words(garden, ben, "one", mentions=[ann.id]))
    assert unread.stir(Stirred(garden, 1, 1, [(ann.id, 1)])) == []
    assert [(who, one.count, one.mentions) for who, _, one in await unread.welcome()] == [(max_.id, 1, 0)]
    await node.journal.append(words(garden, max_, "two", mentions=[ann.id]))
    concerned = dict(unread.stir(Stirred(garden, 2, 2, [(ann.id, 2)])))
    assert concerned[ann.id].ignores
    ((who, standing),) = await unread.count_anew(garden, [ann.id])
    assert (who, standing.count, standing.mentions) == (ann.id, 1, 1)


async def test_who_ignores_somebody_is_told_too_when_nothing_waits_any_more(
    node: Node, unread: Unread, garden: int, ann: Person, ben: Person
) -> None:
    await node.manager.execute("INSERT INTO ignores (user_id, ignored_id) VALUES (%s, %s)", ann.id, ben.id)
    unread.follow(ann.id)
    assert unread.stir(Stirred(garden, 1, 0, anew=True)) == []
    assert [(who, one.count) for who, _, one in await unread.welcome()] == [(ann.id, 0)]
