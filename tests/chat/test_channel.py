"""A live room: everything in its order, to everybody who may see it, and to latecomers what they missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from chat import channel as module
from chat import listeners
from chat.channel import Channel
from chat.connection import CloseCode
from chat.events import (
    Audited,
    Batch,
    Event,
    Here,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnmuted,
    MessageEdited,
    MessagePosted,
    MessageRemoved,
    Person,
    Recorded,
    RecordedEvent,
    Renamed,
    RoleChanged,
    RoomCleared,
    SettingsChanged,
    TopicChanged,
    Typing,
)
from chat.history import History
from chat.node import Node
from chat.policy import Role
from chat.sockets.room import RoomDialect, resumed
from tests.chat.backstage import Backstage, Seat, until, words

SOON = datetime(2030, 1, 1, tzinfo=UTC)


class Slow(History):
    """A history that is read when the test opens the gate."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.manager)
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def since(self, room_id: int, after: int, upto: int, floor: int = 1) -> list[RecordedEvent]:
        events = await super().since(room_id, after, upto, floor)
        self.asked += 1
        await self.gate.wait()
        return events


class Counting(RoomDialect):
    """The native dialect, that counts what it says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def encode(self, event: Event) -> bytes | None:
        self.said.append("encoded")
        return super().encode(event)

    def encode_for_author(self, event: Event) -> bytes | None:
        self.said.append("for its author")
        return super().encode_for_author(event)

    def encode_unseen(self, event: Event) -> bytes | None:
        self.said.append("unseen")
        return super().encode_unseen(event)


class Mute(RoomDialect):
    """A dialect without words."""

    def encode(self, event: Event) -> bytes | None:
        return None

    def encode_for_author(self, event: Event) -> bytes | None:
        return None

    def encode_unseen(self, event: Event) -> bytes | None:
        return None


@pytest.fixture
async def far(backstage: Backstage) -> Node:
    """Another process, whose words come here only when a test carries them."""
    return await backstage.node()


@pytest.fixture
async def ear(backstage: Backstage, node: Node, lobby: int, ann: Person) -> Seat:
    """ann, in a room that no bus tells of anything."""
    seat = await backstage.seat(node, lobby, ann)
    await node.bus.unsubscribe(f"aiochat:{{room:{lobby}}}")
    return seat


@pytest.fixture
def channel(ear: Seat) -> Channel:
    return ear.channel


async def record(node: Node, room_id: int, *events: Recorded) -> list[Any]:
    """Put acts in the log."""
    kept = []
    for event in events:
        async with node.journal.transaction(room_id) as log:
            kept.append(await log.record(event))
    return kept


async def say(node: Node, room_id: int, author: Person, *texts: str) -> list[RecordedEvent]:
    """Say something in another process; the events as the bus would bring them."""
    answers = [await node.journal.append(words(room_id, author, text)) for text in texts]
    return await node.history.since(room_id, answers[0].seq - 1, answers[-1].seq)


# -- order ----------------------------------------------------------------------------------------------------------


async def test_events_are_heard_in_the_order_of_their_numbers(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    one, two, three = await say(far, lobby, ben, "one", "two", "three")
    channel.hear(Batch(lobby, [one, two]))
    channel.hear(Batch(lobby, [three]))
    await until(lambda: ear.seqs == [1, 2, 3])


async def test_out_of_order_twice_and_late_batches_are_heard_once_and_in_order(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    channel.history = slow = Slow(far)
    slow.gate.clear()
    one, two, three, four = await say(far, lobby, ben, "one", "two", "three", "four")
    for event in (three, one, three, four, two, one, two):
        channel.hear(Batch(lobby, [event]))
    await until(lambda: ear.seqs == [1, 2, 3, 4])
    slow.gate.set()
    await until(lambda: not channel._catching_up)
    assert ear.seqs == [1, 2, 3, 4]
    assert channel._early == {}


async def test_what_the_bus_lost_is_read(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    events = await say(far, lobby, ben, *map(str, range(5)))
    channel.hear(Batch(lobby, [events[0]]))
    channel.hear(Batch(lobby, [events[4]]))
    await until(lambda: ear.seqs == [1, 2, 3, 4, 5])
    assert [frame["text"] for frame in ear.frames] == ["0", "1", "2", "3", "4"]


async def test_what_is_lost_while_a_gap_is_read_is_read_too(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    channel.history = slow = Slow(far)
    await say(far, lobby, ben, "one")
    slow.gate.clear()
    channel.catch_up()
    await until(lambda: slow.asked == 1)
    _, three = await say(far, lobby, ben, "two", "three")
    channel.hear(Batch(lobby, [three]))
    slow.gate.set()
    await until(lambda: ear.seqs == [1, 2, 3])
    await until(lambda: not channel._catching_up)
    assert channel._early == {}


async def test_asked_to_catch_up_while_it_reads_it_reads_once_more(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    channel.history = slow = Slow(far)
    slow.gate.clear()
    channel.catch_up()
    await until(lambda: slow.asked == 1)
    await say(far, lobby, ben, "one")
    channel.catch_up()
    slow.gate.set()
    await until(lambda: ear.seqs == [1])


async def test_a_number_that_no_log_holds_is_let_go(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, caplog: pytest.LogCaptureFixture
) -> None:
    channel.hear(Batch(lobby, [MessagePosted(seq=99, by=ben, text="of another world")]))
    await until(lambda: not channel._catching_up)
    assert "room 1 has no entry 1" in caplog.text
    channel.hear(Batch(lobby, await say(far, lobby, ben, "one")))
    await until(lambda: ear.seqs == [1])
    assert channel._early == {}


async def test_a_gap_of_any_length_is_read(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FURTHEST_BEHIND", 3)
    await say(far, lobby, ben, *map(str, range(9)))
    await channel.read_gap()
    await until(lambda: ear.seqs == list(range(1, 10)))


async def test_a_gap_that_cannot_be_read_is_read_later(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(History):
        async def since(self, room_id: int, after: int, upto: int, floor: int = 1) -> list[RecordedEvent]:
            raise OSError("nobody answers")

    _, two, three = await say(far, lobby, ben, "one", "two", "three")
    channel.history = Down(far.manager)
    channel.hear(Batch(lobby, [two]))
    await until(lambda: "catching up in room 1 failed" in caplog.text)
    assert ear.seqs == []
    channel.history = far.history
    channel.hear(Batch(lobby, [three]))
    await until(lambda: ear.seqs == [1, 2, 3])


# -- to whom --------------------------------------------------------------------------------------------------------


async def test_each_event_is_encoded_once_and_once_more_for_its_author(
    node: Node,
    backstage: Backstage,
    far: Node,
    channel: Channel,
    ear: Seat,
    lobby: int,
    ann: Person,
    ben: Person,
) -> None:
    dialect = Counting()
    ear.listener.dialect = dialect
    seats = [ear]
    for person in (ann, ben, ben):
        seats.append(await backstage.seat(node, lobby, person))
        seats[-1].listener.dialect = dialect
    events = await say(far, lobby, ben, "one", "two") + await say(far, lobby, ann, "three")
    channel.hear(Batch(lobby, [*events]))
    assert dialect.said.count("encoded") == 3
    assert dialect.said.count("for its author") == 3
    await until(lambda: all(seat.seqs == [1, 2, 3] for seat in seats))
    nonces = [[frame.get("nonce") for frame in seat.frames] for seat in seats]
    assert nonces == [[None, None, "three"]] * 2 + [["one", "two", None]] * 2
    assert [len(seat.line.writes) for seat in seats] == [1] * 4


async def test_what_only_moderators_may_see_is_a_skip_to_others(
    node: Node, backstage: Backstage, channel: Channel, ear: Seat, lobby: int, max_: Person
) -> None:
    moderator = await backstage.seat(node, lobby, max_)
    dialect = Counting()
    ear.listener.dialect = moderator.listener.dialect = dialect
    await record(node, lobby, Audited(by=max_, act="note", facts={"of": "ann"}))
    assert (await moderator.hears("audit"))["facts"] == {"of": "ann"}
    assert await ear.hears("skip") == {"type": "skip", "seq": 1}
    assert sorted(dialect.said) == ["encoded", "unseen"]
    # A replay says the same.
    for seat in (ear, moderator):
        assert await channel.replay(seat.listener, 0, resumed)
    assert (await moderator.hears("audit"))["seq"] == 1
    assert await ear.hears("skip") == {"type": "skip", "seq": 1}


async def test_a_dialect_may_have_no_word_for_it(
    node: Node, backstage: Backstage, ear: Seat, lobby: int, ann: Person, max_: Person
) -> None:
    ear.listener.dialect = Mute()
    node.type(lobby, Typing(max_))
    await record(node, lobby, Audited(by=max_, act="note"), TopicChanged(by=max_, topic="Tea"))
    await node.journal.append(words(lobby, ann, "hello"))
    other = await backstage.seat(node, lobby, ann)
    await node.journal.append(words(lobby, ann, "again"))
    await other.hears("message")
    assert ear.frames == []


async def test_one_is_not_told_of_ones_own_typing(
    node: Node, backstage: Backstage, ear: Seat, lobby: int, ann: Person, ben: Person
) -> None:
    other = await backstage.seat(node, lobby, ben)
    node.type(lobby, Typing(ann))
    assert (await other.hears("typing"))["user"] == {"id": ann.id, "name": "ann"}
    node.type(lobby, Typing(ben))
    await ear.hears("typing")
    assert [len(seat.frames) for seat in (ear, other)] == [1, 1]


@pytest.mark.parametrize(
    ("out", "code", "reason"),
    [
        (MemberKicked, CloseCode.KICKED, "too loud"),
        (MemberBanned, CloseCode.BANNED, "too loud"),
        (MemberRemovedSelf, CloseCode.NORMAL, "You left the room."),
    ],
)
async def test_whoever_is_put_out_hears_why_and_nothing_after(
    node: Node,
    backstage: Backstage,
    far: Node,
    channel: Channel,
    ear: Seat,
    lobby: int,
    ann: Person,
    ben: Person,
    max_: Person,
    out: type[Any],
    code: CloseCode,
    reason: str,
) -> None:
    second, other = await backstage.seat(node, lobby, ann), await backstage.seat(node, lobby, ben)
    before = await say(far, lobby, ben, "before")
    about = {"until": SOON, "reason": reason} if out is not MemberRemovedSelf else {}
    gone = await record(far, lobby, out(by=max_, user=ann, **about))
    after = await say(far, lobby, ben, "after")
    channel.hear(Batch(lobby, [*before, *gone, *after]))
    await until(lambda: other.seqs == [1, 2, 3])
    for seat in (ear, second):
        assert seat.seqs == [1, 2]
        assert seat.closed == (code, reason)
        assert seat.listener not in channel.listeners
    assert other.closed is None


# -- what is known here ---------------------------------------------------------------------------------------------


async def test_what_is_cached_of_people_follows_the_log(
    node: Node,
    backstage: Backstage,
    channel: Channel,
    ear: Seat,
    lobby: int,
    ann: Person,
    ben: Person,
    max_: Person,
) -> None:
    member = ear.listener.member

    async def happens(event: Recorded) -> None:
        channel.state.told(10)
        await record(node, lobby, event)
        told = [msgspec.json.decode(part) for part in channel.state.told(10)]
        people = [one.told() for one in channel.state.people(10)]
        assert told == [channel.room.told(), {"count": len(people), "people": people}], "greetings are old"

    await happens(MemberJoined(by=ann, user=ann))
    await happens(MemberJoined(by=max_, user=max_))
    assert [(one.person.name, one.role) for one in channel.state.people(10)] == [
        ("max", Role.MODERATOR),
        ("ann", Role.MEMBER),
    ]
    assert [one.person.name for one in channel.state.people(1)] == ["max"]
    await happens(RoleChanged(by=max_, user=ann, role="owner"))
    assert (member.rank, channel.state.ranks[ann.id], channel.state.here[ann.id].role) == (Role.OWNER,) * 3
    await happens(MemberMuted(by=max_, user=ann, until=SOON))
    assert member.muted_until == SOON
    assert member.is_muted
    await happens(MemberUnmuted(by=max_, user=ann))
    assert not member.is_muted
    anna = Person(ann.id, "anna")
    await happens(Renamed(by=anna, user=anna, was="ann"))
    assert (member.name, channel.state.here[ann.id].person) == ("anna", anna)
    await happens(Renamed(by=ben, user=ben, was="benno"))
    await happens(RoleChanged(by=max_, user=ben, role="moderator"))
    await happens(MemberJoined(by=ben, user=ben))
    assert channel.state.here[ben.id].role is Role.MODERATOR
    await happens(MemberLeft(by=ben, user=ben))
    assert ben.id not in channel.state.here
    await happens(MemberBanned(by=max_, user=ben, until=SOON))
    assert ben.id not in channel.state.ranks
    await happens(TopicChanged(by=max_, topic="Tea"))
    await happens(
        SettingsChanged(by=max_, changed={"title": "Hall", "slug": "hall", "switches": {"private": True}})
    )
    room = channel.room
    assert (room.topic, room.title, room.slug, room.set.private) == ("Tea", "Hall", "hall", True)
    await happens(MemberKicked(by=ann, user=max_, until=SOON))
    assert max_.id not in channel.state.ranks


async def test_the_listeners_of_one_user_are_known_without_a_look_at_the_others(
    node: Node, backstage: Backstage, channel: Channel, ear: Seat, lobby: int, ann: Person, ben: Person
) -> None:
    more = [await backstage.seat(node, lobby, ann), await backstage.seat(node, lobby, ben)]
    channel.listeners.add(ear.listener)
    assert channel.listeners.of(ann.id) == (ear.listener, more[0].listener)
    channel.listeners.discard(ear.listener)
    channel.listeners.discard(ear.listener)
    assert channel.listeners.of(ann.id) == (more[0].listener,)
    channel.listeners.discard(more[0].listener)
    assert channel.listeners.of(ann.id) == ()
    assert set(channel.listeners) == {more[1].listener}


async def test_passing_arrivals_are_counted_and_told(
    node: Node, channel: Channel, ear: Seat, lobby: int, ann: Person, ben: Person
) -> None:
    node.hub.tell(Batch(lobby, [Here([ben, ann], [])]))
    assert (await ear.hears("here"))["count"] == 2
    channel.state.told(10)
    node.hub.tell(Batch(lobby, [Here([ann], [ben])]))
    assert (await ear.hears("here"))["count"] == 1
    assert msgspec.json.decode(channel.state.told(10)[1])["count"] == 1
    assert list(channel.state.here) == [ann.id]


async def test_a_guest_and_an_admin_keep_their_roles_here(
    node: Node, backstage: Backstage, channel: Channel, ear: Seat, lobby: int, max_: Person
) -> None:
    gus = await backstage.person("gus", guest=True)
    root = await backstage.person("root", admin=True)
    await backstage.joins(lobby, root)
    await backstage.seat(node, lobby, root)
    for person in (gus, root):
        await record(node, lobby, MemberJoined(by=person, user=person))
    await record(node, lobby, RoleChanged(by=max_, user=root, role="moderator"))
    assert [(one.person.name, one.role) for one in channel.state.people(10)] == [
        ("root", Role.ADMIN),
        ("gus", Role.GUEST),
    ]


# -- latecomers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behind", "recovered"), [(0, True), (1, True), (499, True), (500, True), (501, False), (-1, False)]
)
async def test_a_replay_is_whole_or_not_at_all(
    node: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, behind: int, *, recovered: bool
) -> None:
    await asyncio.gather(*(node.journal.append(words(lobby, ben, str(count))) for count in range(510)))
    await until(lambda: len(ear.seqs) == 510)
    ear.forgets()
    assert await channel.replay(ear.listener, 510 - behind, resumed) is recovered
    await node.journal.append(words(lobby, ben, "live"))
    await ear.hears("message", text="live")
    if not recovered:
        assert ear.seqs == [511]
        return
    assert ear.seqs == list(range(511 - behind, 512))
    assert ear.frames[behind] == {"type": "resumed", "recovered": True, "head": 510}


async def test_a_replay_larger_than_a_reader_may_be_owed_is_not_sent(
    node: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REPLAYED", 100_000)
    await asyncio.gather(*(node.journal.append(words(lobby, ben, f"{n} " + 30_000 * "x")) for n in range(2)))
    await until(lambda: len(ear.seqs) == 2)
    ear.forgets()
    assert not await channel.replay(ear.listener, 0, resumed)
    assert ear.frames == []
    assert await channel.replay(ear.listener, 1, resumed), "what is smaller still is"


async def test_a_number_below_nothing_is_refused(channel: Channel, ear: Seat) -> None:
    assert not await channel.replay(ear.listener, -1, resumed)
    assert await channel.replay(ear.listener, 0, resumed)


async def test_who_heard_more_elsewhere_than_is_known_here_is_brought_up_to_date(
    far: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    await say(far, lobby, ben, "one", "two", "three")
    assert channel.heard == 0
    ear.listener.held = None
    assert await channel.replay(ear.listener, 3, resumed)
    assert (await ear.hears("resumed"))["head"] == 3


async def test_what_is_said_during_a_replay_comes_after_it(
    node: Node, backstage: Backstage, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    for count in range(20):
        await node.journal.append(words(lobby, ben, str(count)))
    late = await backstage.seat(node, lobby, ben)
    channel.history = slow = Slow(node)
    slow.gate.clear()
    replaying = asyncio.create_task(channel.replay(late.listener, 0, resumed))
    await until(lambda: slow.asked)
    await asyncio.gather(*(node.journal.append(words(lobby, ben, f"burst {count}")) for count in range(50)))
    node.type(lobby, Typing(ben))
    node.hub.tell(Batch(lobby, [Here([ben], [])]))
    assert not await channel.replay(late.listener, 0, resumed), "one at a time"
    assert late.frames == []
    slow.gate.set()
    assert await replaying
    await late.hears("here")
    assert late.seqs == list(range(1, 71))
    kinds = [frame["type"] for frame in late.frames]
    assert kinds == ["message"] * 20 + ["resumed"] + ["message"] * 50 + ["here"]


async def test_a_burst_and_many_latecomers_end_with_the_same_list(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    first = await backstage.seat(node, lobby, ann)
    speaking = asyncio.gather(*(node.journal.append(words(lobby, ben, str(count))) for count in range(300)))
    seats: list[Seat] = []
    while not speaking.done():
        seat = await backstage.seat(node, lobby, ann)
        assert await seat.channel.replay(seat.listener, 0, resumed)
        seats.append(seat)
    await speaking
    for seat in [first, *seats]:
        await until(lambda seat=seat: len(set(seat.seqs)) == 300)  # type: ignore[misc]
    everything = [frame for frame in first.frames if frame["type"] == "message"]
    for seat in seats:
        at = next(at for at, frame in enumerate(seat.frames) if frame["type"] == "resumed")
        begin = next((at for at, frame in enumerate(seat.frames) if frame.get("seq") == 1), at)
        told = [frame for frame in seat.frames[begin:] if frame["type"] == "message"]
        assert told == everything


async def test_a_replay_says_words_as_they_stand_now(
    node: Node, channel: Channel, ear: Seat, lobby: int, ann: Person
) -> None:
    for text in ("secret", "old", "cleared"):
        await node.journal.append(words(lobby, ann, text))
    parts = msgspec.Raw(b'[{"t":"text","s":"new"}]')
    later = datetime.now(UTC) + timedelta(minutes=15)
    await record(
        node,
        lobby,
        MessageRemoved(by=ann, target=1),
        MessageEdited(by=ann, target=2, text="new", parts=parts),
    )
    await ear.hears("edited")
    ear.forgets()
    assert await channel.replay(ear.listener, 0, resumed)
    await until(lambda: len(ear.frames) == 6)
    one, two, three, removed, edited = ear.frames[:5]
    assert (one["text"], one["gone"], one["nonce"]) == (None, True, "secret")
    assert (two["text"], two["edited"], two["parts"]) == ("new", True, [{"t": "text", "s": "new"}])
    assert (three["text"], removed["target"], edited["text"]) == ("cleared", 1, "new")
    await record(node, lobby, RoomCleared(by=ann, upto=5, count=3, undo_until=later))
    await ear.hears("cleared")
    ear.forgets()
    assert await channel.replay(ear.listener, 0, resumed)
    await until(lambda: len(ear.frames) == 7)
    assert [frame.get("text") for frame in ear.frames[:5]] == [None] * 5
    assert "secret" not in [frame.get("text") for frame in ear.frames]


async def test_nothing_below_the_floor_is_sent(
    node: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    await asyncio.gather(*(node.journal.append(words(lobby, ben, str(count))) for count in range(505)))
    await until(lambda: len(ear.seqs) == 505)
    ear.listener.member.floor = 503
    ear.forgets()
    assert await channel.replay(ear.listener, 0, resumed)
    await until(lambda: ear.frames and ear.frames[-1]["type"] == "resumed")
    assert ear.seqs == [503, 504, 505]


async def test_a_replay_that_cannot_be_read_lets_go_what_it_held(
    node: Node, channel: Channel, ear: Seat, lobby: int, ben: Person
) -> None:
    class Down(Slow):
        async def since(self, room_id: int, after: int, upto: int, floor: int = 1) -> list[RecordedEvent]:
            await super().since(room_id, after, upto, floor)
            raise OSError("nobody answers")

    channel.history = down = Down(node)
    down.gate.clear()
    replaying = asyncio.create_task(channel.replay(ear.listener, 0, resumed))
    await until(lambda: down.asked)
    await node.journal.append(words(lobby, ben, "live"))
    down.gate.set()
    with pytest.raises(OSError, match="nobody answers"):
        await replaying
    assert (await ear.hears("message"))["text"] == "live"
    assert [frame["type"] for frame in ear.frames] == ["message"]


async def test_who_is_put_out_during_a_replay_hears_no_more(
    node: Node, channel: Channel, ear: Seat, lobby: int, ann: Person, max_: Person
) -> None:
    await node.journal.append(words(lobby, ann, "hello"))
    await ear.hears("message")
    channel.history = slow = Slow(node)
    slow.gate.clear()
    replaying = asyncio.create_task(channel.replay(ear.listener, 0, resumed))
    await until(lambda: slow.asked)
    await record(node, lobby, MemberKicked(by=max_, user=ann, until=SOON))
    slow.gate.set()
    await replaying
    assert ear.closed is not None
    assert len(ear.frames) == 1


async def test_what_is_held_is_bounded(
    node: Node, channel: Channel, ear: Seat, lobby: int, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "MOST_HELD", 3)
    ear.listener.held = []
    for count in range(4):
        await node.journal.append(words(lobby, ben, str(count)))
    await until(lambda: ear.closed)
    assert ear.closed == (CloseCode.SLOW, "Too slow to keep up. Come back and resume.")
    ear.listener.release()
    assert ear.frames == []
