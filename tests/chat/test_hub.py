"""Several processes, one room: everybody hears the same, whatever the bus does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chat.connection import CloseCode
from chat.errors import NoSuchRoom
from chat.events import Batch, MemberJoined, MemberKicked, MessagePosted, Person, Typing
from chat.hub import mentions_in
from chat.node import Node
from chat.pace import Pace
from chat.policy import Role
from chat.signals import NODES, room_topic
from helpers.bus import MemoryBus
from tests.chat.backstage import QUICK, Backstage, Seat, until, until_kept, words

SOON = datetime(2030, 1, 1, tzinfo=UTC)
Drop = Callable[[str, bytes], bool]


class LossyBus(MemoryBus):
    """A bus that loses what the test wants lost."""

    drop: Drop = staticmethod(lambda topic, payload: False)

    def twin(self) -> LossyBus:
        return LossyBus(self._wire)

    def deliver(self, topic: str, payload: bytes) -> None:
        if topic not in self._topics or not self.drop(topic, payload):
            super().deliver(topic, payload)

    def breaks(self) -> None:
        """The line broke for a moment: listeners are told."""
        for _, lost in self._listeners:
            lost()


class Two:
    """Two processes, each with ann in the lobby; the far one's bus may lose something."""

    def __init__(self, here: Seat, there: Seat, bus: LossyBus) -> None:
        self.here = here
        self.there = there
        self.bus = bus
        self.lost = 0

    def loses(self, *numbers: int) -> None:
        """The far process does not hear the batches with these numbers, counted from 1."""
        heard = 0

        def drop(topic: str, payload: bytes) -> bool:
            nonlocal heard
            if not topic.startswith("aiochat:{room:"):
                return False
            heard += 1
            self.lost += heard in numbers
            return heard in numbers

        self.bus.drop = drop  # type: ignore[method-assign]


async def two_processes(backstage: Backstage, lobby: int, ann: Person, pace: Pace = QUICK) -> Two:
    near = LossyBus()
    bus = near.twin()
    here, there = await backstage.node(near), await backstage.node(bus, pace=pace)
    return Two(await backstage.seat(here, lobby, ann), await backstage.seat(there, lobby, ann), bus)


@pytest.fixture
async def two(backstage: Backstage, lobby: int, ann: Person) -> Two:
    return await two_processes(backstage, lobby, ann)


async def test_what_is_said_in_one_process_is_heard_in_both_once(two: Two, lobby: int, ben: Person) -> None:
    for count in range(3):
        for seat in (two.here, two.there):
            await seat.node.journal.append(words(lobby, ben, f"{count} {seat.node.name}"))
    for seat in (two.here, two.there):
        await until(lambda seat=seat: len(seat.seqs) == 6)  # type: ignore[misc]
        assert seat.seqs == list(range(1, 7))
    assert two.here.frames == two.there.frames


async def test_over_redis_it_is_the_same(backstage: Backstage, lobby: int, ann: Person, ben: Person) -> None:
    seats = []
    for _ in range(2):
        node = await backstage.node(backstage.redis_bus())
        seats.append(await backstage.seat(node, lobby, ann))
    speaking = [
        seat.node.journal.append(words(lobby, ben, f"{count} {seat.node.name}"))
        for count in range(100)
        for seat in seats
    ]
    await asyncio.gather(*speaking)
    for seat in seats:
        await until(lambda seat=seat: len(seat.seqs) >= 200)  # type: ignore[misc]
        assert seat.seqs == list(range(1, 201))


async def test_ones_own_echo_is_dropped(two: Two, lobby: int, ben: Person) -> None:
    await two.here.node.journal.append(words(lobby, ben, "hello"))
    two.here.node.type(lobby, Typing(ben))
    for seat in (two.here, two.there):
        await seat.hears("typing")
    await two.there.node.journal.append(words(lobby, ben, "after"))
    await two.here.hears("message", text="after")
    assert [frame["type"] for frame in two.here.frames] == ["message", "typing", "message"]


async def test_a_lost_batch_is_read_when_the_next_one_comes(two: Two, lobby: int, ben: Person) -> None:
    two.loses(2, 3)
    for text in ("one", "two", "three", "four"):
        await two.here.node.journal.append(words(lobby, ben, text))
    await until(lambda: len(two.there.seqs) == 4)
    assert [frame["text"] for frame in two.there.frames] == ["one", "two", "three", "four"]
    assert two.lost == 2


