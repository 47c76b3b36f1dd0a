"""What is kept, in which order, once, and only then told."""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
import psycopg
import pytest
from redis.asyncio import Redis

from accounts.errors import Suspended
from aiochat.settings import Settings
from chat.errors import Busy, NonceConflict, NoSuchRoom, Unavailable, Unreadable
from chat.events import Batch, MessagePosted, Person, TopicChanged
from chat.forbidden import Archived, Banned, Locked, Muted, NotAMember, NotVoiced, Removed
from chat.journal import Journal
from chat.log import Answer, Repeated, Request, digest
from chat.post import Post
from helpers.database import Manager
from helpers.errors import AppError
from helpers.line import Line, Row
from tests.chat.backstage import Backstage, until, until_kept, words

SOON = datetime.now(UTC) + timedelta(hours=1)
LONG_GONE = datetime.now(UTC) - timedelta(hours=1)


class Told:
    """What a journal told, in order."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)

    @property
    def events(self) -> list[Any]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, MessagePosted)]


class Process:
    """A journal of its own, on a pool of its own."""

    def __init__(self, manager: Manager, **how: Any) -> None:
        self.told = Told()
        self.journal = Journal(manager, self.told, pause=0.01, **how)
        self.manager = manager

    async def says(self, *posts: Post) -> list[Answer | AppError]:
        """Say all of it at once; what came of each."""
        answers = await asyncio.gather(*map(self.journal.append, posts), return_exceptions=True)
        for answer in answers:
            assert isinstance(answer, Answer | AppError), repr(answer)
        return answers  # type: ignore[return-value]


@pytest.fixture(params=["psycopg", "aiopg"])
def database_url(request: pytest.FixtureRequest, settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.replace("postgresql", "postgresql+aiopg", int(request.param == "aiopg"))


@pytest.fixture
async def manager(database_url: str) -> AsyncIterator[Manager]:
    async with Manager(database_url, min_size=1, max_size=6) as opened:
        yield opened


@pytest.fixture
async def process(manager: Manager) -> AsyncIterator[Process]:
    process = Process(manager)
    await process.journal.open()
    yield process
    await process.journal.close()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Process]:
    async with Manager(database_url, min_size=1, max_size=6) as manager:
        process = Process(manager)
        await process.journal.open()
        yield process
        await process.journal.close()


@pytest.fixture
async def backstage(manager: Manager, redis: Redis) -> AsyncIterator[Backstage]:
    async with AsyncExitStack() as stack:
        yield Backstage(manager, redis, stack)


@asynccontextmanager
async def locked(settings: Settings, *rooms: int) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Somebody holds these rooms, until the block ends."""
    assert settings.database_url is not None
    async with await psycopg.AsyncConnection.connect(settings.database_url) as holder:
        await holder.execute("SELECT FROM rooms WHERE id = ANY (%s) ORDER BY id FOR UPDATE", [list(rooms)])
        yield holder


# -- kept, then told ------------------------------------------------------------------------------------------------


async def test_nothing_is_told_that_is_not_committed_with_all_it_does(
    settings: Settings, manager: Manager, backstage: Backstage, ann: Person, lobby: int
) -> None:
    assert settings.database_url is not None
    found: list[Any] = []
    with psycopg.connect(settings.database_url, autocommit=True) as elsewhere:

        def look(batch: Batch) -> None:
            query = "SELECT m.kind, r.topic FROM messages m JOIN rooms r ON r.id = m.room_id WHERE m.seq = %s"
            for event in batch.events:
                assert not isinstance(event, str)
                found.append(elsewhere.execute(query, [getattr(event, "seq", 0)]).fetchone())

        journal = Journal(manager, look)
        await journal.open()
        await journal.append(words(lobby, ann, "hello"))
        async with journal.transaction(lobby) as log:
            await log.record(TopicChanged(by=ann, topic="Tea"))
            assert found == [("message", "")]
        await journal.close()
    assert found == [("message", ""), ("topic", "Tea")]


