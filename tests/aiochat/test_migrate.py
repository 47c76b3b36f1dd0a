"""Tables come up to date however many processes ask at once."""

from __future__ import annotations

import threading

import psycopg
import pytest
from peewee_migrate import Router

from aiochat.embedded import Servers
from aiochat.migrate import migrate
from aiochat.settings import MIGRATIONS
from helpers.database import sync_database
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


def run_up_to(address: str, name: str) -> None:
    """Make the tables as a version of before had them."""
    database = sync_database(address)
    with database.connection_context():
        Router(database, migrate_dir=MIGRATIONS).run(name)


def test_hooks_and_vouched_accounts_come_to_a_site_that_is_in_use(empty: str) -> None:
    run_up_to(empty, "002_journal")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga')")
        connection.execute("INSERT INTO rooms (id, slug, title, last_seq) VALUES (3, 'lobby', 'lobby', 1)")
        connection.execute("INSERT INTO memberships (room_id, user_id, role) VALUES (3, 7, 4)")
        connection.execute(
            "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, text) "
            "VALUES (3, 1, 'message', 7, 'olga', now(), 'n', '', 'before')"
        )
        kept = (
            "SELECT (SELECT array_agg(name ORDER BY id) FROM users), (SELECT array_agg(text) FROM messages)"
        )
        before = connection.execute(kept).fetchall()
        assert "003_hooks" in migrate(empty)
        assert connection.execute(kept).fetchall() == before
        hook = "INSERT INTO hooks (room_id, user_id, secret_hash, created_by) VALUES (3, 7, %s, 7)"
        connection.execute(hook, (b"first",))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(hook, (b"second",))
        connection.execute("UPDATE hooks SET revoked_at = now()")
        connection.execute(hook, (b"second",))
        connection.execute("INSERT INTO vouched (issuer, subject, user_id) VALUES ('school', '1', 7)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO vouched (issuer, subject, user_id) VALUES ('school', '2', 7)")


def test_comings_and_goings_go_on_in_a_site_that_is_in_use(empty: str) -> None:
    run_up_to(empty, "003_hooks")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga'), (8, 'ann', 'ann')"
        )
        connection.execute("INSERT INTO rooms (id, slug, title, last_seq) VALUES (3, 'lobby', 'lobby', 1)")
        connection.execute("INSERT INTO memberships (room_id, user_id, present_since) VALUES (3, 7, 1)")
        connection.execute("INSERT INTO memberships (room_id, user_id) VALUES (3, 8)")
        connection.execute(
            "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash) "
            "VALUES (3, 1, 'joined', 7, 'olga', now(), 'n', '')"
        )
        assert "004_comings" in migrate(empty)
        moves = (
            '[{"room_id": 3, "user_id": 7, "comes": false, "lost": false},'
            ' {"room_id": 3, "user_id": 8, "comes": true, "lost": false}]'
        )
        asked = "SELECT verdict, seq FROM come_and_go(%s::jsonb, false)"
        assert connection.execute(asked, (moves,)).fetchall() == [("recorded", 2), ("recorded", 3)]
        assert connection.execute(asked, (moves,)).fetchall() == [("no", None), ("no", None)]
        log = "SELECT array_agg(kind || ' ' || author_name ORDER BY seq) FROM messages"
        assert connection.execute(log).fetchone() == (["joined olga", "left olga", "joined ann"],)
        here = "SELECT user_id, present_since FROM memberships WHERE present_since IS NOT NULL"
        assert connection.execute(here).fetchall() == [(8, 3)]


def test_words_are_kept_by_the_function_of_before_and_by_the_one_of_now(empty: str) -> None:
    run_up_to(empty, "003_hooks")
    post = """'[{"room_id": 3, "author_id": 7, "nonce": "%s", "hash": "aa", "text": "hi", "parts": []}]'"""
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga')")
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'lobby')")
        connection.execute("INSERT INTO memberships (room_id, user_id) VALUES (3, 7)")
        before = f"SELECT seq FROM journal_append({post % 'old'}::json, false)"
        assert connection.execute(before.replace('"parts"', '"body": {}, "parts"')).fetchall() == [(1,)]
        assert "005_journal_by_key" in migrate(empty)
        now = "SELECT verdict, seq, ordinal FROM journal_append(%s::jsonb, false)"
        assert connection.execute(now % (post % "new")).fetchall() == [("ok", 2, 2)]
        assert connection.execute(now % (post % "old")).fetchall() == [("again", 1, 1)]


def test_a_site_in_use_gets_rooms_of_two_and_a_bin(empty: str) -> None:
    run_up_to(empty, "005_journal_by_key")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga'), (8, 'ann', 'ann')"
        )
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'The lobby')")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE rooms SET kind = 'gone'")
        assert "007_rooms" in migrate(empty)
        room = "SELECT slug, title, kind, welcome FROM rooms"
        assert connection.execute(room).fetchall() == [("lobby", "The lobby", "room", "")]
        connection.execute("UPDATE rooms SET kind = 'gone', welcome = 'Hello'")
        pair = "INSERT INTO direct_rooms (low, high, room_id) VALUES (7, 8, 3)"
        connection.execute(pair)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(pair)


