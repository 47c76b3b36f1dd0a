"""What stands beside the old multi-room protocol: paging, the list of rooms, acks, resume, everything that happens."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiohttp import WSMsgType

from chat.policy import Role
from tests.chat.sockets.old import OldProgram, old_program
from tests.people import Frame, House, Person


async def uuid_of(house: House, slug: str = "lobby") -> str:
    """The room's own uuid, in hex."""
    found: UUID = await house.node.manager.value("SELECT uuid FROM rooms WHERE slug = %s", slug)
    return found.hex


def texts(answer: dict[str, Any]) -> list[str]:
    """The words of a page."""
    return [message["text"] for message in answer["room_messages"]]


@pytest.fixture
async def garden(house: House, olga: Person, alice: Person) -> str:
    """A second room, of olga and alice; its uuid."""
    await house.room("garden", olga, topic="What grows")
    await house.ranks(alice, Role.MEMBER, "garden")
    return await uuid_of(house, "garden")


@pytest.fixture(autouse=True)
def plenty(house: House) -> None:
    """Nobody here is asked to speak more slowly."""
    house.node.limits = replace(house.node.limits, burst=500, connections=100)


# -- paging ------------------------------------------------------------------------------------------------------------


async def test_pages_go_back_to_the_first_message_and_say_when_it_is_reached(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    for number in range(50):
        await bob.says(f"{number}")
    program, room = await old_program(house, alice), await uuid_of(house)
    page = await program.asks_for("select_room", room="lobby")
    seen = texts(page)
    while True:
        oldest = page["room_messages"][0]["id"]
        page = await program.asks_for("history", room="lobby", before=oldest, uuid=str(oldest))
        assert (page.uuid, page.action, page.status, page.room) == (str(oldest), "history", "success", room)
        seen = texts(page) + seen
        if page.complete:
            break
    assert seen == [f"{number}" for number in range(50)]
    seq = oldest % 2**32
    assert texts(await program.asks_for("history", room="lobby", before=seq, limit=3)) == seen[7:10]
    assert texts(await program.asks_for("history", room="lobby", limit=100)) == seen
    assert texts(await program.asks_for("history", room="lobby", before=0)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"before": -1},
        {"before": "7"},
        {"before": 1.5},
        {"before": 2**64},
        {"before": None},
        {"before": [1]},
        {"limit": 0},
        {"limit": 101},
        {"limit": "20"},
        {"before": 999 * 2**32 + 1},
    ],
)
async def test_a_page_that_cannot_be_is_refused(house: House, alice: Person, fields: dict[str, Any]) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for("history", room="lobby", **fields)
    assert (answer.status, answer.code, answer.temporary) == ("error", "bad_request", False)
    assert answer.error_message.startswith("That could not be read")


async def test_pages_hold_neither_what_was_removed_nor_what_was_cleared_nor_what_is_below_the_floor(
    house: House, alice: Person, olga: Person
) -> None:
    await olga.enters()
    await olga.says("cleared")
    await olga.says("/clear")
    for text in ("below", "above", "gone", "last"):
        said = await olga.says(text)
        if text == "below":
            await house.marks(alice, f"floor = {said.seq + 1}")
        if text == "gone":
            await olga.tab.asks("remove", target=said.seq)
    await olga.says("/me waves")
    program = await old_program(house, alice)
    assert texts(await program.asks_for("select_room", room="lobby")) == ["above", "last", "* olga waves"]
    assert texts(await program.asks_for("history", room="lobby")) == ["above", "last", "* olga waves"]


# -- the list ----------------------------------------------------------------------------------------------------------


async def test_the_list_has_every_room_with_what_is_unread_and_what_was_said_last(
    house: House, alice: Person, olga: Person, garden: str
) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("garden")
    await olga.says("tulips")
    said = await olga.says("@alice roses")
    program = await old_program(house, alice)
    answer = await program.asks_for("rooms", uuid="1")
    assert (answer.uuid, answer.action, answer.status) == ("1", "rooms", "success")
    assert answer.epoch == house.node.epoch
    first, second = answer.rooms
    preview = first.pop("last_message")
    assert first == {
        "room": garden,
        "id": first["id"],
        "slug": "garden",
        "title": "garden",
        "topic": "What grows",
        "private": False,
        "head": said.seq,
        "read": 0,
        "unread": 2,
        "mentions": 1,
    }
    assert abs(preview.pop("timestamp") - time.time()) < 60
    assert preview == {
        "id": first["id"] * 2**32 + said.seq, "user": {"username": "olga"}, "room": garden, "text": "@alice roses",
    }  # fmt: skip
    assert (second["slug"], second["last_message"], second["unread"]) == ("lobby", None, 0)
    assert (await program.asks_for("read", room="garden", upto=preview["id"])).status == "success"
    answer = await program.asks_for("rooms")
    assert [(one["slug"], one["unread"], one["mentions"], one["read"]) for one in answer.rooms] == [
        ("garden", 0, 0, said.seq),
        ("lobby", 0, 0, 0),
    ]