async def test_what_fails_takes_no_number_and_is_not_told(
    process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    async def stumble() -> None:
        async with process.journal.transaction(lobby) as log:
            await log.record(TopicChanged(by=ann, topic="Tea"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()
    assert await process.says(words(lobby, ann, "first")) == [Answer(seq=1, at=process.told.events[0].at)]
    assert await backstage.log(lobby) == [(1, "message")]
    assert [event.kind for event in process.told.events] == ["message"]


async def test_a_batch_that_cannot_be_told_is_kept_and_acknowledged(
    manager: Manager, backstage: Backstage, ann: Person, lobby: int, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(batch: Batch) -> None:
        raise ZeroDivisionError

    journal = Journal(manager, stumble)
    await journal.open()
    assert (await journal.append(words(lobby, ann, "one"))).seq == 1
    assert (await journal.append(words(lobby, ann, "two"))).seq == 2
    await journal.close()
    assert "could not be told" in caplog.text
    assert await backstage.texts(lobby) == ["one", "two"]


# -- numbers --------------------------------------------------------------------------------------------------------


async def test_whoever_sees_a_number_can_read_everything_before_it(
    process: Process, other: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    async def talk(speaker: Process, person: Person) -> None:
        for count in range(40):
            await speaker.journal.append(words(lobby, person, f"{person.name} {count}"))

    async def act() -> None:
        for count in range(20):
            async with other.journal.transaction(lobby) as log:
                await log.record(TopicChanged(by=ben, topic=str(count)))

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(talk(process, ann)),
            group.create_task(talk(other, ben)),
            group.create_task(act()),
        ]
        looks = 0
        while not all(task.done() for task in tasks):
            last, count = (
                await backstage.manager.rows(
                    "SELECT coalesce(max(seq), 0), count(*) FROM messages WHERE room_id = %s", lobby
                )
            )[0]
            assert last == count
            looks += 1
    assert looks > 5
    assert [seq for seq, _ in await backstage.log(lobby)] == list(range(1, 101))
    assert sorted(event.seq for event in process.told.events + other.told.events) == list(range(1, 101))
    ordinals = await backstage.manager.rows(
        "SELECT ordinal FROM messages WHERE room_id = %s AND kind = 'message' ORDER BY seq", lobby
    )
    assert [ordinal for (ordinal,) in ordinals] == list(range(1, 81))


async def test_what_comes_while_a_commit_is_under_way_goes_into_the_next_together(
    process: Process, ann: Person, lobby: int
) -> None:
    await process.says(*(words(lobby, ann, str(count)) for count in range(700)))
    assert process.told.texts == [str(count) for count in range(700)]
    assert len(process.told.batches) <= 3
    assert process.told.batches[-1].ordinal == 700


async def test_an_entry_is_told_as_it_was_said(
    process: Process, ann: Person, ben: Person, lobby: int
) -> None:
    post = words(lobby, ann, "look, ben", "n1", mentions=[ben.id])
    post.style, post.reply_to = "action", 7
    answer = await process.journal.append(post)
    (event,) = process.told.events
    assert (event.seq, event.at, event.by, event.nonce) == (answer.seq, answer.at, ann, "n1")
    assert (event.text, event.style, event.reply_to, bytes(event.parts)) == (
        "look, ben",
        "action",
        7,
        post.parts,
    )
    assert await process.manager.rows("SELECT user_id, seq FROM mentions") == [(ben.id, 1)]


# -- the same again -------------------------------------------------------------------------------------------------


async def test_the_same_nonce_at_once_on_two_processes_is_one_message(
    process: Process, other: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    for count in range(15):
        first, second = await asyncio.gather(
            process.journal.append(words(lobby, ann, f"hello {count}")),
            other.journal.append(words(lobby, ann, f"hello {count}")),
        )
        assert first.seq == second.seq == count + 1
        assert first.at == second.at
        assert first.duplicate != second.duplicate
    assert await backstage.texts(lobby) == [f"hello {count}" for count in range(15)]
    assert sorted(event.seq for event in process.told.events + other.told.events) == list(range(1, 16))


async def test_the_same_nonce_twice_in_one_batch_is_one_message(
    process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    answers = await process.says(
        *(words(lobby, ann, text) for text in ("before", "hello", "hello", "between", "hello", "after"))
    )
    assert [answer.duplicate for answer in answers if isinstance(answer, Answer)] == [False] * 2 + [
        *(True, False, True, False)
    ]
    assert process.told.texts == await backstage.texts(lobby) == ["before", "hello", "between", "after"]
    again = await process.journal.append(words(lobby, ann, "hello"))
    assert again == answers[2]


class Noting:
    """A line that remembers what it was asked."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.asked: list[str] = []

    async def ask(self, name: str, *params: str | None) -> list[Row]:
        self.asked.append(name)
        return await self.line.ask(name, *params)

    async def close(self) -> None:
        await self.line.close()


async def test_a_repeat_breaks_no_commit_of_others(
    process: Process, ann: Person, ben: Person, lobby: int
) -> None:
    """It would be refused as a number taken twice, too; then all that came with it would go one by one."""
    await process.says(words(lobby, ann, "one"))
    process.journal.line = noting = Noting(process.journal.line)
    answers = await process.says(
        words(lobby, ann, "one"),
        words(lobby, ben, "two"),
        words(lobby, ann, "three"),
        words(lobby, ben, "two"),
    )
    assert [answer.duplicate for answer in answers if isinstance(answer, Answer)] == [
        True,
        False,
        False,
        True,
    ]
    assert noting.asked == ["append", "append_one"]


async def test_a_nonce_is_ones_own_and_the_rooms_own(
    process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ann, slug="garden")
    answers = await process.says(
        words(lobby, ann, "hello", "n"), words(lobby, ben, "hello", "n"), words(garden, ann, "hello", "n")
    )
    assert [(answer.seq, answer.duplicate) for answer in answers if isinstance(answer, Answer)] == [
        *((1, False), (2, False), (1, False))
    ]


async def test_a_nonce_is_remembered_after_a_restart_and_a_week(
    manager: Manager, backstage: Backstage, ann: Person, lobby: int
) -> None:
    first = Process(manager)
    await first.journal.open()
    await first.says(words(lobby, ann, "hello", "n1"))
    act = Request("n2", digest("topic", "Tea"))
    async with first.journal.transaction(lobby, ann.id, act):
        pass
    await first.journal.close()
    await manager.execute("UPDATE messages SET at = at - interval '8 days'")
    await manager.execute("UPDATE receipts SET at = at - interval '8 days'")
    second = Process(manager)
    await second.journal.open()
    (answer,) = await second.says(words(lobby, ann, "hello", "n1"))
    (other,) = await second.says(words(lobby, ann, "hello again", "n1"))
    with pytest.raises(Repeated):
        async with second.journal.transaction(lobby, ann.id, act):
            raise AssertionError
    await second.journal.close()
    assert isinstance(answer, Answer)
    assert (answer.seq, answer.duplicate) == (1, True)
    assert isinstance(other, NonceConflict)
    assert await backstage.texts(lobby) == ["hello"]


async def test_a_nonce_with_other_words_is_refused(process: Process, ann: Person, lobby: int) -> None:
    answers = await process.says(words(lobby, ann, "one", "n"), words(lobby, ann, "two", "n"))
    assert isinstance(answers[0], Answer)
    assert isinstance(answers[1], NonceConflict)
    assert isinstance((await process.says(words(lobby, ann, "three", "n")))[0], NonceConflict)
    assert process.told.texts == ["one"]


async def test_a_removed_message_is_not_said_again(process: Process, ann: Person, lobby: int) -> None:
    first = await process.journal.append(words(lobby, ann, "oops"))
    await process.manager.execute("UPDATE messages SET gone_seq = 2, text = NULL WHERE room_id = %s", lobby)
    again = await process.journal.append(words(lobby, ann, "oops"))
    assert again == Answer(seq=first.seq, at=first.at, duplicate=True)


# -- one fails alone ------------------------------------------------------------------------------------------------


def unkept(kind: str, room_id: int, author: Person) -> Post:
    """Words that PostgreSQL or its driver will not take."""
    bad = words(room_id, author, "bad")
    match kind:
        case "nul":
            bad.text = "half a\0word"
        case "surrogate":
            bad.text = "\ud800"
        case "parts":
            bad.parts = b"{"
        case "huge":
            rng = random.Random(7)
            bad.nonce = "".join(rng.choices(string.ascii_letters, k=20_000))
        case "no author":
            bad.author = Person(999_999, "nobody")
    return bad


@pytest.mark.parametrize("kind", ["nul", "surrogate", "parts", "huge"])
async def test_a_bad_entry_fails_alone(
    process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int, kind: str
) -> None:
    answers = await process.says(
        words(lobby, ann, "before"),
        unkept(kind, lobby, ann),
        words(lobby, ben, "after"),
        words(lobby, ann, "last"),
    )
    assert isinstance(answers.pop(1), Unreadable)
    assert [answer.seq for answer in answers if isinstance(answer, Answer)] == [1, 2, 3]
    assert process.told.texts == await backstage.texts(lobby) == ["before", "after", "last"]


@pytest.mark.parametrize("kind", ["nul", "surrogate", "parts", "huge"])
async def test_a_bad_entry_alone_fails_too(
    process: Process, backstage: Backstage, ann: Person, lobby: int, kind: str
) -> None:
    assert isinstance((await process.says(unkept(kind, lobby, ann)))[0], Unreadable)
    assert (await process.journal.append(words(lobby, ann, "after"))).seq == 1


async def test_order_is_kept_in_a_locked_room_though_a_bad_entry_breaks_the_batch(
    settings: Settings, process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ben, slug="garden")
    async with locked(settings, lobby):
        speaking = asyncio.gather(
            *(process.journal.append(words(lobby, ann, text)) for text in ("one", "two")),
            process.says(unkept("nul", garden, ben)),
            *(process.journal.append(words(lobby, ann, text)) for text in ("three", "four")),
        )
        await process.journal.append(words(garden, ben, "meanwhile"))
    await speaking
    assert await backstage.texts(lobby) == ["one", "two", "three", "four"]


class Releasing:
    """A line that answers for a locked room, and sees that it is free as soon as somebody found it locked."""

    def __init__(self, line: Line, holder: psycopg.AsyncConnection[Any]) -> None:
        self.line = line
        self.holder: psycopg.AsyncConnection[Any] | None = holder

    async def ask(self, name: str, *params: str | None) -> list[Row]:
        rows = await self.line.ask(name, *params)
        if self.holder is not None and any(row[0] == "locked" for row in rows):
            await self.holder.rollback()
            self.holder = None
        return rows

    async def close(self) -> None:
        await self.line.close()


async def test_order_is_kept_though_the_room_is_free_again_while_they_are_tried_one_by_one(
    settings: Settings, database_url: str, backstage: Backstage, ann: Person, lobby: int
) -> None:
    async with Manager(database_url, min_size=1, max_size=3) as manager, locked(settings, lobby) as holder:
        process = Process(manager)
        process.journal.line = Releasing(process.journal.line, holder)
        await process.journal.open()
        said = [*(words(lobby, ann, text) for text in ("one", "two", "three")), unkept("nul", lobby, ann)]
        answers = await process.says(*said, words(lobby, ann, "four"))
        assert [answer.seq for answer in answers if isinstance(answer, Answer)] == [1, 2, 3, 4]
        await process.journal.close()
    assert await backstage.texts(lobby) == ["one", "two", "three", "four"]


async def test_a_room_locked_for_a_moment_is_tried_once_more_with_the_others(
    settings: Settings, process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    async with locked(settings, lobby) as holder:
        process.journal.line = Releasing(process.journal.line, holder)
        process.journal.patient_line = Broken(RuntimeError("nobody needs to wait"))
        answers = await process.says(*(words(lobby, ann, text) for text in ("one", "two", "three")))
    assert [answer.seq for answer in answers if isinstance(answer, Answer)] == [1, 2, 3]
    assert await backstage.texts(lobby) == ["one", "two", "three"]


async def test_a_full_queue_says_busy(
    manager: Manager, backstage: Backstage, ann: Person, lobby: int
) -> None:
    process = Process(manager, most_queued=3)
    await process.journal.open()
    answers = await process.says(*(words(lobby, ann, str(count)) for count in range(5)))
    assert [type(answer) for answer in answers] == [Answer] * 3 + [Busy] * 2
    assert (await process.says(words(lobby, ann, "3")))[0] != Busy
    await process.journal.close()
    assert await backstage.texts(lobby) == ["0", "1", "2", "3"]


async def test_a_locked_room_does_not_fill_without_end(
    settings: Settings, manager: Manager, backstage: Backstage, ann: Person, lobby: int
) -> None:
    process = Process(manager, most_queued=3)
    await process.journal.open()
    async with locked(settings, lobby):
        first = asyncio.create_task(process.says(words(lobby, ann, "first")))
        await until_kept(lambda: waits_for_lock(backstage), "nobody waits for the room")
        answers = asyncio.create_task(process.says(*(words(lobby, ann, str(count)) for count in range(3))))
        await until(lambda: process.journal._queued() == 3)
        assert isinstance((await process.says(words(lobby, ann, "too much")))[0], Busy)
    assert [type(answer) for answer in [*await first, *await answers]] == [Answer] * 4
    await process.journal.close()


async def waits_for_lock(backstage: Backstage) -> int | None:
    """The process of the database that waits for a room, if one does."""
    pid: int | None = await backstage.manager.value(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%journal_append%%' "
        "AND datname = current_database()"
    )
    return pid


async def test_nobody_waits_without_end_and_the_same_nonce_tells_later(
    settings: Settings, manager: Manager, backstage: Backstage, ann: Person, lobby: int
) -> None:
    process = Process(manager, answer_within=1)
    await process.journal.open()
    async with locked(settings, lobby):
        assert isinstance((await process.says(words(lobby, ann, "hello", "n1")))[0], Unavailable)
    await until_kept(lambda: backstage.log(lobby))
    process.journal._queue._answer_within = 30
    (again,) = await process.says(words(lobby, ann, "hello", "n1"))
    assert isinstance(again, Answer)
    assert (again.seq, again.duplicate) == (1, True)
    await process.journal.close()
    assert process.told.texts == await backstage.texts(lobby) == ["hello"]


async def test_an_author_who_stops_waiting_has_said_it(
    process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    speaking = asyncio.create_task(process.journal.append(words(lobby, ann, "hello")))
    await asyncio.sleep(0)
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    await process.journal.append(words(lobby, ann, "after"))
    assert process.told.texts == await backstage.texts(lobby) == ["hello", "after"]


# -- locks ----------------------------------------------------------------------------------------------------------


async def test_a_slow_act_in_one_room_stops_no_other_and_keeps_its_order(
    settings: Settings, process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ann, ben, slug="garden")
    async with locked(settings, lobby):
        held = [
            asyncio.create_task(process.journal.append(words(lobby, ann, f"held {count}")))
            for count in range(3)
        ]
        for count in range(5):
            await process.journal.append(words(garden, ben, f"free {count}"))
            held.append(asyncio.create_task(process.journal.append(words(lobby, ann, f"later {count}"))))
        assert not any(task.done() for task in held)
    answers = await asyncio.gather(*held)
    said = [*(f"held {count}" for count in range(3)), *(f"later {count}" for count in range(5))]
    assert await backstage.texts(lobby) == said
    assert [answer.seq for answer in answers] == list(range(1, 9))
    assert [batch.room_id for batch in process.told.batches[:5]] == [garden] * 5
    # And once it is free it is a room like any other.
    assert (await process.journal.append(words(lobby, ann, "again"))).seq == 9


async def test_acts_that_wait_for_one_room_leave_the_lines_to_the_others(
    settings: Settings, database_url: str, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ben, slug="garden")

    async def act(journal: Journal) -> None:
        async with journal.transaction(lobby) as log:
            await log.record(TopicChanged(by=ann, topic="Tea"))

    async with Manager(database_url, min_size=1, max_size=3) as manager:
        process = Process(manager)
        await process.journal.open()
        async with locked(settings, lobby):
            acts = [asyncio.create_task(act(process.journal)) for _ in range(20)]
            talk = asyncio.create_task(process.journal.append(words(lobby, ann, "hello")))
            for count in range(3):
                await process.journal.append(words(garden, ben, str(count)))
            assert not any(task.done() for task in [*acts, talk])
        await asyncio.gather(*acts, talk)
        await process.journal.close()
    assert len(await backstage.log(lobby)) == 21


async def test_acts_in_two_rooms_do_not_stop_each_other_for_good(
    process: Process, other: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ann, ben, slug="garden")

    async def act(speaker: Process, *rooms: int) -> None:
        for count in range(10):
            async with speaker.journal.transactions(list(rooms), ann.id) as logs:
                for room_id in rooms:
                    await logs[room_id].record(TopicChanged(by=ann, topic=str(count)))

    async def talk(speaker: Process, person: Person) -> None:
        for count in range(10):
            await speaker.says(*(words(room, person, f"{person.name} {count}") for room in (lobby, garden)))

    async with asyncio.timeout(20):
        await asyncio.gather(
            *(act(process, lobby, garden), act(other, garden, lobby)), *(talk(process, ann), talk(other, ben))
        )
    for room in (lobby, garden):
        assert [seq for seq, _ in await backstage.log(room)] == list(range(1, 41))


async def test_the_journal_is_not_asked_inside_a_transaction(
    process: Process, ann: Person, lobby: int
) -> None:
    async with process.journal.transaction(lobby):
        with pytest.raises(RuntimeError):
            await process.journal.append(words(lobby, ann, "for ever"))
        with pytest.raises(RuntimeError):
            async with process.journal.transaction(lobby):
                pass
    assert (await process.journal.append(words(lobby, ann, "after"))).seq == 1


# -- broken lines ---------------------------------------------------------------------------------------------------


async def test_a_line_that_breaks_before_the_commit_keeps_it_once_and_tells_it_once(
    settings: Settings, process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    async with locked(settings, lobby):
        speaking = asyncio.create_task(process.says(words(lobby, ann, "one"), words(lobby, ben, "two")))
        await until_kept(lambda: waits_for_lock(backstage), "nobody waits for the room")
        pid = await waits_for_lock(backstage)
        await backstage.manager.value("SELECT pg_terminate_backend(%s)", pid)

        async def waits_anew() -> bool:
            return await waits_for_lock(backstage) not in (None, pid)

        await until_kept(waits_anew, "it was not tried again")
    answers = await speaking
    assert [(answer.seq, answer.duplicate) for answer in answers if isinstance(answer, Answer)] == [
        *((1, False), (2, False))
    ]
    assert process.told.texts == await backstage.texts(lobby) == ["one", "two"]


class Cut:
    """A line that breaks after the commit, before the answer comes; so many times, and not before it may."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.cuts = 0
        self.may_break = asyncio.Event()
        self.may_break.set()

    async def ask(self, name: str, *params: str | None) -> list[Row]:
        rows = await self.line.ask(name, *params)
        if self.cuts:
            self.cuts -= 1
            await self.may_break.wait()
            raise peewee.OperationalError("the connection is lost")
        return rows

    async def close(self) -> None:
        await self.line.close()


@pytest.fixture
def cut(process: Process) -> Cut:
    process.journal.line = cut = Cut(process.journal.line)
    return cut


@pytest.mark.parametrize("cuts", [1, 3])
async def test_a_line_that_breaks_after_the_commit_keeps_it_once_and_tells_it_once(
    process: Process, cut: Cut, backstage: Backstage, ann: Person, ben: Person, lobby: int, cuts: int
) -> None:
    cut.cuts = cuts
    answers = await process.says(words(lobby, ann, "one"), words(lobby, ben, "two"))
    assert [(answer.seq, answer.duplicate) for answer in answers if isinstance(answer, Answer)] == [
        *((1, False), (2, False))
    ]
    assert process.told.texts == await backstage.texts(lobby) == ["one", "two"]
    assert process.told.batches[0].ordinal == 2


async def test_a_commit_in_doubt_whose_room_is_locked_meanwhile_is_told_once_too(
    settings: Settings, process: Process, cut: Cut, backstage: Backstage, ann: Person, lobby: int
) -> None:
    cut.cuts = 1
    cut.may_break.clear()
    speaking = asyncio.create_task(process.journal.append(words(lobby, ann, "one")))
    await until_kept(lambda: backstage.log(lobby))
    async with locked(settings, lobby):
        cut.may_break.set()
        await until_kept(lambda: waits_for_lock(backstage), "nobody waits for the room")
    assert not (await speaking).duplicate
    assert process.told.texts == ["one"]


async def test_a_server_that_stays_away_is_said_and_the_same_nonce_works_later(
    process: Process, cut: Cut, backstage: Backstage, ann: Person, lobby: int
) -> None:
    cut.cuts = 4
    with pytest.raises(Unavailable):
        await process.journal.append(words(lobby, ann, "hello"))
    assert (await process.journal.append(words(lobby, ann, "hello"))).duplicate
    assert await backstage.texts(lobby) == ["hello"]


async def test_all_lines_may_break_between_two_words(
    process: Process, backstage: Backstage, settings: Settings, ann: Person, lobby: int
) -> None:
    assert settings.database_url is not None
    await asyncio.gather(*(backstage.manager.rows("SELECT pg_sleep(0.1)") for _ in range(6)))
    with psycopg.connect(settings.database_url, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%pg_sleep(0.1)%'"
        )
    assert await process.says(words(lobby, ann, "hello")) == [Answer(seq=1, at=process.told.events[0].at)]
    async with process.journal.transaction(lobby) as log:
        await log.record(TopicChanged(by=ann, topic="Tea"))
    assert await backstage.log(lobby) == [(1, "message"), (2, "topic")]


async def test_an_act_whose_line_breaks_is_not_kept_and_said_so(
    process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    async def act(*, cut: bool) -> None:
        async with process.journal.transaction(lobby) as log:
            await log.record(TopicChanged(by=ann, topic="Tea"))
            if cut:
                await backstage.manager.rows("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await act(cut=True)
    assert await backstage.log(lobby) == []
    await act(cut=False)
    assert [event.seq for event in process.told.events] == [1]


class Broken:
    """A line that says what nobody expects."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    async def ask(self, name: str, *params: str | None) -> list[Row]:
        raise self.fault

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(
    "fault", [peewee.OperationalError("disk full"), ZeroDivisionError("a mistake of ours")]
)
async def test_whatever_fails_the_authors_are_told_and_the_journal_goes_on(
    process: Process, ann: Person, ben: Person, lobby: int, fault: Exception
) -> None:
    class DiskFull(Exception):
        sqlstate = "53100"

    line = process.journal.line
    fault.__context__ = DiskFull()
    process.journal.line = Broken(fault)
    answers = await process.says(words(lobby, ann, "one"), words(lobby, ben, "two"))
    assert [type(answer) for answer in answers] == [Unavailable] * 2
    process.journal.line = line
    assert (await process.journal.append(words(lobby, ann, "one"))).seq == 1


async def test_words_that_waited_while_a_backup_was_put_back_may_be_said_again(
    settings: Settings, process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    """All tables and functions are others then: of that their author is no reason."""
    function = "'journal_append_one'::regproc"
    async with locked(settings, lobby):
        speaking = asyncio.create_task(process.says(words(lobby, ann, "one")))
        await until_kept(lambda: waits_for_lock(backstage), "nobody waits for the room")
        made = await backstage.manager.value(f"SELECT pg_get_functiondef({function})")
        dropped = await backstage.manager.value(f"SELECT {function}::regprocedure::text")
        await backstage.manager.execute(f"DROP FUNCTION {dropped}; {made}".replace("%", "%%"))
    assert [type(answer) for answer in await speaking] == [Unavailable]
    assert (await process.journal.append(words(lobby, ann, "one"))).seq == 1


# -- who may speak --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ({"banned_until": SOON}, Banned),
        ({"out_until": SOON}, Removed),
        ({"muted_until": SOON}, Muted),
        ({"is_member": False}, NotAMember),
        ({"banned_until": LONG_GONE, "out_until": LONG_GONE, "muted_until": LONG_GONE}, None),
    ],
)
async def test_rights_are_decided_where_the_words_are_kept(
    process: Process,
    backstage: Backstage,
    ann: Person,
    ben: Person,
    lobby: int,
    columns: dict[str, Any],
    refusal: type[AppError] | None,
) -> None:
    await backstage.joins(lobby, ann, **columns)
    answer, others = await process.says(words(lobby, ann, "may I?"), words(lobby, ben, "I may"))
    assert type(answer) is (refusal or Answer)
    assert isinstance(others, Answer)
    assert others.seq == (1 if refusal else 2)
    # A lone message takes another road to the same answer.
    (alone,) = await process.says(words(lobby, ann, "may I now?"))
    assert type(alone) is (refusal or Answer)


@pytest.mark.parametrize(
    ("switch", "refusal", "of_moderators"),
    [("archived", Archived, Archived), ("locked", Locked, Answer), ("moderated", NotVoiced, Answer)],
)
async def test_a_room_may_be_closed_to_words(
    process: Process,
    backstage: Backstage,
    ann: Person,
    ben: Person,
    max_: Person,
    lobby: int,
    switch: str,
    refusal: type[AppError],
    of_moderators: type,
) -> None:
    await backstage.manager.execute(
        "UPDATE rooms SET switches = switches || jsonb_build_object(%s::text, true) WHERE id = %s",
        switch,
        lobby,
    )
    await backstage.joins(lobby, ben, voiced=True)
    answers = await process.says(*(words(lobby, person, "hello") for person in (ann, max_, ben)))
    of_the_voiced = Answer if switch == "moderated" else refusal
    assert [type(answer) for answer in answers] == [refusal, of_moderators, of_the_voiced]
    alone = [(await process.says(words(lobby, person, "alone")))[0] for person in (ann, max_, ben)]
    assert [type(answer) for answer in alone] == [refusal, of_moderators, of_the_voiced]


async def test_who_rests_does_not_speak_nor_where_there_is_no_room(
    process: Process, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    await backstage.manager.execute("UPDATE users SET suspended_until = %s WHERE id = %s", SOON, ann.id)
    answers = await process.says(
        words(lobby, ann, "hello"), words(999, ben, "hello"), unkept("no author", lobby, ben)
    )
    assert [type(answer) for answer in answers] == [Suspended, NoSuchRoom, NotAMember]
    for post, refusal in (
        (words(lobby, ann, "hello"), Suspended),
        (words(999, ben, "hello"), NoSuchRoom),
        (unkept("no author", lobby, ben), NotAMember),
    ):
        assert isinstance((await process.says(post))[0], refusal)
    assert await backstage.log(lobby) == []


async def test_guests_speak_where_they_are_welcome(
    process: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    gus = await backstage.person("gus", guest=True)
    cafe = await backstage.room(ann, slug="cafe", guests_welcome=True)
    answers = await process.says(words(lobby, gus, "hello"), words(cafe, gus, "hello"))
    assert [type(answer) for answer in answers] == [NotAMember, Answer]
    assert process.told.events[0].by == gus
    await backstage.manager.execute(
        "UPDATE rooms SET switches = switches || '{\"moderated\": true}' WHERE id = %s", cafe
    )
    assert [type(answer) for answer in await process.says(words(cafe, gus, "psst"))] == [NotVoiced]


# -- acts and their receipts ----------------------------------------------------------------------------------------


async def test_an_act_is_done_once_and_answers_the_same_again(
    process: Process, other: Process, backstage: Backstage, ann: Person, lobby: int
) -> None:
    async def set_topic(speaker: Process) -> Answer:
        try:
            async with speaker.journal.transaction(
                lobby, ann.id, Request("n", digest("topic", "Tea"))
            ) as log:
                await log.record(TopicChanged(by=ann, topic="Tea"))
                log.answer = "The topic is set."
        except Repeated as repeated:
            return repeated.answer
        return log.reply

    first, second = await asyncio.gather(set_topic(process), set_topic(other))
    assert (first.seq, first.at, first.text) == (second.seq, second.at, second.text)
    assert (first.seq, first.text) == (1, "The topic is set.")
    assert first.duplicate != second.duplicate
    assert await backstage.log(lobby) == [(1, "topic")]
    assert len(process.told.events + other.told.events) == 1


async def test_a_nonce_used_for_words_or_for_another_act_is_refused(
    process: Process, ann: Person, lobby: int
) -> None:
    await process.journal.append(words(lobby, ann, "hello", "words"))
    async with process.journal.transaction(lobby, ann.id, Request("act", digest("topic", "Tea"))):
        pass
    for request in (Request("words", digest("say", "hello")), Request("act", digest("topic", "Coffee"))):
        with pytest.raises(NonceConflict):
            async with process.journal.transaction(lobby, ann.id, request):
                raise AssertionError
    for posts in (
        [words(lobby, ann, "hello", "act")],
        [words(lobby, ann, "hello", "words"), words(lobby, ann, "hello", "act")],
    ):
        assert isinstance((await process.says(*posts))[-1], NonceConflict)


async def test_a_refused_act_leaves_no_receipt(process: Process, ann: Person, lobby: int) -> None:
    request = Request("n", digest("topic", "Tea"))
    with pytest.raises(Locked):
        async with process.journal.transaction(lobby, ann.id, request):
            raise Locked("lobby")
    async with process.journal.transaction(lobby, ann.id, request) as log:
        assert log.reply == Answer(at=log.now)


async def test_an_act_in_no_room_is_refused(process: Process, lobby: int) -> None:
    with pytest.raises(NoSuchRoom):
        async with process.journal.transactions([lobby, 999]):
            raise AssertionError


# -- the end --------------------------------------------------------------------------------------------------------


async def test_closing_keeps_what_is_queued_and_takes_no_more(
    settings: Settings, manager: Manager, backstage: Backstage, ann: Person, ben: Person, lobby: int
) -> None:
    garden = await backstage.room(ben, slug="garden")
    process = Process(manager)
    await process.journal.open()
    async with locked(settings, lobby):
        speaking = asyncio.gather(
            process.says(*(words(lobby, ann, str(count)) for count in range(20))),
            process.says(*(words(garden, ben, str(count)) for count in range(20))),
        )
        await asyncio.sleep(0)
        closing = asyncio.create_task(process.journal.close())
        await until(lambda: len(process.told.texts) >= 20)
        assert isinstance((await process.says(words(garden, ben, "too late")))[0], Busy)
        assert not closing.done()
    await closing
    assert all(isinstance(answer, Answer) for answers in await speaking for answer in answers)
    assert (
        await backstage.texts(lobby) == await backstage.texts(garden) == [str(count) for count in range(20)]
    )


async def test_a_journal_that_has_nothing_to_do_closes_at_once(manager: Manager) -> None:
    journal = Journal(manager, Told())
    await journal.open()
    await journal.close()