def test_a_site_in_use_learns_to_be_slow_and_keeps_what_can_be_undone(empty: str) -> None:
    run_up_to(empty, "005_journal_by_key")
    post = """'[{"room_id": 3, "author_id": %d, "nonce": "%s", "hash": "aa", "text": "hi", "parts": []}]'"""
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga'), (8, 'ann', 'ann'), (9, 'max', 'max')"
        )
        connection.execute(
            "INSERT INTO rooms (id, slug, title, last_seq, switches) "
            "VALUES (3, 'lobby', 'lobby', 1, '{\"slow_mode\": 60}')"
        )
        connection.execute(
            "INSERT INTO memberships (room_id, user_id, role) VALUES (3, 7, 4), (3, 8, 2), (3, 9, 3)"
        )
        connection.execute(
            "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, body) "
            "VALUES (3, 1, 'cleared', 7, 'olga', now(), 'n', '', '{\"reason\": \"clean\"}')"
        )
        connection.execute(
            "INSERT INTO clears (room_id, seq, upto, upto_ordinal, count, undo_until) VALUES (3, 1, 0, 0, 4, now())"
        )
        assert "006_moderation" in migrate(empty)
        kept = "SELECT seq, actor_name, act, reason, before, undone_seq FROM acts"
        assert connection.execute(kept).fetchall() == [(1, "olga", "cleared", "clean", {"count": 4}, None)]
        wait = "extract(epoch FROM until - clock_timestamp())::int"
        now = f"SELECT verdict, seq, {wait} FROM journal_append(%s::jsonb, false)"
        before = "SELECT verdict, seq FROM journal_append(%s::json, false)"
        assert connection.execute(now % (post % (8, "one"))).fetchall() == [("ok", 2, None)]
        verdict, seq, seconds = connection.execute(now % (post % (8, "two"))).fetchall()[0]
        assert (verdict, seq) == ("slow", None)
        assert 50 <= seconds <= 60
        assert connection.execute(
            before.replace("%s", (post % (8, "old")).replace('"text"', '"body": {}, "text"'))
        ).fetchall() == [("slow", None)]
        lone = "SELECT verdict, seq FROM journal_append_one(3, %s, %s, 'x', 'hi', '[]', '{}', '{}', false)"
        assert connection.execute(lone, (8, "three")).fetchone() == ("slow", None)
        assert connection.execute(lone, (8, "four")).fetchone() == ("slow", None)
        connection.execute("UPDATE memberships SET spoke_at = NULL")
        assert connection.execute(lone, (8, "five")).fetchone() == ("ok", 3)
        assert connection.execute(lone, (8, "six")).fetchone() == ("slow", None)
        assert connection.execute(lone, (7, "owner")).fetchone() == ("ok", 4)
        connection.execute("UPDATE memberships SET muted_until = now() + interval '1 h' WHERE user_id = 9")
        assert connection.execute(lone, (9, "moderator")).fetchone() == ("muted", None)


def test_the_version_of_before_can_be_put_back_for_a_backup_of_it(empty: str) -> None:
    migrate(empty)
    database = sync_database(empty)
    with database.connection_context():
        router = Router(database, migrate_dir=MIGRATIONS)
        while "006_moderation" in router.done:
            router.rollback()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga')")
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'lobby')")
        connection.execute("INSERT INTO memberships (room_id, user_id) VALUES (3, 7)")
        lone = "SELECT verdict, seq FROM journal_append_one(3, 7, 'n', 'x', 'hi', '[]', '{}', '{}', false)"
        assert connection.execute(lone).fetchone() == ("ok", 1)


def test_a_site_in_use_learns_who_is_away_and_whom_nobody_wants_to_hear(empty: str) -> None:
    run_up_to(empty, "007_rooms")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga'), (8, 'ann', 'ann'), (9, 'max', 'max')"
        )
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'The lobby')")
        connection.execute("INSERT INTO memberships (room_id, user_id) VALUES (3, 7), (3, 8), (3, 9)")
        lone = "SELECT verdict, seq FROM journal_append_one(3, %s, %s, 'x', 'hi', '[]', '{}', '{7}', false)"
        assert connection.execute(lone, (8, "one")).fetchone() == ("ok", 1)
        assert connection.execute(lone, (9, "two")).fetchone() == ("ok", 2)
        assert "008_oneself" in migrate(empty)
        counts = "SELECT unread_of_ignored(7, 3, %s), unread_mentions(7, 3, %s)"
        assert connection.execute(counts, (0, 0)).fetchone() == (0, 2)
        connection.execute("INSERT INTO ignores (user_id, ignored_id) VALUES (7, 8)")
        assert connection.execute(lone, (8, "three")).fetchone() == ("ok", 3)
        assert connection.execute(counts, (0, 0)).fetchone() == (2, 1)
        assert connection.execute(counts, (1, 1)).fetchone() == (1, 1)
        assert connection.execute(counts, (3, 3)).fetchone() == (0, 0)
        connection.execute("INSERT INTO statuses (user_id, presence) VALUES (8, 'away')")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE statuses SET presence = 'asleep'")
        connection.execute("DELETE FROM users WHERE id = 8")
        assert connection.execute("SELECT count(*) FROM statuses").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM ignores").fetchone() == (0,)


def test_members_of_before_are_told_of_mentions(empty: str) -> None:
    run_up_to(empty, "008_oneself")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, name, name_key) VALUES (7, 'olga', 'olga')")
        connection.execute("INSERT INTO rooms (id, slug, title) VALUES (3, 'lobby', 'The lobby')")
        connection.execute("INSERT INTO memberships (room_id, user_id, role) VALUES (3, 7, 4)")
        assert "009_hearing" in migrate(empty)
        kept = "SELECT role, notify, notify_until, notify_then FROM memberships"
        assert connection.execute(kept).fetchone() == (4, "mentions", None, "mentions")
        connection.execute(
            "UPDATE memberships SET notify = 'none', notify_until = now(), notify_then = 'all'"
        )
        for column in ("notify", "notify_then"):
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(f"UPDATE memberships SET {column} = 'loud'")