async def test_a_lost_last_batch_is_found_by_the_position_check(
    backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    two = await two_processes(backstage, lobby, ann, Pace(check=0.05, sweep=3600))
    two.loses(1)
    await two.here.node.journal.append(words(lobby, ben, "hello"))
    await two.there.hears("message", text="hello")
    assert two.there.seqs == [1]
    assert two.lost == 1


async def test_a_line_that_broke_is_answered_by_reading_every_live_room(
    backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    # Positions are not compared meanwhile, and nobody comes: either would find it, too.
    two = await two_processes(backstage, lobby, ann, replace(QUICK, check=3600.0))
    garden = await backstage.room(ann, ben, slug="garden")
    seat = await backstage.seat(two.there.node, garden, ann)
    await backstage.manager.execute("UPDATE memberships SET present_since = 1")
    two.loses(1, 2)
    await two.here.node.journal.append(words(lobby, ben, "hello"))
    await two.here.node.journal.append(words(garden, ben, "roses"))
    two.bus.breaks()
    await two.there.hears("message", text="hello")
    await seat.hears("message", text="roses")

    async def is_marked() -> bool:
        return await two.here.node.presence.nodes(garden, ann.id) == {two.there.node.name: 1}

    await until_kept(is_marked, "the marks were not made anew")
    assert two.lost == 2


async def test_after_a_broken_line_it_is_known_again_who_is_in_a_room_that_does_not_record_it(
    backstage: Backstage, two: Two, ann: Person, ben: Person, max_: Person
) -> None:
    quiet = await backstage.room(ann, ben, max_, slug="quiet", comings_and_goings=False)
    witness = await backstage.seat(two.there.node, quiet, max_, arrive=True)
    leaver = await backstage.seat(two.here.node, quiet, ann, arrive=True)
    await witness.hears("here", count=2)
    two.loses(1, 2)
    await leaver.goes()
    await backstage.seat(two.here.node, quiet, ben, arrive=True)
    two.bus.breaks()
    heard = await witness.hears("here")
    assert [[person["name"] for person in heard[which]] for which in ("joined", "left")] == [["ben"], ["ann"]]
    two.bus.breaks()
    await two.here.node.journal.append(words(quiet, ben, "hello"))
    await witness.hears("message")
    assert [frame["type"] for frame in witness.frames] == ["here", "here", "here", "message"]
    assert two.lost == 2


async def test_what_another_version_says_is_passed_over(
    two: Two, lobby: int, ben: Person, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    bus = two.here.node.bus
    for topic in (room_topic(lobby), NODES, f"aiochat:{{user:{ann.id}}}"):
        bus.publish(topic, b'{"type":"of tomorrow"}')
    bus.publish(room_topic(999), b"[]")
    await two.here.node.journal.append(words(lobby, ben, "hello"))
    await two.there.hears("message")
    assert caplog.text.count("not understood") == 6


# -- put out --------------------------------------------------------------------------------------------------------


async def test_whoever_is_put_out_hears_nothing_after_in_any_process(
    backstage: Backstage, two: Two, lobby: int, ann: Person, ben: Person, max_: Person
) -> None:
    others = [await backstage.seat(seat.node, lobby, ben) for seat in (two.here, two.there)]
    two.loses(1, 2)
    await two.here.node.journal.append(words(lobby, ben, "before"))
    async with two.here.node.journal.transaction(lobby) as log:
        kicked = await log.record(MemberKicked(by=max_, user=ann, reason="loud", until=SOON))
    await two.there.node.journal.append(words(lobby, ben, "after"))
    for seat in others:
        await until(lambda seat=seat: seat.seqs == [1, 2, 3])  # type: ignore[misc]
    assert kicked.seq == 2
    for seat in (two.here, two.there):
        assert seat.seqs == [1, 2]
        assert seat.closed == (CloseCode.KICKED, "loud")
    assert others[0].closed is others[1].closed is None
    assert two.lost == 2


async def test_others_confirm_what_they_have_delivered(
    two: Two, lobby: int, ann: Person, ben: Person, max_: Person
) -> None:
    hub, names = two.here.node.hub, [two.here.node.name, two.there.node.name]
    two.loses(1)
    async with two.here.node.journal.transaction(lobby) as log:
        kicked = await log.record(MemberKicked(by=max_, user=ann, until=SOON))
    assert await hub.confirm(lobby, kicked.seq, names) == set()
    # Though the bus had lost it: whoever is asked looks.
    assert two.there.closed is not None
    assert await hub.confirm(lobby, kicked.seq, names[:1]) == set()
    assert await hub.confirm(lobby, kicked.seq, []) == set()
    assert two.lost == 1


async def test_who_does_not_confirm_is_named_after_a_while(
    two: Two, lobby: int, caplog: pytest.LogCaptureFixture
) -> None:
    two.here.node.hub._pace = replace(QUICK, confirm=2.0)
    began = asyncio.get_running_loop().time()
    silent = await two.here.node.hub.confirm(lobby, 0, ["nobody", two.there.node.name])
    assert silent == {"nobody"}
    assert asyncio.get_running_loop().time() - began > 1.9
    assert "nobody did not confirm" in caplog.text


async def test_a_confirmation_covers_this_process_as_well(
    two: Two, lobby: int, ben: Person, ann: Person
) -> None:
    channel = two.here.channel
    await two.here.node.bus.unsubscribe(room_topic(lobby))
    await two.there.node.journal.append(words(lobby, ben, "hello"))
    assert channel.heard == 0
    await two.here.node.hub.confirm(lobby, 1, [two.here.node.name])
    assert channel.heard == 1


async def test_an_answer_to_nobodys_question_is_passed_over(two: Two, lobby: int, ben: Person) -> None:
    two.here.node.bus.publish(NODES, b'{"type":"heard","id":"x","node":"y"}')
    await two.here.node.journal.append(words(lobby, ben, "hello"))
    await two.there.hears("message")


# -- rooms come alive and rest --------------------------------------------------------------------------------------


async def test_a_room_lives_while_somebody_listens(
    node: Node, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    assert node.hub.here(lobby) is None
    first, second = await asyncio.gather(*(backstage.seat(node, lobby, person) for person in (ann, ben)))
    assert first.channel is second.channel is node.hub.here(lobby)
    assert list(node.hub.channels()) == [first.channel]
    await first.goes()
    assert node.hub.here(lobby) is second.channel
    await second.goes()
    assert node.hub.here(lobby) is None
    assert isinstance(node.bus, MemoryBus)
    assert room_topic(lobby) not in node.bus._topics
    await node.journal.append(words(lobby, ann, "to an empty room"))
    again = await backstage.seat(node, lobby, ann)
    assert again.channel.heard == 1
    await node.hub.leave(first.channel, first.listener)
    assert node.hub.here(lobby) is again.channel


async def test_a_room_comes_alive_with_those_who_are_there(
    node: Node, backstage: Backstage, lobby: int, ann: Person, max_: Person
) -> None:
    root = await backstage.person("root", admin=True)
    await backstage.joins(lobby, root)
    for person in (ann, root):
        async with node.journal.transaction(lobby) as log:
            await log.record(MemberJoined(by=person, user=person))
    channel = await node.hub.channel(lobby)
    assert {one.person.name: one.role for one in channel.state.people(9)} == {
        "ann": Role.MEMBER,
        "root": Role.ADMIN,
    }
    assert channel.state.ranks == {max_.id: Role.MODERATOR}
    assert channel.heard == 2


async def test_a_room_that_is_not_there_leaves_nothing_behind(node: Node) -> None:
    with pytest.raises(NoSuchRoom):
        await node.hub.channel(999)
    assert isinstance(node.bus, MemoryBus)
    assert room_topic(999) not in node.bus._topics


def test_who_is_meant_by_name_is_meant_once() -> None:
    ann = Person(1, "ann")
    post = words(1, ann, "@ben @ben", mentions=[7, 7, 8])
    event = MessagePosted(by=ann, text=post.text, parts=post.parts)  # type: ignore[arg-type]
    assert sorted(mentions_in(event)) == [7, 8]
    assert mentions_in(MessagePosted(by=ann, text="no", parts=words(1, ann, "no").parts)) == []  # type: ignore[arg-type]
    assert Batch(1, [event]).ordinal == 0
