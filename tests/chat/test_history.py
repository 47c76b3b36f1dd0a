"""What is read of a log: pages, what came since, and words as they stand now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from chat.events import (
    Audited,
    MessageEdited,
    MessagePosted,
    MessageRemoved,
    MessagesPurged,
    Person,
    Recorded,
    RoomCleared,
    TopicChanged,
    Undone,
)
from chat.history import History
from chat.node import Node
from tests.chat.backstage import Backstage, words

LATER = datetime.now(UTC) + timedelta(minutes=15)
NEW_PARTS = msgspec.Raw(b'[{"t":"text","s":"new words"}]')


@pytest.fixture
def history(node: Node) -> History:
    return node.history


async def say(node: Node, room: int, author: Person, *texts: str) -> list[int]:
    return [(await node.journal.append(words(room, author, text))).seq for text in texts]


async def record(node: Node, room: int, event: Recorded) -> int:
    async with node.journal.transaction(room) as log:
        return (await log.record(event)).seq


def told(events: list[Any]) -> list[tuple[int, str, str | None]]:
    return [(event.seq, event.kind, getattr(event, "text", "-")) for event in events]


async def test_pages_are_cut_by_number_and_say_where_they_end(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, *(f"word {count}" for count in range(1, 11)))
    seqs = [
        [event.seq for event in page.entries] + [page.complete]
        for page in (
            await history.latest(lobby, 4),
            await history.before(lobby, 7, 4),
            await history.before(lobby, 3, 4),
            await history.after(lobby, 3, 4),
            await history.after(lobby, 6, 4),
            await history.around(lobby, 5, 4),
            await history.around(lobby, 10, 4),
            await history.latest(lobby, 4, floor=9),
            await history.after(lobby, 1, 4, floor=9),
        )
    ]
    assert seqs == [
        [7, 8, 9, 10, False],
        [3, 4, 5, 6, False],
        [1, 2, True],
        [4, 5, 6, 7, False],
        [7, 8, 9, 10, True],
        [3, 4, 5, 6, False],
        [8, 9, 10, True],
        [9, 10, True],
        [9, 10, True],
    ]


async def test_a_page_is_asked_for_by_what_lies_beside_it(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, *(f"word {count}" for count in range(1, 11)))
    for asked, seqs in (
        ({"before": 5}, [3, 4]),
        ({"after": 5}, [6, 7]),
        ({"around": 5}, [4, 5]),
        ({}, [9, 10]),
    ):
        page = await history.page(lobby, limit=2, **asked)
        assert [event.seq for event in page.entries] == seqs


async def test_an_empty_room_has_an_empty_page(history: History, lobby: int) -> None:
    page = await history.latest(lobby)
    assert (page.entries, page.complete) == ([], True)


async def test_an_entry_is_read_as_it_was_told(
    node: Node, backstage: Backstage, history: History, ann: Person, lobby: int
) -> None:
    seat = await backstage.seat(node, lobby, ann)
    post = words(lobby, ann, "hello", "n1")
    post.style, post.reply_to = "action", 3
    await node.journal.append(post)
    await record(node, lobby, TopicChanged(by=ann, topic="Tea"))
    first, second = await history.since(lobby, 0, 2)
    assert isinstance(first, MessagePosted)
    assert (first.nonce, first.style, first.reply_to) == ("n1", "action", 3)
    assert second == TopicChanged(seq=2, at=second.at, by=ann, topic="Tea")
    live = [await seat.hears("message"), await seat.hears("topic")]
    replayed = [msgspec.json.decode(msgspec.json.encode(event)) for event in (first, second)]
    for one, other in zip(live, replayed, strict=True):
        assert datetime.fromisoformat(one.pop("at")) == datetime.fromisoformat(other.pop("at"))
    assert live == replayed


async def test_a_nonce_of_the_servers_own_is_told_to_nobody(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await node.journal.append(words(lobby, ann, "hello", "~0123"))
    assert (await history.since(lobby, 0, 1))[0].nonce == ""


async def test_since_says_words_as_they_stand_now(
    node: Node, backstage: Backstage, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, "plain", "secret", "old words", "purge me", "purge me too")
    await record(node, lobby, MessageRemoved(by=ann, target=2))
    await record(node, lobby, MessageEdited(by=ann, target=3, text="new words", parts=NEW_PARTS))
    await record(node, lobby, MessagesPurged(by=ann, targets=[4, 5], count=2, undo_until=LATER))
    events = await history.since(lobby, 0, 100)
    assert told(events) == [
        (1, "message", "plain"),
        (2, "message", None),
        (3, "message", "new words"),
        (4, "message", None),
        (5, "message", None),
        (6, "removed", "-"),
        (7, "edited", "new words"),
        (8, "purged", "-"),
    ]
    assert [getattr(event, "gone", None) for event in events] == [
        False,
        True,
        False,
        True,
        True,
        None,
        False,
        None,
    ]
    assert [event.seq for event in events if getattr(event, "edited", False)] == [3]
    for event in (events[2], events[6]):
        assert isinstance(event, MessagePosted | MessageEdited)
        assert msgspec.json.decode(event.parts) == msgspec.json.decode(NEW_PARTS)
    secret = await backstage.manager.rows("SELECT body::text FROM messages WHERE room_id = %s", lobby)
    assert not any("secret" in body or "words" in body for (body,) in secret)
    page = await history.latest(lobby)
    assert [event.seq for event in page.entries] == [1, 2, 3, 4, 5, 8], "a removal stands where it was made"


async def test_an_edit_of_what_is_gone_says_nothing(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, "secret")
    await record(node, lobby, MessageEdited(by=ann, target=1, text="still secret", parts=NEW_PARTS))
    await record(node, lobby, MessageRemoved(by=ann, target=1))
    message, edited, _ = await history.since(lobby, 0, 3)
    assert isinstance(message, MessagePosted)
    assert isinstance(edited, MessageEdited)
    assert (message.text, message.gone, edited.text, edited.gone) == (None, True, None, True)


async def test_what_was_removed_comes_back_with_its_words(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, "one", "two", "three")
    await record(node, lobby, MessageRemoved(by=ann, target=1))
    await record(node, lobby, MessagesPurged(by=ann, targets=[1, 2, 3], count=2, undo_until=LATER))
    await record(node, lobby, Undone(by=ann, target=5, act="purged"))
    assert [text for _, _, text in told((await history.latest(lobby)).entries)] == [
        None,
        "two",
        "three",
        "-",
        None,
    ]
    seq = await record(node, lobby, Undone(by=ann, target=4, act="removed", message=1))
    (undone,) = await history.since(lobby, seq - 1, seq)
    assert isinstance(undone, Undone)
    assert undone.text == "one"


async def test_a_cleared_room_is_one_row_and_comes_back_whole(
    node: Node, backstage: Backstage, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, "one", "two")
    before = await backstage.manager.rows(
        "SELECT xmin::text FROM messages WHERE room_id = %s ORDER BY seq", lobby
    )
    cleared = RoomCleared(by=ann, upto=2, count=2, undo_until=LATER)
    seq = await record(node, lobby, cleared)
    await say(node, lobby, ann, "three")
    assert told((await history.latest(lobby)).entries) == [(3, "cleared", "-"), (4, "message", "three")]
    assert told(await history.since(lobby, 0, 4))[:2] == [(1, "message", None), (2, "message", None)]
    assert await backstage.manager.rows("SELECT upto, upto_ordinal, count FROM clears") == [(2, 2, 2)]
    # A second clear, and its undo, leave the first in force; the undo of both brings everything back.
    again = await record(node, lobby, RoomCleared(by=ann, upto=4, count=1, undo_until=LATER))
    await record(node, lobby, Undone(by=ann, target=again, act="cleared"))
    assert [text for _, kind, text in told((await history.latest(lobby)).entries) if kind == "message"] == [
        "three"
    ]
    await record(node, lobby, Undone(by=ann, target=seq, act="cleared"))
    assert [text for _, kind, text in told((await history.latest(lobby)).entries) if kind == "message"] == [
        *("one", "two", "three")
    ]
    after = await backstage.manager.rows(
        "SELECT xmin::text FROM messages WHERE room_id = %s ORDER BY seq", lobby
    )
    assert after[:2] == before
    row = await backstage.manager.row("SELECT cleared_upto, cleared_ordinal FROM rooms WHERE id = %s", lobby)
    assert row == (0, 0)


async def test_pages_hold_nothing_for_moderators_alone(
    node: Node, history: History, max_: Person, lobby: int
) -> None:
    await record(node, lobby, Audited(by=max_, act="note", facts={"of": "ann"}))
    assert (await history.latest(lobby)).entries == []
    (audit,) = await history.since(lobby, 0, 1)
    assert audit == Audited(seq=1, at=audit.at, by=max_, act="note", facts={"of": "ann"})


async def test_below_the_floor_there_is_nothing(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await say(node, lobby, ann, "one", "two", "three")
    assert [event.seq for event in await history.since(lobby, 0, 3, floor=3)] == [3]
    page = await history.before(lobby, 3, floor=3)
    assert (page.entries, page.complete) == ([], True)


async def test_what_was_cleared_costs_no_reader_anything(
    node: Node, history: History, ann: Person, lobby: int
) -> None:
    await node.manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text) "
        "SELECT %s, n, 'message', %s, 'ann', now(), n, ''::bytea, n, 'long ago' FROM generate_series(1, 5000) n",
        lobby,
        ann.id,
    )
    await node.manager.execute("UPDATE rooms SET last_seq = 5000, cleared_upto = 5000 WHERE id = %s", lobby)
    await node.manager.execute("ANALYZE messages")
    (seq,) = await say(node, lobby, ann, "fresh")
    async with node.manager.transaction():
        for page in (
            await history.latest(lobby),
            await history.before(lobby, seq + 1),
            await history.after(lobby, 0),
        ):
            assert [event.seq for event in page.entries] == [seq]
        looked_at = await node.manager.value(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables "
            "WHERE schemaname = 'public' AND relname = 'messages'"
        )
    assert looked_at < 100
