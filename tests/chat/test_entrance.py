"""Everybody who arrives at the same time is looked at by one question, and each is answered for themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chat.errors import NoSuchRoom
from chat.events import Person
from chat.forbidden import Banned, Removed
from chat.members import enter
from chat.node import Node
from chat.policy import Role
from helpers.line import Param, Row
from tests.chat.backstage import Backstage

SOON = datetime.now(UTC) + timedelta(hours=1)


async def test_it_sees_what_a_look_alone_would_see(
    node: Node, backstage: Backstage, lobby: int, ann: Person, max_: Person
) -> None:
    await backstage.joins(lobby, ann, muted_until=SOON, reason="loud", voiced=True, read_seq=7, floor=3)
    for person in (ann, max_):
        room, member = await node.entrance.enter(person.id, 0, "lobby")
        alone, known = await enter(node.manager, person.id, "lobby")
        assert room.__data__ == alone.__data__
        known.asked_at = member.asked_at
        assert member == known
        assert abs(member.asked_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_all_who_ask_in_one_turn_are_one_question(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person, max_: Person
) -> None:
    await backstage.room(ann, slug="den", private=True)
    await backstage.joins(lobby, ben, banned_until=SOON)
    await backstage.joins(lobby, max_, out_until=SOON)
    asked: list[str] = []
    ask = node.entrance._line.insist

    async def counted(name: str, *params: Param) -> list[Row]:
        asked.append(name)
        return await ask(name, *params)

    node.entrance._line.insist = counted  # type: ignore[method-assign]
    comers = [(ann, "den"), (ann, "lobby"), (ben, "lobby"), (max_, "lobby"), (ben, "den"), (ann, "nowhere")]
    found = await asyncio.gather(
        *(node.entrance.enter(person.id, 0, slug) for person, slug in comers), return_exceptions=True
    )
    assert asked == ["look"]
    assert [one[0].slug if isinstance(one, tuple) else type(one) for one in found] == [
        *("den", "lobby"),
        *(Banned, Removed, NoSuchRoom, NoSuchRoom),
    ]


async def test_the_second_look_is_as_fresh_as_the_first(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    seen = await node.entrance.look_again(ann.id, lobby)
    assert seen is not None
    assert (seen.member.role, seen.session_epoch, seen.is_suspended) == (Role.MEMBER, 0, False)
    await backstage.joins(lobby, ann, Role.OWNER)
    await backstage.manager.execute(
        "UPDATE users SET session_epoch = 4, suspended_until = now() + interval '1 hour' WHERE id = %s",
        ann.id,
    )
    seen = await node.entrance.look_again(ann.id, lobby)
    assert seen is not None
    assert (seen.member.role, seen.session_epoch, seen.is_suspended) == (Role.OWNER, 4, True)
    assert await node.entrance.look_again(999, lobby) is None
    assert await node.entrance.look_again(ann.id, 999) is None


async def test_a_line_that_broke_is_asked_again(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    await node.entrance.enter(ann.id, 0, "lobby")
    await backstage.manager.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%session_epoch%%' "
        "AND pid <> pg_backend_pid()"
    )
    assert (await node.entrance.enter(ann.id, 0, "lobby"))[0].id == lobby


@pytest.mark.parametrize("slug", ["l\0bby", "", "{", '"', "lobby'", "x" * 10_000, "\ud800"])
async def test_an_address_may_be_anything(
    node: Node, backstage: Backstage, lobby: int, ann: Person, slug: str
) -> None:
    with pytest.raises(NoSuchRoom):
        await node.entrance.enter(ann.id, 0, slug)
    assert (await node.entrance.enter(ann.id, 0, "lobby"))[0].id == lobby
