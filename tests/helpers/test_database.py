"""The one door to PostgreSQL, with both drivers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import peewee
import psycopg
import pytest

from aiochat.settings import Settings
from helpers.database import DatabaseDown, Manager, is_lost, sqlstate, sync_database

KILL_MYSELF = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture(params=["psycopg", "aiopg"])
def url(request: pytest.FixtureRequest, settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.replace("postgresql", "postgresql+aiopg", int(request.param == "aiopg"))


@pytest.fixture
async def manager(url: str) -> AsyncIterator[Manager]:
    async with Manager(url, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
def killer(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A line of its own that can end others."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection


async def fill_and_kill(manager: Manager, killer: psycopg.Connection[Any], lines: int = 3) -> None:
    """Open every line of the pool, and break all of them while they rest."""
    await asyncio.gather(*(manager.rows("SELECT pg_sleep(0.05), 'of the pool'") for _ in range(lines)))
    killer.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%of the pool%'"
    )


async def test_rows_come_as_tuples_and_values_as_they_are(manager: Manager) -> None:
    assert await manager.rows("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v") == [(1, "a"), (2, "b")]
    assert await manager.row("SELECT 1, 'a'") == (1, "a")
    assert await manager.row("SELECT 1 WHERE false") is None
    assert await manager.value("SELECT %s::int + 1", 41) == 42
    assert await manager.value("SELECT 1 WHERE false") is None
    assert await manager.value("SELECT '{\"a\": [1]}'::jsonb") == {"a": [1]}
    assert bytes(await manager.value("SELECT %s::bytea", b"\0\xff")) == b"\0\xff"
    assert await manager.value("SELECT 'a' LIKE 'a%%'") is True


async def test_what_a_transaction_did_is_kept_together_or_not_at_all(manager: Manager) -> None:
    async def put_in(room: str, *, stumble: bool) -> None:
        async with manager.transaction():
            await manager.execute("INSERT INTO room_slugs (slug, room_id) SELECT %s, id FROM rooms", room)
            await manager.execute("INSERT INTO rooms (slug, title) VALUES (%s, %s)", room, room)
            if stumble:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await put_in("lobby", stumble=True)
    assert await manager.rows("SELECT slug FROM rooms") == []
    await put_in("lobby", stumble=False)
    assert await manager.rows("SELECT slug FROM rooms") == [("lobby",)]


async def test_a_transaction_inside_another_is_a_savepoint(manager: Manager) -> None:
    assert not manager.in_transaction
    async with manager.transaction():
        assert manager.in_transaction
        await manager.execute("INSERT INTO rooms (slug, title) VALUES ('lobby', '')")
        with pytest.raises(peewee.IntegrityError):
            async with manager.transaction():
                await manager.execute("INSERT INTO rooms (slug, title) VALUES ('lobby', '')")
        await manager.execute("INSERT INTO rooms (slug, title) VALUES ('garden', '')")
    assert not manager.in_transaction
    assert await manager.rows("SELECT slug FROM rooms ORDER BY id") == [("lobby",), ("garden",)]


async def test_a_read_survives_the_death_of_every_line(
    manager: Manager, killer: psycopg.Connection[Any]
) -> None:
    await fill_and_kill(manager, killer)
    assert await manager.value("SELECT 42") == 42


async def test_a_transaction_begins_though_every_line_died(
    manager: Manager, killer: psycopg.Connection[Any]
) -> None:
    await fill_and_kill(manager, killer)
    async with manager.transaction():
        assert await manager.value("SELECT 42") == 42


async def test_what_writes_is_not_asked_twice(manager: Manager, killer: psycopg.Connection[Any]) -> None:
    with pytest.raises(peewee.OperationalError) as lost:
        await manager.call(KILL_MYSELF)
    assert is_lost(lost.value)
    assert await manager.call("SELECT 42") == [(42,)]


async def test_a_line_that_breaks_inside_a_transaction_is_said(manager: Manager) -> None:
    async def act() -> None:
        async with manager.transaction():
            await manager.rows(KILL_MYSELF)

    with pytest.raises(peewee.OperationalError) as lost:
        await act()
    assert is_lost(lost.value)
    assert not manager.in_transaction
    assert await manager.value("SELECT 42") == 42


async def test_a_line_that_breaks_at_the_commit_is_said(
    manager: Manager, killer: psycopg.Connection[Any]
) -> None:
    async def act() -> None:
        async with manager.transaction():
            pid = await manager.value("SELECT pg_backend_pid()")
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with pytest.raises(peewee.OperationalError) as lost:
        await act()
    assert is_lost(lost.value)


async def test_an_error_of_the_statement_is_no_lost_line(
    manager: Manager, killer: psycopg.Connection[Any]
) -> None:
    with pytest.raises(peewee.DataError) as wrong:
        await manager.value("SELECT 'x'::int")
    assert sqlstate(wrong.value) == "22P02"
    assert not is_lost(wrong.value)
    with killer.transaction():
        killer.execute("LOCK TABLE rooms")
        with pytest.raises(peewee.OperationalError) as taken:
            await manager.execute("DO $$ BEGIN LOCK TABLE rooms NOWAIT; END $$")
    assert sqlstate(taken.value) == "55P03"
    assert not is_lost(taken.value)
    assert not is_lost(ValueError())


async def test_more_callers_than_lines_wait_their_turn(manager: Manager) -> None:
    answers = await asyncio.gather(
        *(manager.value("SELECT pg_sleep(0.01), %s::int", count) for count in range(20))
    )
    assert len(answers) == 20


async def test_a_caller_who_gets_no_line_in_time_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.database.WAIT_FOR_CONNECTION", 1.0)
    async with Manager(url, min_size=1, max_size=1) as manager:
        begun, done = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with manager.transaction():
                begun.set()
                await done.wait()

        async def begin() -> None:
            async with manager.transaction():
                raise AssertionError

        holding = asyncio.create_task(hold())
        await begun.wait()
        with pytest.raises(peewee.OperationalError):
            await manager.value("SELECT 42")
        with pytest.raises(peewee.OperationalError):
            await begin()
        done.set()
        await holding
        assert await manager.value("SELECT 42") == 42


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A process of PostgreSQL in its tracks, its line open."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def soon() -> AsyncIterator[None]:
    """What is done inside takes no five seconds. Nothing is cancelled: a cancelled statement may seem to end."""
    began = asyncio.get_running_loop().time()
    yield
    assert asyncio.get_running_loop().time() - began < 5


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.database.ANSWER_WITHIN", 1.5)
    monkeypatch.setattr("helpers.database.SIGN_OF_LIFE_WITHIN", 0.2)
    monkeypatch.setattr("helpers.database.WAIT_FOR_CONNECTION", 1.5)


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_stands_still_is_not_waited_for(url: str) -> None:
    async with Manager(url, min_size=1, max_size=1) as manager:
        with standing_still(await manager.value("SELECT pg_backend_pid()")):
            async with soon():
                with pytest.raises(peewee.OperationalError) as lost:
                    await manager.call("SELECT 42")
                assert await manager.value("SELECT 43") == 43, "the next one gets a line that lives"
        assert is_lost(lost.value)


@pytest.mark.usefixtures("impatient")
async def test_an_act_on_a_server_that_stands_still_is_given_up_whole(url: str) -> None:
    async with Manager(url, min_size=1, max_size=2) as manager:

        async def act() -> None:
            async with manager.transaction():
                await manager.execute("INSERT INTO rooms (slug, title) VALUES ('lobby', '')")
                with standing_still(await manager.value("SELECT pg_backend_pid()")):
                    await manager.execute("INSERT INTO rooms (slug, title) VALUES ('garden', '')")

        async with soon():
            with pytest.raises(peewee.OperationalError) as lost:
                await act()
            assert is_lost(lost.value)
            assert not manager.in_transaction
            assert await manager.rows("SELECT slug FROM rooms") == []
            assert await asyncio.gather(*(manager.value("SELECT 42") for _ in range(6))) == [42] * 6


async def test_a_line_that_was_given_back_in_time_is_left_alone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.database.ANSWER_WITHIN", 1.0)
    async with Manager(url, min_size=1, max_size=1) as manager:
        pids = {await manager.value("SELECT pg_backend_pid() FROM pg_sleep(0.1)") for _ in range(12)}
        assert len(pids) == 1


async def test_who_had_to_wait_for_a_line_until_patience_ended_gives_it_back(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Manager(url.replace("+aiopg", ""), min_size=1, max_size=1) as manager:
        monkeypatch.setattr("helpers.database.ANSWER_WITHIN", 0.0)
        for _ in range(5):
            with pytest.raises(peewee.OperationalError):
                await manager.value("SELECT pg_sleep(0.2)")
        monkeypatch.setattr("helpers.database.ANSWER_WITHIN", 5.0)
        assert await manager.value("SELECT 42") == 42


@pytest.mark.usefixtures("impatient")
async def test_lines_that_stand_still_hold_up_no_mending(url: str) -> None:
    async with Manager(url, min_size=1, max_size=1) as manager:
        with standing_still(await manager.value("SELECT pg_backend_pid()")):
            async with soon():
                await manager.mend()
                assert await manager.value("SELECT 42") == 42


async def test_where_nobody_answers_it_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.database.WAIT_FOR_CONNECTION", 0.2)
    scheme = url.partition("://")[0]
    manager = Manager(f"{scheme}://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseDown):
        await manager.open()
    await manager.close()


@pytest.mark.parametrize("url", ["mysql://localhost/aiochat", "lobby", "postgresql://[", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL address"):
        Manager(url)


def test_migrations_have_a_line_of_their_own(url: str) -> None:
    for database in (sync_database(url), Manager(url).sync()):
        with database.connection_context():
            assert database.execute_sql("SELECT 42").fetchone()[0] == 42
