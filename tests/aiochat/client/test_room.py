"""A room by the library: heard in order, over any number of broken lines, and left in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from aiochat.client import Ended, Refused, Room
from aiochat.client.events import (
    Edited,
    Ignored,
    Joined,
    Left,
    Message,
    Missed,
    Muted,
    Notice,
    Offline,
    Online,
    Recorded,
    Removed,
    RoleChanged,
    StatusChanged,
    Typing,
    Unknown,
    Unmuted,
    event_of,
)
from aiochat.client.events import Person as Known
from chaos.wire import DOWN, UP, Wire
from chat.connection import CloseCode
from tests.client import entered, hears, is_back, site_of
from tests.people import House, Person


async def words(room: Room, last: str) -> list[str | None]:
    """What is said in a room up to these words."""
    heard: list[str | None] = []
    while not heard or heard[-1] != last:
        heard.append((await hears(room, Message)).text)
    return heard


async def test_words_are_heard_and_said(house: House, alice: Person, bob: Person) -> None:
    await bob.enters()
    async with entered(house, alice) as room:
        ack = await room.say("hi")
        said = await hears(room, Message)
        assert (said.seq, said.text, said.by.name, said.at) == (ack.seq, "hi", "alice", ack.at)
        assert (await bob.hears("message")).text == "hi"
        await bob.says("ho", reply_to=ack.seq)
        answer = await hears(room, Message)
        assert (answer.text, answer.reply_to, answer.by.id) == ("ho", ack.seq, bob.id)


async def test_words_are_put_otherwise_and_taken_back(house: House, alice: Person) -> None:
    async with entered(house, alice) as room:
        ack = await room.say("hi")
        await room.edit(ack.seq, "ho")
        assert (await hears(room, Edited)).text == "ho"
        await room.remove(ack.seq)
        assert (await hears(room, Removed)).target == ack.seq


async def test_a_command_gives_its_answer_to_who_ran_it(house: House, alice: Person) -> None:
    async with entered(house, alice) as room:
        assert "alice" in (await room.say("/who")).text
        assert (await room.say("words")).text == ""
        with pytest.raises(Refused) as refused:
            await room.say("/kcik bob")
        assert (refused.value.code, refused.value.temporary) == ("unknown_command", False)


async def test_what_came_while_the_line_was_down_is_heard_once_and_in_order(
    house: House, alice: Person, bob: Person, wire: Wire
) -> None:
    await bob.enters()
    async with entered(house, alice, wire) as room:
        await bob.says("0")
        for number in range(1, 13):
            if number % 3 == 0:
                wire.cut()
            await bob.says(str(number))
        assert await words(room, "12") == [str(number) for number in range(13)]


async def test_words_said_while_the_line_is_down_are_said_once_it_is_back(
    house: House, alice: Person, wire: Wire
) -> None:
    async with entered(house, alice, wire) as room:
        for direction in (UP, DOWN):
            for left in (1, 5, 20):
                wire.cut_after(direction, left)
                ack = await room.say(f"{direction} {left}")
                assert ack.seq
                await is_back(room)
    said = [text for _, kind, text in await house.log() if kind == "message"]
    assert said == [f"{direction} {left}" for direction in (UP, DOWN) for left in (1, 5, 20)]


async def test_what_is_said_together_is_said_in_order(house: House, alice: Person, wire: Wire) -> None:
    async with entered(house, alice, wire) as room, asyncio.TaskGroup() as group:
        for number in range(15):
            group.create_task(room.say(str(number)))
        await hears(room, Message)
        wire.cut()
        await words(room, "14")
    assert [text for _, kind, text in await house.log() if kind == "message"] == [str(n) for n in range(15)]


async def test_flood_control_delays_words_and_loses_none(house: House, alice: Person) -> None:
    async with entered(house, alice) as room:
        for number in range(22):
            await room.say(str(number))
    assert len([text for _, kind, text in await house.log() if kind == "message"]) == 22


async def test_a_nonce_says_it_once_from_any_client(house: House, alice: Person) -> None:
    async with entered(house, alice) as room:
        first = await room.say("hi", nonce="build-42")
    async with entered(house, alice) as room:
        again = await room.say("hi", nonce="build-42")
    assert (again.seq, again.at, again.duplicate) == (first.seq, first.at, True)


async def test_a_program_that_was_stopped_hears_what_it_missed(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    async with entered(house, alice) as room:
        await bob.says("before")
        await hears(room, Message, text="before")
        seen, epoch = room.seen, room.epoch
    await bob.says("meanwhile")
    async with entered(house, alice, after=seen, epoch=epoch) as room:
        await bob.says("after")
        assert await words(room, "after") == ["meanwhile", "after"]


async def test_too_far_behind_is_said_and_what_follows_is_heard(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    await bob.says("long ago")
    async with entered(house, alice, after=3, epoch="of-another-life") as room:
        missed = await hears(room, Missed)
        assert missed.after == 0
        async with site_of(house, alice) as site:
            page = await site.messages("lobby")
        assert "long ago" in [entry.text for entry in page.entries if isinstance(entry, Message)]
        ack = await bob.says("now")
        assert (await hears(room, Message)).seq == ack.seq


async def test_who_does_not_listen_is_told_what_they_missed(house: House, alice: Person, bob: Person) -> None:
    await bob.enters()
    async with entered(house, alice, backlog=4) as room:
        taken = room.seen
        for number in range(9):
            await bob.says(str(number))
        await room.say("last")
        missed = await hears(room, Missed)
        assert missed.after >= taken
        rest = [event.seq for event in room._events if isinstance(event, Recorded)]
        assert rest == list(range(missed.head + 1, missed.head + 1 + len(rest)))


async def test_people_are_known_as_they_come_and_go(house: House, alice: Person, bob: Person) -> None:
    async with entered(house, alice) as room:
        await hears(room, Joined)
        assert [person.name for person in room.people] == ["alice"]
        await bob.enters()
        await hears(room, Joined)
        assert [person.name for person in room.people] == ["alice", "bob"]
        assert bob.id in room.people
        await bob.leaves()
        assert (await hears(room, Left)).lost is False
        assert [person.name for person in room.people] == ["alice"]


async def test_who_is_writing_is_told(house: House, alice: Person, bob: Person) -> None:
    async with entered(house, alice) as here, entered(house, bob) as there:
        await there.is_typing()
        assert (await hears(here, Typing)).user.name == "bob"


async def test_one_learns_when_the_line_breaks_and_when_it_is_back(
    house: House, alice: Person, wire: Wire
) -> None:
    async with entered(house, alice, wire) as room:
        assert await hears(room, Online) == Online(again=False)
        wire.cut()
        assert (await hears(room, Offline)).code == 1006
        assert await hears(room, Online) == Online(again=True)
        assert room.online


async def test_a_restart_of_the_server_is_only_a_pause(house: House, alice: Person, bob: Person) -> None:
    async with entered(house, alice) as room:
        for connection in house.node.hub.audience.all():
            connection.close(CloseCode.RESTART, "The server restarts.")
        await is_back(room)
        await bob.enters()
        await bob.says("still here?")
        await hears(room, Message, text="still here?")


async def test_who_is_shown_out_does_not_come_back(house: House, alice: Person, mona: Person) -> None:
    await mona.enters()
    async with entered(house, alice) as room:
        await mona.says("/kill alice too loud")
        with pytest.raises(Ended) as ended:
            await hears(room, Unknown)
        assert ended.value.code == 4502
        with pytest.raises(Ended):
            await room.say("but")
        assert room._running is not None
        assert room._running.done()


async def test_words_that_wait_when_the_account_ends_are_refused(
    house: House, alice: Person, wire: Wire
) -> None:
    async with entered(house, alice, wire) as room:
        wire.cut_after(UP, 1)
        waiting = asyncio.create_task(room.say("too late"))
        await hears(room, Offline)
        # It may not be back before the account has ended.
        await wire.close()
        await house.node.manager.execute("UPDATE api_tokens SET revoked_at = now()")
        await wire.open()
        room.site.url = f"http://127.0.0.1:{wire.port}"
        with pytest.raises(Refused) as refused:
            await waiting
        assert refused.value.code == "bad_token"


async def test_the_door_says_why_it_stays_shut(house: House, alice: Person) -> None:
    with pytest.raises(Refused) as refused:
        async with entered(house, alice, slug="nowhere"):
            raise AssertionError("it opened")
    assert (refused.value.code, refused.value.status) == ("no_such_room", 404)
    await house.marks(alice, "banned_until = now() + interval '10 minutes', reason = 'spam'")
    with pytest.raises(Refused) as refused:
        async with entered(house, alice):
            raise AssertionError("it opened")
    assert refused.value.code == "banned"
    assert "spam" in refused.value.message


async def test_a_site_that_is_away_is_waited_for(house: House, alice: Person, wire: Wire) -> None:
    await wire.close()
    async with site_of(house, alice, wire) as site:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), site.room("lobby"):
                raise AssertionError("there is nobody")
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("aiochat: ")]


async def test_leaving_ends_the_hearing_and_the_waiting(house: House, alice: Person, wire: Wire) -> None:
    async with entered(house, alice, wire) as room:
        await hears(room, Joined)
        wire.cut_after(UP, 1)
        waiting = asyncio.create_task(room.say("unsaid"))
        await hears(room, Offline)
        hearing = asyncio.create_task(hears(room, Unknown))
        await wire.close()
    with pytest.raises(Ended):
        await waiting
    with pytest.raises(AssertionError, match="the room ended"):
        await hearing
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("aiochat: ")]


async def test_leaving_is_a_leave_and_no_lost_line(house: House, alice: Person, bob: Person) -> None:
    await bob.enters()
    async with entered(house, alice):
        await bob.hears("joined", user="alice")
    assert (await bob.hears("left", user="alice")).lost is None


async def test_a_notice_nobody_waits_for_is_an_event(house: House, alice: Person) -> None:
    async with entered(house, alice) as room:
        await room._line.write({"type": "say", "nonce": "n-1", "text": "/who"})
        assert (await hears(room, Notice)).nonce == "n-1"


async def test_a_kick_while_away_is_told_at_the_door(
    house: House, alice: Person, mona: Person, wire: Wire
) -> None:
    await mona.enters()
    async with entered(house, alice, wire) as room:
        await hears(room, Joined)
        await wire.close()
        await hears(room, Offline)
        await mona.says("/kill alice enough")
        await wire.open()
        # The door has moved: this one leads there again.
        room.site.url = f"http://127.0.0.1:{wire.port}"
        with pytest.raises(Refused) as refused:
            await hears(room, Unknown)
        assert refused.value.code == "removed"


def test_what_is_new_to_the_library_disturbs_nobody() -> None:
    news = event_of({"type": "applauded", "seq": 7, "by": {"id": 1, "name": "ann"}})
    assert isinstance(news, Unknown)
    assert (news.type, news.seq) == ("applauded", 7)
    odd = event_of({"type": "message", "seq": 8, "text": 5})
    assert isinstance(odd, Unknown)
    more = {"type": "typing", "user": {"id": 1, "name": "ann", "hat": "red"}, "loud": True}
    assert isinstance(event_of(more), Typing)


def test_a_number_without_its_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        Room(None, "lobby", after=5)  # type: ignore[arg-type]


async def test_what_people_say_of_themselves_is_known_with_them(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    await bob.says("/status 🌴 By the sea")
    async with entered(house, alice) as room:
        await hears(room, Joined)
        (known,) = [person for person in room.people if person.id == bob.id]
        assert (known.status.emoji, known.status.text) == ("🌴", "By the sea")
        await bob.says("/dnd for 1h")
        told = await hears(room, StatusChanged)
        assert (told.user.name, told.status.presence, told.status.text) == ("bob", "dnd", "By the sea")
        assert told.status.until is not None
        (known,) = [person for person in room.people if person.id == bob.id]
        assert known.status == told.status
        await room.say("/away")
        assert (await hears(room, StatusChanged)).status.presence == "away"


async def test_who_is_muted_or_has_a_voice_is_known_with_them(
    house: House, alice: Person, bob: Person, olga: Person
) -> None:
    await bob.enters()
    await olga.enters()
    await olga.says("/mute bob 10m")
    await olga.says("/voice bob")
    async with entered(house, alice) as room:
        await hears(room, Joined)

        def known() -> Known:
            return next(person for person in room.people if person.id == bob.id)

        until = known().muted_until
        assert until is not None
        assert timedelta(minutes=9) < until - datetime.now(UTC) <= timedelta(minutes=10)
        assert (known().voiced, known().role) == (True, "member")
        await olga.says("/unmute bob")
        await hears(room, Unmuted)
        assert known().muted_until is None
        await olga.says("/mute bob 1h")
        muted = await hears(room, Muted)
        await bob.says("/away")
        await hears(room, StatusChanged)
        await olga.says("/op bob")
        await hears(room, RoleChanged)
        assert known().muted_until == muted.until
        assert (known().voiced, known().role, known().status.presence) == (True, "moderator", "away")
        await olga.says("/devoice bob")
        await hears(room, RoleChanged)
        assert (known().voiced, known().muted_until) == (False, muted.until)
        assert room.you.muted_until is None
        assert [person.voiced for person in room.people] == [False] * 3


async def test_whom_one_ignores_is_known_and_heard_all_the_same(
    house: House, alice: Person, bob: Person
) -> None:
    await bob.enters()
    async with entered(house, alice) as room:
        assert room.ignored == frozenset()
        await room.say("/ignore bob")
        assert (await hears(room, Ignored)).ids == [bob.id]
        assert room.ignored == {bob.id}
        await bob.says("hi")
        assert (await hears(room, Message)).text == "hi"
    async with entered(house, alice) as room:
        assert room.ignored == {bob.id}
