"""A connection of its own: what it answers, and what it says when the server is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import peewee
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aiochat.settings import Settings
from helpers.database import Manager, is_lost, sqlstate
from helpers.line import DirectLine, Line
from tests.lines import Line as Wire

STATEMENTS = {
    "add": "SELECT ($1::int + $2::int)::text, NULL::text",
    "count": "SELECT n::text FROM generate_series(1, $1::int) n",
    "length": "SELECT length($1::text)::text",
    "divide": "SELECT (1 / $1::int)::text",
    "sleep": "SELECT pg_sleep($1::float8)::text",
    "wait": "SELECT pg_advisory_xact_lock_shared($1::int)::text",
    "who": "SELECT pg_backend_pid()::text",
}


@pytest.fixture
def address(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url


@pytest.fixture(params=["psycopg", "aiopg"])
async def line(request: pytest.FixtureRequest, address: str) -> AsyncIterator[Line]:
    url = address.replace("postgresql", "postgresql+aiopg", int(request.param == "aiopg"))
    async with Manager(url, min_size=1, max_size=2) as manager:
        line = manager.line(STATEMENTS)
        yield line
        await line.close()


@pytest.fixture
async def direct(address: str) -> AsyncIterator[DirectLine]:
    line = DirectLine(address, STATEMENTS, answer_within=5)
    yield line
    await line.close()


@pytest.fixture
def killer(address: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


async def test_rows_come_as_text(line: Line) -> None:
    assert await line.ask("add", "40", "2") == [("42", None)]
    assert await line.ask("count", "3") == [("1",), ("2",), ("3",)]
    assert await line.ask("count", "0") == []
    assert await line.ask("length", "ä" * 3) == [("3",)]


async def test_what_is_larger_than_a_socket_takes_at_once_arrives_whole(line: Line) -> None:
    assert await line.ask("length", "x" * 20_000_000) == [("20000000",)]
    assert len(await line.ask("count", "200000")) == 200_000


async def test_a_mistake_is_told_and_the_line_lives_on(line: Line) -> None:
    before = await line.ask("who")
    with pytest.raises(peewee.DataError) as caught:
        await line.ask("divide", "0")
    assert sqlstate(caught.value) == "22012"
    assert await line.ask("divide", "1") == [("1",)]
    assert await line.ask("who") == before


@pytest.mark.parametrize("text", ["half a\0word", "\ud800"])
async def test_what_postgresql_cannot_take_is_refused_and_not_cut_short(line: Line, text: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        await line.ask("length", text)
    assert await line.ask("length", "word") == [("4",)]


async def test_one_question_at_a_time(direct: DirectLine) -> None:
    first = asyncio.create_task(direct.ask("sleep", "0.1"))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await direct.ask("add", "1", "1")
    assert await first == [("",)]


async def test_a_line_that_is_cut_is_said_to_be_lost_and_made_again(
    direct: DirectLine, killer: psycopg.Connection[Any]
) -> None:
    ((pid,),) = await direct.ask("who")
    asking = asyncio.create_task(direct.ask("sleep", "60"))
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    while killer.execute(sleeping, [pid]).fetchone() != (1,):
        await asyncio.sleep(0.01)
    killer.execute("SELECT pg_terminate_backend(%s::int)", [pid])
    with pytest.raises(peewee.OperationalError) as caught:
        await asking
    assert is_lost(caught.value)
    assert await direct.ask("who") != [(pid,)]


async def test_a_line_that_is_cut_while_it_rests_is_made_again_unnoticed(
    direct: DirectLine, killer: psycopg.Connection[Any]
) -> None:
    ((pid,),) = await direct.ask("who")
    killer.execute("SELECT pg_terminate_backend(%s::int, 5000)", [pid])
    async with asyncio.timeout(30):
        while direct._connection is not None:
            await asyncio.sleep(0.01)
    assert await direct.ask("add", "1", "1") == [("2", None)]


async def test_a_line_that_is_lost_is_listened_to_no_more(
    direct: DirectLine, killer: psycopg.Connection[Any]
) -> None:
    """Its number may soon be that of somebody's socket."""
    loop = asyncio.get_running_loop()
    for kill in ("while it rests", "while it is asked"):
        [(pid,)] = await direct.ask("who")
        assert pid is not None
        number = direct._socket
        asking = asyncio.create_task(direct.ask("sleep", "5" if kill == "while it is asked" else "0"))
        if kill == "while it rests":
            await asking
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [int(pid)])
        if kill == "while it is asked":
            with pytest.raises(peewee.OperationalError):
                await asking
        async with asyncio.timeout(30):
            while direct._connection is not None:
                await asyncio.sleep(0)
        assert not loop.remove_reader(number)
        assert not loop.remove_writer(number)


