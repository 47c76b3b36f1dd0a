"""What each recorded event does to the other tables, in its own commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.events import (
    Audited,
    MemberAdded,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnbanned,
    MemberUnmuted,
    MessagePinned,
    MessageUnpinned,
    Person,
    Recorded,
    Renamed,
    RoleChanged,
    SettingsChanged,
    TopicChanged,
    Undone,
)
from chat.log import new_nonce
from chat.node import Node
from chat.policy import Role
from tests.chat.backstage import Backstage, words

SOON = datetime(2030, 1, 1, tzinfo=UTC)


class Table:
    """Records events in one room and looks at one membership there."""

    def __init__(self, node: Node, room_id: int) -> None:
        self.node = node
        self.room_id = room_id

    async def record(self, event: Recorded, nonce: str = "") -> int:
        async with self.node.journal.transaction(self.room_id) as log:
            return (await log.record(event, nonce)).seq

    async def row(self, person: Person, *columns: str) -> tuple[Any, ...] | None:
        return await self.node.manager.row(
            f"SELECT {', '.join(columns)} FROM memberships WHERE room_id = %s AND user_id = %s",
            self.room_id,
            person.id,
        )


@pytest.fixture
def table(node: Node, lobby: int) -> Table:
    return Table(node, lobby)


async def test_who_joins_is_present_and_who_leaves_is_not(
    table: Table, backstage: Backstage, ann: Person
) -> None:
    eve = await backstage.person("eve")
    gus = await backstage.person("gus", guest=True)
    for person in (ann, eve, gus):
        await table.record(MemberJoined(by=person, user=person))
    columns = ("present_since", "is_member", "role")
    assert await table.row(ann, *columns) == (1, True, Role.MEMBER)
    assert await table.row(eve, *columns) == (2, True, Role.MEMBER)
    assert await table.row(gus, *columns) == (3, False, Role.GUEST)
    await table.record(MemberLeft(by=ann, user=ann), nonce=new_nonce())
    assert await table.row(ann, *columns) == (None, True, Role.MEMBER)


async def test_a_new_member_has_read_all_there_was(
    table: Table, backstage: Backstage, node: Node, ann: Person
) -> None:
    await node.journal.append(words(table.room_id, ann, "old news"))
    eve = await backstage.person("eve")
    await table.record(MemberAdded(by=eve, user=eve))
    assert await table.row(eve, "read_seq", "read_ordinal", "role") == (1, 1, Role.MEMBER)


async def test_who_comes_back_to_a_membership_has_no_old_rank(
    table: Table, backstage: Backstage, max_: Person
) -> None:
    await table.record(MemberAdded(by=max_, user=max_))
    assert await table.row(max_, "role", "is_member") == (Role.MODERATOR, True)
    await table.record(MemberRemovedSelf(by=max_, user=max_))
    assert await table.row(max_, "role", "is_member", "voiced") == (Role.MEMBER, False, False)
    await backstage.joins(table.room_id, max_, Role.OWNER)
    await table.record(MemberAdded(by=max_, user=max_))
    assert await table.row(max_, "role", "is_member") == (Role.MEMBER, True)


async def test_bans_mutes_and_ranks_are_dates_and_numbers(table: Table, ann: Person, max_: Person) -> None:
    await table.record(MemberMuted(by=max_, user=ann, until=SOON, reason="loud"))
    assert await table.row(ann, "muted_until", "muted_reason") == (SOON, "loud")
    await table.record(MemberUnmuted(by=max_, user=ann))
    assert await table.row(ann, "muted_until", "muted_reason") == (None, "")
    await table.record(RoleChanged(by=max_, user=ann, role="owner"))
    assert await table.row(ann, "role") == (Role.OWNER,)
    await table.record(MemberBanned(by=max_, user=ann, until=SOON, reason="very loud"))
    assert await table.row(ann, "banned_until", "reason", "is_member", "role") == (
        *(SOON, "very loud", False, Role.MEMBER),
    )
    await table.record(MemberUnbanned(by=max_, user=ann))
    assert await table.row(ann, "banned_until", "reason", "is_member") == (None, "", False)


async def test_one_may_be_banned_who_never_came(table: Table, backstage: Backstage, max_: Person) -> None:
    eve = await backstage.person("eve")
    await table.record(MemberBanned(by=max_, user=eve, until=SOON))
    assert await table.row(eve, "banned_until", "is_member") == (SOON, False)


@pytest.mark.parametrize("private", [False, True])
async def test_a_kick_is_a_date_and_of_a_private_room_the_end(
    node: Node, backstage: Backstage, ann: Person, max_: Person, *, private: bool
) -> None:
    table = Table(node, await backstage.room(ann, slug="den", private=private))
    await table.record(MemberKicked(by=max_, user=ann, until=SOON, reason="loud"))
    assert await table.row(ann, "out_until", "reason", "is_member") == (SOON, "loud", not private)


async def test_the_topic_is_the_rooms(table: Table, backstage: Backstage, ann: Person) -> None:
    await table.record(TopicChanged(by=ann, topic="Tea"))
    row = await backstage.manager.row(
        "SELECT topic, last_seq, last_ordinal FROM rooms WHERE id = %s", table.room_id
    )
    assert row == ("Tea", 1, 0)


async def test_some_events_are_their_own_row_and_nothing_else(
    table: Table, backstage: Backstage, ann: Person
) -> None:
    for event in (
        Renamed(by=ann, user=ann, was="anna"),
        MessagePinned(by=ann, target=1),
        MessageUnpinned(by=ann, target=1),
        SettingsChanged(by=ann, changed={"title": "Lobby"}),
        Audited(by=ann, act="note"),
    ):
        await table.record(event)
    kinds = [kind for _, kind in await backstage.log(table.room_id)]
    assert kinds == ["renamed", "pinned", "unpinned", "settings", "audit"]
    row = await backstage.manager.row(
        "SELECT body, author_id, author_name, ordinal FROM messages WHERE seq = 1 AND room_id = %s",
        table.room_id,
    )
    assert row == ({"user": {"id": ann.id, "name": "ann"}, "was": "anna"}, ann.id, "ann", None)


async def test_there_is_no_way_back_from_some_acts(table: Table, backstage: Backstage, ann: Person) -> None:
    with pytest.raises(ValueError, match="no way back from joined"):
        await table.record(Undone(by=ann, target=1, act="joined"))
    assert await backstage.log(table.room_id) == []


async def test_an_entry_is_not_older_than_the_one_before_it(
    table: Table, backstage: Backstage, ann: Person
) -> None:
    for _ in range(5):
        await table.record(TopicChanged(by=ann, topic="Tea"))
    rows = await backstage.manager.rows(
        "SELECT at FROM messages WHERE room_id = %s ORDER BY seq", table.room_id
    )
    assert sorted(rows) == rows
    assert datetime.now(UTC) - rows[-1][0] < timedelta(minutes=1)
