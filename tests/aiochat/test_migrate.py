"""Tables come up to date however many processes ask at once."""

from __future__ import annotations

import threading

import psycopg
import pytest

from aiochat.embedded import Servers
from aiochat.migrate import migrate
from tests.aiochat.conftest import Desk


@pytest.fixture
def empty(servers: Servers) -> str:
    """The address of a database without tables."""
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS unmade")
        connection.execute("CREATE DATABASE unmade")
    return servers.database_url.replace("/aiochat?", "/unmade?")


def test_several_processes_may_migrate_at_once(empty: str, desk: Desk, servers: Servers) -> None:
    assert servers.redis_url is not None
    environ = {
        "AIOCHAT_DATABASE_URL": empty,
        "AIOCHAT_REDIS_URL": servers.redis_url,
        "AIOCHAT_SECRET_KEY": "s" * 32,
    }
    runs = [desk.run("migrate", **environ) for _ in range(3)]
    assert [run.ends() for run in runs] == [0, 0, 0], [run.said for run in runs]
    assert migrate(empty) == []


def test_who_comes_second_waits_for_the_first(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [0x61696F63686174])
        done: list[list[str]] = []
        second = threading.Thread(target=lambda: done.append(migrate(empty)))
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while first.execute(waiting).fetchone() == (0,):
            assert second.is_alive()
        assert done == []
    second.join()
    assert done[0][0] == "001_initial"


def test_both_drivers_make_and_find_the_same_tables(empty: str) -> None:
    assert migrate(empty.replace("postgresql://", "postgresql+aiopg://")) != []
    assert migrate(empty) == []


def test_what_stands_in_the_way_is_one_sentence(empty: str, desk: Desk, servers: Servers) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE TABLE site (another text)")
    environ = {"AIOCHAT_DATABASE_URL": empty, "AIOCHAT_SECRET_KEY": "s" * 32}
    run = desk.run("migrate", AIOCHAT_REDIS_URL=str(servers.redis_url), **environ)
    assert run.ends() == 1
    assert len(run.said) == 1, run.said
    assert "PostgreSQL refuses" in run.said[0]
    assert "site" in run.said[0]