async def test_who_is_not_answered_in_time_hears_that_the_line_is_lost(address: str) -> None:
    line = DirectLine(address, STATEMENTS, answer_within=1)
    with pytest.raises(peewee.OperationalError) as caught:
        await line.ask("sleep", "60")
    assert is_lost(caught.value)
    # The next one may take as long as it does to make another.
    line._answer_within = 30
    assert await line.ask("add", "1", "1") == [("2", None)]
    await line.close()


async def test_what_may_be_done_twice_is_asked_once_more_where_the_line_broke(
    line: Line, killer: psycopg.Connection[Any]
) -> None:
    [(pid,)] = await line.ask("who")
    assert pid is not None
    killer.execute("SELECT pg_advisory_lock(7)")
    asking = asyncio.create_task(line.insist("wait", "7"))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND pid = %s"
    while killer.execute(waiting, [int(pid)]).fetchone() != (1,):
        await asyncio.sleep(0.005)
    killer.execute("SELECT pg_terminate_backend(%s::int)", [pid])
    killer.execute("SELECT pg_advisory_unlock(7)")
    assert await asking == [("",)]


async def test_asking_once_more_takes_no_more_time_than_asking_once(
    address: str, killer: psycopg.Connection[Any]
) -> None:
    killer.execute("CREATE SEQUENCE tries")
    asleep = {"sleep": "SELECT nextval('tries')::text FROM pg_sleep(60 * nextval('tries'))"}
    line = DirectLine(address, asleep, answer_within=0.3)
    try:
        with pytest.raises(peewee.OperationalError):
            await line.insist("sleep")
        assert killer.execute("SELECT last_value FROM tries").fetchone() == (1,)
    finally:
        await line.close()
        # The server sleeps on for its minute, and holds the sequence.
        killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        killer.execute("DROP SEQUENCE tries")


async def test_who_stops_waiting_leaves_no_answer_for_the_next(direct: DirectLine) -> None:
    asking = asyncio.create_task(direct.ask("count", "3"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await direct.ask("add", "1", "1") == [("2", None)]


async def test_without_a_server_it_says_so_and_asks_again_later(tmp_path: Path, address: str) -> None:
    there = conninfo_to_dict(address)
    wire = Wire(tmp_path / ".s.PGSQL.5432", Path(str(there["host"])) / f".s.PGSQL.{there.get('port', 5432)}")
    line = DirectLine(make_conninfo(address, host=str(tmp_path), port="5432"), STATEMENTS, answer_within=5)
    with pytest.raises(peewee.OperationalError) as caught:
        await line.ask("add", "1", "1")
    assert is_lost(caught.value)
    await wire.mends()
    assert await line.ask("add", "1", "1") == [("2", None)]
    await line.close()
    await wire.cuts()


@pytest.mark.parametrize("asked_before", [True, False])
async def test_who_asks_too_late_makes_no_line_that_nobody_closes(
    direct: DirectLine, asked_before: bool
) -> None:
    if asked_before:
        await direct.ask("who")
    await direct.close()
    with pytest.raises(peewee.OperationalError, match="closed"):
        await direct.ask("who")
    assert direct._connection is None
