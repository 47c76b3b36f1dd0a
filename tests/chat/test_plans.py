"""What is written together is looked up by key, however small the site was when the plan was made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import cast

import psycopg
import pytest

from aiochat.settings import Settings

Line = psycopg.Connection[tuple[object, ...]]
PEOPLE = range(1, 51)
TABLES = ("users", "memberships", "messages")
LOOKED_AT = """SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
 WHERE schemaname = 'public' AND relname = ANY (%s)"""
GROW = (
    "INSERT INTO users (name, name_key) SELECT 'x' || n, 'x' || n FROM generate_series(1, 5000) n",
    "INSERT INTO memberships (room_id, user_id) SELECT 3, id FROM users WHERE name LIKE 'x%'",
    (
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash) "
        "SELECT 3, -n, 'message', 7, 'olga', now(), 'old' || n, '' FROM generate_series(1, 5000) n"
    ),
)


@pytest.fixture
def line(settings: Settings) -> Iterator[Line]:
    """To a site of fifty people in one room, whose statistics say that there is nobody, and nothing said."""
    assert settings.database_url is not None
    url = settings.database_url.replace("+aiopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        connection.execute(
            "INSERT INTO users (id, name, name_key) SELECT n, 'p' || n, 'p' || n FROM generate_series(1, 50) n"
        )
        connection.execute("SELECT setval('users_id_seq', 50)")
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'lobby')")
        connection.execute(
            "INSERT INTO memberships (room_id, user_id) SELECT 3, n FROM generate_series(1, 50) n"
        )
        yield connection


def words(turn: int) -> tuple[str, str]:
    """One message of everybody's."""
    posts = [
        {"room_id": 3, "author_id": n, "nonce": f"{turn}", "hash": "aa", "text": "hi", "parts": []}
        for n in PEOPLE
    ]
    return "SELECT verdict FROM journal_append(%s::jsonb, false)", json.dumps(posts)


def moves(turn: int) -> tuple[str, str]:
    """Everybody comes, or goes."""
    asked = [{"room_id": 3, "user_id": n, "comes": turn % 2 == 0, "lost": False} for n in PEOPLE]
    return "SELECT verdict FROM come_and_go(%s::jsonb, false)", json.dumps(asked)


@pytest.mark.parametrize(("act", "done"), [(words, "ok"), (moves, "recorded")])
def test_a_plan_made_for_a_small_site_reads_no_more_when_it_has_grown(
    line: Line, act: Callable[[int], tuple[str, str]], done: str
) -> None:
    def do(turn: int) -> None:
        sql, asked = act(turn)
        assert set(line.execute(sql.encode(), (asked,)).fetchall()) == {(done,)}

    do(0)
    for statement in GROW:
        line.execute(statement.encode())
    line.execute("SELECT pg_stat_force_next_flush()")
    with line.transaction():
        do(1)
        looked_at = dict(cast("list[tuple[str, int]]", line.execute(LOOKED_AT, (list(TABLES),)).fetchall()))
    assert looked_at.keys() == set(TABLES)
    assert all(count <= 4 * len(PEOPLE) for count in looked_at.values()), looked_at