async def test_what_is_read_here_is_read_everywhere(house: House, alice: Person, olga: Person) -> None:
    await olga.enters()
    said = await olga.says("hi")
    await alice.enters()
    program = await old_program(house, alice)
    await program.asks_for("read", room="lobby", upto=said.seq)
    assert (await alice.hears("read")).seq == said.seq


# -- acks --------------------------------------------------------------------------------------------------------------


async def test_who_names_a_request_is_told_its_number_and_nothing_is_said_twice(
    house: House, alice: Person, bob: Person
) -> None:
    program, room = await old_program(house, alice), await uuid_of(house)
    said = await program.asks_for("new_message", room="lobby", text="hi", nonce="n-1", uuid="1")
    ack = await program.answer("1")
    assert ack == {
        "uuid": "1",
        "action": "ack",
        "status": "success",
        "room": room,
        "nonce": "n-1",
        "seq": said.message.id % 2**32,
        "id": said.message.id,
        "at": ack.at,
    }
    again = await program.asks_for("new_message", room="lobby", text="hi", nonce="n-1", uuid="2")
    assert again == {**ack, "uuid": "2", "duplicate": True}
    other = await program.asks_for("new_message", room="lobby", text="ho", nonce="n-1")
    assert (other.status, other.code) == ("error", "nonce_conflict")
    assert await program.all_words() == []
    assert [text for _, kind, text in await house.log() if kind == "message"] == ["hi"]


async def test_without_a_name_of_its_own_a_request_is_said_again_each_time(
    house: House, alice: Person
) -> None:
    """The uuid is none: programs used it as they liked."""
    program = await old_program(house, alice)
    for _ in range(2):
        assert (await program.asks_for("new_message", room="lobby", text="hi", uuid="1")).status == "success"
    assert [text for _, kind, text in await house.log() if kind == "message"] == ["hi", "hi"]
    assert not [frame for frame in program.unheard if frame.action == "ack"]


@pytest.mark.parametrize("nonce", ["", "~left/1", "n" * 65, "ñ", 7, ["n"], "n\n"])
async def test_a_nonce_that_is_none_is_refused(house: House, alice: Person, nonce: Any) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for("new_message", room="lobby", text="hi", nonce=nonce)
    assert (answer.status, answer.code, answer.field) == ("error", "bad_request", "nonce")
    assert "message" not in await house.kinds()


async def test_refusals_the_first_system_did_not_know_say_what_every_refusal_says(
    house: House, alice: Person
) -> None:
    program = await old_program(house, alice)
    answer = await program.asks_for("new_message", room="lobby", text="x" * 4001, uuid="1")
    assert answer == {
        "uuid": "1",
        "action": "new_message",
        "status": "error",
        "error_message": "4,001 of at most 4,000 characters. Make it shorter or send it in parts.",
        "code": "too_long",
        "temporary": False,
        "field": "text",
    }
    for text in ("a\0b", "\ud800"):
        assert (await program.asks_for("new_message", room="lobby", text=text)).code == "bad_request"
    assert (await program.asks_for("new_message", room="lobby", text="hi", reply_to=999)).code == "gone"
    house.node.limits = replace(house.node.limits, burst=1, rate=0.01)
    house.node.flood._buckets.clear()
    slow = await old_program(house, alice)
    await slow.asks_for("new_message", room="lobby", text="1")
    answer = await slow.asks_for("new_message", room="lobby", text="2")
    assert (answer.code, answer.temporary) == ("rate_limited", True)
    assert answer.retry_after > 10


async def test_a_message_is_answered_by_its_id_or_its_number(
    house: House, alice: Person, olga: Person
) -> None:
    program = await old_program(house, alice, events=True)
    said = (await program.asks_for("new_message", room="lobby", text="first"))["message"]["id"]
    for number, reply_to in enumerate((said, said % 2**32)):
        answer = await program.asks_for("new_message", room="lobby", text=f"re {number}", reply_to=reply_to)
        assert answer["event"]["reply_to"] == said % 2**32
    elsewhere = await program.asks_for("new_message", room="lobby", text="hi", reply_to=said + 2**32)
    assert elsewhere.code == "bad_request"


