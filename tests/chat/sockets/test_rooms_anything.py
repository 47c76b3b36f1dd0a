"""Whatever is sent, in whatever order, on one process or two: the multi-room socket stays true, or ends in order."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tokens import create_token
from chat.presence import ANYWHERE
from tests.chat.backstage import until, until_kept
from tests.chat.sockets.old import OldProgram, old_page, old_program
from tests.people import HANDSHAKE, House, Person

QUIETLY = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def plenty(house: House) -> None:
    """Nobody here is asked to speak more slowly."""
    house.node.limits = replace(house.node.limits, burst=1_000_000, rate=1e6, connections=1000)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\ud800", "\0", 2**63, -(2**63), 2**64, 1e308, 10**400, "lobby", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ACTIONS = ["authenticate", "select_room", "new_message", "rooms", "history", "resume", "read", "dance"]
FIELDS = ["room", "text", "token", "nonce", "before", "after", "upto", "limit", "epoch", "events", "reply_to"]
likely = st.builds(
    lambda uuid, action, room, rest: {**rest, "room": room, "action": action, "uuid": uuid},
    st.sampled_from(["1", 1, "\ud800"]) | values,
    st.sampled_from(ACTIONS) | values,
    st.sampled_from(["lobby", 1, "nowhere"]) | values,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)
anything = st.one_of(
    likely.map(json.dumps),
    values.map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.binary(max_size=40),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("events", [False, True])
async def test_no_frame_whatever_is_an_error_of_the_server(house: House, alice: Person, events: bool) -> None:
    """Each frame is answered, or ends its socket with 1003; the next one goes to a socket that lives."""
    sent: list[str | bytes] = []

    @settings(QUIETLY, max_examples=400)
    @given(anything)
    def collect(frame: str | bytes) -> None:
        sent.append(frame)

    collect()
    program, bad = await old_program(house, alice, events=events), 0
    watching = await old_program(house, alice)
    for frame in sent:
        await program.sends(frame)
        try:
            await program.settles()
        except ConnectionError:
            assert program.close_code in ({1003, 4500} if bad >= 9 else {1003}), frame
            program, bad = await old_program(house, alice, events=events), 0
            continue
        for answer in program.unheard:
            assert answer.get("status") in {"success", "error"}
            assert answer.get("code") != "internal", (frame, answer)
            assert {"uuid", "action"} <= set(answer)
            bad += answer.get("code") == "bad_request"
        program.unheard.clear()
    await watching.asks_for("new_message", room="lobby", text="the end")
    words = [text for _, kind, text in await house.log() if kind == "message"]
    heard = [frame["message"]["text"] for frame in watching.unheard if frame.action == "new_message"]
    assert [*heard, "the end"] == words


async def test_no_frame_before_a_key_does_anything(house: House, alice: Person) -> None:
    sent: list[str] = []

    @settings(QUIETLY, max_examples=60)
    @given(likely.map(json.dumps))
    def collect(frame: str) -> None:
        sent.append(frame)

    collect()
    before = await house.log()
    program = await old_program(house, alice, known=False)
    for number, frame in enumerate(sent):
        await program.sends(frame)
        assert (await program.reads()).status == "error"
        if number % 5 == 4:
            await program.leaves()
            program = await old_program(house, alice, known=False)
    assert await house.log() == before


def collected(plays: list[list[tuple[int, str]]], examples: int) -> None:
    """Fill a list with things two people do, in any order."""

    @settings(QUIETLY, max_examples=examples)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.sampled_from(
                    ["say", "say", "select", "garden", "again", "leave", "break", "other", "resume"]
                ),
            ),
            max_size=25,
        )
    )
    def collect(play: list[tuple[int, str]]) -> None:
        plays.append(play)

    collect()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("processes", [1, 2])
async def test_two_people_may_do_anything_in_any_order(
    house: House, alice: Person, bob: Person, olga: Person, processes: int
) -> None:
    """Whatever they do, everybody hears the same words in the same order, and comings and goings pair."""
    if processes == 2:
        node = await house.opens()
        node.limits = house.node.limits
    await house.room("garden", olga)
    people = (alice, bob)
    tokens = [await create_token(house.node.manager, person.id) for person in people]
    watching = await old_program(house, olga, events=True, at=processes - 1)
    plays: list[list[tuple[int, str]]] = []
    collected(plays, 40)
    said = 0
    for play in plays:
        programs: dict[int, OldProgram] = {}
        whose: dict[int, int] = {}
        for who, what in play:
            if who not in programs or what == "again":
                programs[who] = await old_program(house, people[who], at=who % processes)
                whose[who] = who
            program = programs[who]
            match what:
                case "say":
                    said += 1
                    answer = await program.asks_for(
                        "new_message", room="lobby", text=f"word {said}", uuid="1"
                    )
                    assert answer["message"]["user"]["username"] == people[whose[who]].name
                case "select" | "garden":
                    room = "lobby" if what == "select" else "garden"
                    assert (await program.asks_for("select_room", room=room)).status == "success"
                case "resume":
                    epoch = house.node.epoch
                    answer = await program.asks_for("resume", room="lobby", after=0, epoch=epoch)
                    assert answer.status == "success"
                case "other":
                    whose[who] = 1 - whose[who]
                    await program.asks_for("authenticate", token=tokens[whose[who]])
                case "leave":
                    await programs.pop(who).leaves()
                case "break":
                    programs.pop(who).breaks()
        for program in programs.values():
            await program.leaves()
    last = await old_program(house, alice)
    await last.asks_for("new_message", room="lobby", text="the end")
    await watching.hears_words("the end")
    words = [text for _, kind, text in await house.log() if kind == "message"]
    heard = [frame["message"]["text"] for frame in watching.unheard if frame.action == "new_message"]
    assert [*heard, "the end"] == words
    for slug in ("lobby", "garden"):
        rows = await house.node.manager.rows(
            "SELECT m.author_name, m.kind FROM messages m JOIN rooms r ON r.id = m.room_id "
            "WHERE r.slug = %s AND m.kind IN ('joined', 'left') ORDER BY m.seq",
            slug,
        )
        for person in people:
            kinds = [kind for name, kind in rows if name == person.name]
            assert kinds[0::2] == ["joined"] * len(kinds[0::2])
            assert kinds[1::2] == ["left"] * len(kinds[1::2])


async def test_words_cross_over_and_come_back_with_their_uuid(
    house: House, alice: Person, bob: Person
) -> None:
    (await house.opens()).limits = house.node.limits
    here, there = await old_program(house, alice), await old_program(house, alice, at=1)
    other = await old_program(house, bob, at=1)
    for number in range(20):
        said = await here.asks_for("new_message", room="lobby", text=f"{number}", uuid=f"u-{number}")
        assert said["message"]["text"] == f"{number}"
    for program in (there, other):
        frames = [await program.hears_words(f"{number}") for number in range(20)]
        assert not {frame.uuid for frame in frames} & {f"u-{number}" for number in range(20)}
        assert len({frame.uuid for frame in frames}) == 20


async def test_a_kill_takes_effect_at_the_other_process(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    (await house.opens()).limits = house.node.limits
    there, other = await old_program(house, alice, at=1), await old_program(house, bob, at=1)
    await there.asks_for("select_room", room="lobby")
    ruling = await old_program(house, olga)
    await ruling.asks_for("new_message", room="lobby", text="/kill alice")
    assert (await there.asks_for("new_message", room="lobby", text="but")).status == "error"
    await ruling.asks_for("new_message", room="lobby", text="after")
    await other.hears_words("after")
    assert await there.all_words() == []


async def test_a_kill_is_heard_before_its_answer_also_where_the_room_is_not_selected(
    house: House, alice: Person, olga: Person
) -> None:
    node = await house.opens()
    node.limits = house.node.limits
    there, ruling = await old_program(house, alice, at=1), await old_program(house, olga)
    asked: list[set[str]] = []
    confirm = house.node.hub.confirm

    async def confirms(room_id: int, seq: int, nodes: Any) -> set[str]:
        asked.append(set(nodes))
        return await confirm(room_id, seq, nodes)

    house.node.hub.confirm = confirms  # type: ignore[method-assign]
    answer = await ruling.asks_for("new_message", room="lobby", text="/kill alice")
    assert answer.text.startswith("Removed @alice.")
    assert asked == [{node.name}]
    assert not [listener for channel in node.hub.channels() for listener in channel.listeners]
    await there.leaves()
    await until_kept(lambda: _nowhere(house, alice))


async def _nowhere(house: House, person: Person) -> bool:
    return not await house.node.presence.nodes(ANYWHERE, person.id)


async def test_words_said_faster_than_they_are_answered_each_come_back_with_their_own_uuid(
    house: House, alice: Person, bob: Person
) -> None:
    program, other = await old_program(house, alice), await old_program(house, bob)
    for number in range(100):
        await program.sends(
            {"uuid": number + 1, "action": "new_message", "room": "lobby", "text": f"{number}"}
        )
        if number % 10 == 0:
            await other.sends(
                {"uuid": number + 1, "action": "new_message", "room": "lobby", "text": f"other {number}"}
            )
    frames = [await program.hears_words(f"{number}") for number in range(100)]
    assert [frame.uuid for frame in frames] == list(range(1, 101))
    assert {type(frame.uuid) for frame in program.unheard} <= {str}
    room = next(iter(house.node.hub.channels()))
    await until(
        lambda: len({listener.dialect for listener in room.listeners}) == 1, "one dialect for all again"
    )


async def _stalls(house: House, path: str, head: dict[str, str], first: bytes) -> asyncio.StreamWriter:
    """A raw socket that opens, sends one frame and never reads."""
    host = str(house.servers[0].make_url("")).removeprefix("http://").rstrip("/")
    wanted = {**HANDSHAKE, "Host": host, **head}
    del wanted["Sec-WebSocket-Protocol"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
    reader, writer = await asyncio.open_connection(*host.split(":"), limit=1024)
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    if first:
        size = len(first)
        writer.write(b"\x81" + bytes([0x80 | 126]) + size.to_bytes(2, "big") + b"\0\0\0\0" + first)
    return writer


async def test_who_does_not_read_is_let_go_and_keeps_nobody_waiting(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    """In both old protocols: the words of others go on, and what is owed to the stalled is bounded."""
    token = await create_token(house.node.manager, alice.id)
    frame = json.dumps({"uuid": "1", "action": "authenticate", "token": token}).ljust(200).encode()
    stalled = [
        await _stalls(house, "/ws", {}, frame),
        await _stalls(house, "/ws/lobby", {"Authorization": f"Bearer {token}"}, b""),
    ]
    await until(lambda: len(house.node.hub.audience.of(alice.id)) == 2)
    program, page = await old_program(house, bob), await old_page(bob)
    await olga.enters()
    text = "x" * 3990
    for number in range(700):
        await olga.tab.sends({"type": "say", "nonce": f"{number}", "text": f"{text} {number}"})
        await olga.tab.hears("ack")
        await program.hears_words(f"{text} {number}")
        await page.shows(f"@olga: {text} {number}")
        page.screen.clear()
        if not house.node.hub.audience.of(alice.id):
            break
    await until(lambda: not house.node.hub.audience.of(alice.id), "who does not read is let go")
    for writer in stalled:
        writer.transport.abort()


@pytest.mark.parametrize("moment", [0, 1, 3, 10])
async def test_who_goes_at_any_moment_is_nobodys_fault(house: House, alice: Person, moment: int) -> None:
    """The line is cut after so many turns of the loop, with a key and a request on their way."""
    token: Any = await create_token(house.node.manager, alice.id)
    frames = b""
    for asked in (
        {"uuid": "1", "action": "authenticate", "token": token},
        {"uuid": "2", "action": "select_room", "room": "lobby"},
        {"uuid": "3", "action": "new_message", "room": "lobby", "text": "hi"},
    ):
        payload = json.dumps(asked).ljust(200).encode()
        frames += b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload
    for _ in range(10):
        writer = await _stalls(house, "/ws", {}, b"")
        writer.write(frames)
        for _ in range(moment):
            await asyncio.sleep(0)
        writer.transport.abort()
    program = await old_program(house, alice)
    assert (await program.asks_for("select_room", room="lobby")).status == "success"
