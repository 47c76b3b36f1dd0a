"""The connections of a process: signs of life, and what concerns one person alone."""

from __future__ import annotations

import pytest

from accounts import events
from accounts.events import SignedOut, SignedOutEverywhere, Suspended, user_topic
from chat.connection import PING, CloseCode
from chat.events import Person, ReadMark
from chat.node import Node
from chat.pace import Pace
from chat.signals import Belongs, ReadMoved
from tests.chat.backstage import Backstage, Seat, until

QUICK_WHEEL = Pace(beat=0.01, heartbeat=3, silence=60, check=3600, sweep=3600)


async def test_everybody_is_asked_for_a_sign_of_life_once_a_round(
    backstage: Backstage, lobby: int, ann: Person
) -> None:
    node = await backstage.node(pace=QUICK_WHEEL)
    seats = [await backstage.seat(node, lobby, ann) for _ in range(6)]
    for seat in seats:
        # Whoever came first was asked before the last was there.
        seat.forgets()
    await until(lambda: all(len(seat.line.writes) >= 2 for seat in seats))
    assert all(set(seat.line.writes) == {PING} for seat in seats)
    asked = [len(seat.line.writes) for seat in seats]
    assert max(asked) - min(asked) <= 1


async def test_who_is_silent_too_long_is_let_go(backstage: Backstage, lobby: int, ann: Person) -> None:
    node = await backstage.node(pace=QUICK_WHEEL)
    silent, alive = await backstage.seat(node, lobby, ann), await backstage.seat(node, lobby, ann)
    silent.listener.connection.heard_at -= 3600
    await until(lambda: silent.closed)
    assert silent.closed == (CloseCode.SILENT, "Nothing was heard of you.")
    assert alive.closed is None


@pytest.fixture
async def seats(backstage: Backstage, node: Node, lobby: int, ann: Person, ben: Person) -> dict[str, Seat]:
    """Two browsers of ann's, a bot of hers, and ben."""
    far = await backstage.node()
    made = {
        "laptop": await backstage.seat(node, lobby, ann),
        "phone": await backstage.seat(far, lobby, ann),
        "bot": await backstage.seat(far, lobby, ann),
        "ben": await backstage.seat(far, lobby, ben),
    }
    made["phone"].listener.connection.session = "another session"
    made["bot"].listener.connection.session = None
    return made


@pytest.mark.parametrize(
    ("event", "gone", "why"),
    [
        (SignedOut("session of ann"), {"laptop"}, "You signed out."),
        (SignedOutEverywhere(1), {"laptop", "phone"}, "You signed out everywhere."),
        (Suspended(1), {"laptop", "phone", "bot"}, "This account rests."),
    ],
)
async def test_who_signs_out_is_signed_out_in_every_process(
    node: Node, seats: dict[str, Seat], ann: Person, event: events.AccountEvent, gone: set[str], why: str
) -> None:
    node.bus.publish(user_topic(ann.id), events.encode(event))
    await until(lambda: {name for name, seat in seats.items() if seat.closed} == gone)
    assert {seat.closed for name, seat in seats.items() if name in gone} == {(CloseCode.SIGNED_OUT, why)}


async def test_a_read_mark_is_told_to_ones_own_sockets_alone(
    node: Node, seats: dict[str, Seat], lobby: int, ann: Person
) -> None:
    node.hub.audience.signal(ReadMoved(ann.id, lobby, "lobby", 7, 5))
    for name in ("laptop", "phone", "bot"):
        await until(lambda name=name: (lobby, ReadMark(7)) in seats[name].news)  # type: ignore[misc]
    assert seats["ben"].news == []


async def test_a_person_is_listened_for_while_they_are_connected(
    backstage: Backstage, node: Node, lobby: int, ann: Person
) -> None:
    audience = node.hub.audience
    first, second = await backstage.seat(node, lobby, ann), await backstage.seat(node, lobby, ann)
    assert set(audience.of(ann.id)) == {first.listener.connection, second.listener.connection}
    assert set(audience.all()) == set(audience.of(ann.id))
    audience.disconnect(first.listener.connection)
    node.bus.publish(user_topic(ann.id), events.encode(SignedOutEverywhere(ann.id)))
    await until(lambda: second.closed)
    assert first.closed is None
    for _ in range(2):
        audience.disconnect(second.listener.connection)
    assert audience.of(ann.id) == ()


async def test_what_concerns_people_who_are_elsewhere_is_passed_over(
    node: Node, seats: dict[str, Seat], lobby: int, max_: Person
) -> None:
    audience = node.hub.audience
    audience.signal(Belongs(max_.id, lobby, True))
    audience.hear(max_.id, b"not even read")
    node.bus.publish(user_topic(max_.id), b"not even read")
    audience.signal(ReadMoved(seats["ben"].listener.member.user_id, lobby, "lobby", 7, 5))
    await until(lambda: seats["ben"].news)
    assert not audience._unread.is_new(max_.id)


async def test_sessions_that_ended_while_the_bus_was_away_end_here_too(
    backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    node = await backstage.node()
    of_ann, of_ben = await backstage.seat(node, lobby, ann), await backstage.seat(node, lobby, ben)
    # The word of it never came.
    await backstage.manager.execute(
        "UPDATE users SET session_epoch = session_epoch + 1 WHERE id = %s", ann.id
    )
    node.hub.audience.lost()
    await until(lambda: of_ann.closed is not None)
    assert of_ann.closed == (CloseCode.SIGNED_OUT, "You signed out everywhere.")
    assert of_ben.closed is None
    await backstage.manager.execute(
        "UPDATE users SET suspended_until = now() + interval '1 hour' WHERE id = %s", ben.id
    )
    node.hub.audience.lost()
    await until(lambda: of_ben.closed is not None)
    assert of_ben.closed == (CloseCode.SIGNED_OUT, "This account rests.")