async def test_the_muted_are_told_so(house: House, alice: Person) -> None:
    await house.marks(alice, "muted_until = now() + interval '1 hour'")
    program = await old_program(house, alice)
    assert (await program.asks_for("new_message", room="lobby", text="hi")).code == "muted"


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_a_command_is_answered_to_who_typed_it_alone(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    ruling, other = await old_program(house, olga), await old_program(house, bob)
    answer = await ruling.asks_for("new_message", room="lobby", text="/topic Demos at ten", uuid="1")
    assert answer == {
        "uuid": "1",
        "action": "notice",
        "status": "success",
        "room": await uuid_of(house),
        "text": "The topic is set.",
    }
    named = await ruling.asks_for("new_message", room="lobby", text="/help", nonce="n-1", uuid="2")
    assert "/topic" in named.text
    assert (await ruling.answer("2")).action == "ack"
    refused = await other.asks_for("new_message", room="lobby", text="/kill olga")
    assert (refused.status, refused.code) == ("error", "no_permission")
    unknown = await other.asks_for("new_message", room="lobby", text="/kcik olga")
    assert unknown.code == "unknown_command"
    assert await other.all_words() == []
    waved = await other.asks_for("new_message", room="lobby", text="/me waves", uuid="3")
    assert waved["message"]["text"] == "* bob waves"
    slash = await other.asks_for("new_message", room="lobby", text="//kill")
    assert slash["message"]["text"] == "/kill"
    assert "message" not in {frame.action for frame in ruling.unheard}


# -- coming back -------------------------------------------------------------------------------------------------------


async def test_who_comes_back_hears_all_messages_they_missed(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    program = await old_program(house, alice)
    listed = await program.asks_for("rooms")
    head, epoch = listed.rooms[0]["head"], listed.epoch
    await program.leaves()
    await bob.says("one")
    gone = await bob.says("a password")
    await bob.tab.asks("remove", target=gone.seq)
    last = await bob.says("two")
    program = await old_program(house, alice)
    await program.sends({"uuid": "1", "action": "resume", "room": "lobby", "epoch": epoch, "after": head})
    assert [(await program.reads())["message"]["text"] for _ in range(2)] == ["one", "two"]
    assert await program.reads() == {
        "uuid": "1",
        "action": "resume",
        "status": "success",
        "room": await uuid_of(house),
        "recovered": True,
        "head": last.seq,
    }
    mine = await program.asks_for("new_message", room="lobby", text="mine")
    await program.sends(
        {"uuid": "2", "action": "resume", "room": "lobby", "epoch": epoch, "after": mine.message.id - 1}
    )
    assert (await program.reads())["message"] == mine["message"]


@pytest.mark.parametrize(
    ("after", "epoch"), [(10**6, None), (2**32 - 1, None), (2**63 - 1, None), (0, "another")]
)
async def test_what_cannot_be_resumed_is_said_plainly(
    house: House, alice: Person, after: int, epoch: str | None
) -> None:
    program = await old_program(house, alice)
    await program.asks_for("new_message", room="lobby", text="hi")
    answer = await program.asks_for("resume", room="lobby", after=after, epoch=epoch or house.node.epoch)
    assert (answer.status, answer.recovered) == ("success", False)
    assert await program.all_words() == []


# -- everything that happens -------------------------------------------------------------------------------------------


async def test_who_asks_for_events_hears_everything_with_its_number(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    whole, plain = await old_program(house, alice, events=True), await old_program(house, alice)
    room = await uuid_of(house)
    await olga.enters()
    joined = await whole.reads()
    assert joined == {
        "uuid": None, "action": "event", "status": "success", "room": room, "event": joined["event"],
    }  # fmt: skip
    assert (joined["event"]["type"], joined["event"]["user"]["name"]) == ("joined", "olga")
    said = await olga.says("helo", nonce="hers")
    frame = await whole.hears_words("helo")
    assert frame["event"] == {
        "type": "message",
        "seq": said.seq,
        "at": said.at,
        "by": {"id": olga.id, "name": "olga"},
        "text": "helo",
        "parts": [{"t": "text", "s": "helo"}],
    }
    await olga.tab.asks("edit", target=said.seq, text="hello")
    assert (await whole.hears_of("edited")).text == "hello"
    mine = await whole.asks_for("new_message", room="lobby", text="mine", nonce="n-1")
    assert mine["event"]["nonce"] == "n-1"
    await olga.says("/topic x")
    assert (await whole.hears_of("topic")).topic == "x"
    await olga.says("/clear")
    assert (await whole.hears_of("cleared")).count == 2
    await olga.tab.sends({"type": "typing"})
    assert (await whole.hears_of("typing")).user.name == "olga"
    await plain.settles()
    assert {frame.action for frame in plain.unheard} == {"new_message"}
    assert not [frame for frame in plain.unheard if "event" in frame]


def numbered(program: OldProgram) -> list[Frame]:
    """The entries of the log among what it has not heard: how much is not read is told in between."""
    return [frame for frame in program.unheard if "event" in frame and "seq" in frame["event"]]


async def test_numbers_are_without_gaps_for_who_asks_for_events(
    house: House, alice: Person, olga: Person
) -> None:
    whole = await old_program(house, alice, events=True)
    await olga.enters()
    for _ in range(3):
        await olga.says("hi")
    gone = await olga.says("gone")
    await olga.tab.asks("remove", target=gone.seq)
    await whole.hears_of("removed")
    listed = await whole.asks_for("rooms")
    head = listed.rooms[0]["head"]
    live = [frame["event"]["seq"] for frame in numbered(whole)]
    assert live == sorted(live)
    await whole.sends({"uuid": "r", "action": "resume", "room": "lobby", "epoch": listed.epoch, "after": 0})
    whole.unheard.clear()
    await whole.answer("r")
    assert [frame["event"]["seq"] for frame in numbered(whole)] == list(range(1, head + 1))
    (removed,) = [frame for frame in numbered(whole) if frame["event"].get("gone")]
    assert (removed.action, removed["event"]["text"], removed["event"]["seq"]) == ("event", None, gone.seq)


async def test_unread_and_read_marks_are_told_to_who_asks_for_events(
    house: House, alice: Person, olga: Person, garden: str
) -> None:
    whole = await old_program(house, alice, events=True)
    await olga.enters("garden")
    said = await olga.says("@alice hi")
    unread = await whole.hears_of("unread")
    assert unread == {"type": "unread", "room": "garden", "count": 1, "mentions": 1}
    await alice.enters("garden")
    await alice.tab.sends({"type": "read", "seq": said.seq})
    assert (await whole.hears_of("read")).seq == said.seq
    assert (await whole.hears_of("unread")).count == 0


async def test_bytes_are_refused(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    await program.asks_for("select_room", room="lobby", uuid="1")
    await program.sends(b"\0\xff")
    answer = await program.reads()
    assert (answer.uuid, answer.action, answer.code) == (None, None, "bad_request")
    assert answer.error_message == "Only text frames are understood here."


async def test_a_flood_of_frames_ends_the_socket(house: House, alice: Person) -> None:
    house.node.limits = replace(house.node.limits, burst=2, rate=0.001)
    program = await old_program(house, alice, known=False)
    for _ in range(30):
        await program.sends({"uuid": "1", "action": "authenticate", "token": "wrong"})
    assert await program.is_closed() == 4429


@pytest.mark.parametrize(("data", "code"), [("x" * 65537, 1009), (b"x" * 70_000, 1009)])
async def test_a_frame_too_large_ends_the_socket(
    house: House, alice: Person, data: str | bytes, code: int
) -> None:
    program = await old_program(house, alice)
    await program.sends(data)
    assert await program.is_closed() == code


async def test_what_is_said_while_a_page_is_read_comes_after_it(
    house: House, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bob.enters()
    await bob.says("before")
    program, read = await old_program(house, alice), house.node.history.words

    async def reads_while_words_come(*args: Any) -> Any:
        await bob.says("early")
        page = await read(*args)
        await bob.says("late")
        return page

    monkeypatch.setattr(house.node.history, "words", reads_while_words_come)
    await program.sends({"uuid": "1", "action": "select_room", "room": "lobby"})
    assert texts(await program.reads()) == ["before"]
    assert [(await program.reads())["message"]["text"] for _ in range(2)] == ["early", "late"]


async def test_bad_utf_8_ends_the_socket(house: House, alice: Person) -> None:
    program = await old_program(house, alice)
    await program.socket.send_frame(b'{"uuid":"1","action":"\xff"}', WSMsgType.TEXT)
    assert await program.is_closed() == 1007


async def test_a_page_and_what_follows_it_have_no_gap_and_nothing_twice(
    house: House, alice: Person, bob: Person
) -> None:
    """Rooms are selected while words pour in: each is on the page or comes after it, once, in order."""
    await bob.enters()
    program = await old_program(house, alice)

    async def pours() -> None:
        for number in range(120):
            await bob.tab.sends({"type": "say", "nonce": f"{number}", "text": f"{number}"})
            if number % 10 == 0:
                await asyncio.sleep(0)

    pouring = asyncio.create_task(pours())
    for _ in range(12):
        program.unheard.clear()
        page = await program.asks_for("select_room", room="lobby")
        shown = [message["id"] for message in page["room_messages"]]
        await program.settles()
        after = [frame["message"]["id"] for frame in program.unheard if frame.action == "new_message"]
        seen = [one for one in after if not shown or one > shown[-1]]
        assert [*shown, *seen] == sorted({*shown, *seen})
        if shown and seen:
            assert seen[0] == shown[-1] + 1
    await pouring
