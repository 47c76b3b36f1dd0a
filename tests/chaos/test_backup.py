"""A backup is the site at one moment, in one file, and comes back as it was; under live clients it is a new epoch."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import psycopg
import pytest
from peewee_migrate import Router

from aiochat import backup, restore
from aiochat.backup_file import BadBackup
from aiochat.migrate import migrate
from aiochat.settings import MIGRATIONS
from aiochat.trouble import Trouble
from helpers.database import sync_database
from tests.chaos.conftest import Play

pytestmark = pytest.mark.timeout(120)


def rows(url: str, table: str) -> list[Any]:
    with psycopg.connect(url) as line:
        return sorted(line.execute(f"SELECT t::text FROM {table} t").fetchall())


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as line:
        return [
            name
            for (name,) in line.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migratehistory' "
                "ORDER BY 1"
            )
        ]


@pytest.fixture
def elsewhere(play: Play) -> str:
    """Another, empty database on the same server, migrated."""
    url = play.site.servers.database_url
    name = f"elsewhere_{play.room.slug}"
    with psycopg.connect(url, autocommit=True) as line:
        line.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    other = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    migrate(other)
    return other


async def something_is_said(play: Play, count: int = 40) -> None:
    sofar = len(play.book.sent)
    nonces = [
        await play.says(
            client, f"{play.room.slug} {client.name} {sofar + number} \\N \\. tab\t newline\n “ü” 🜂"
        )
        for number in range(count)
        for client in play.clients
    ]
    await play.is_answered(*nonces)
    await play.is_well()


async def test_what_is_put_back_is_row_by_row_what_was_there(
    play: Play, elsewhere: str, tmp_path: Path
) -> None:
    await something_is_said(play)
    url, file = play.site.servers.database_url, tmp_path / "site.backup"
    kept = {table: rows(url, table) for table in tables(url)}
    counts = await asyncio.to_thread(backup.write, url, file)
    assert file.stat().st_mode & 0o077 == 0
    assert counts == {table: len(found) for table, found in kept.items()}
    assert await asyncio.to_thread(restore.put_back, elsewhere, file) == counts
    for table in kept:
        if table != "site":
            assert rows(elsewhere, table) == kept[table]
    with psycopg.connect(url) as here, psycopg.connect(elsewhere) as there:
        epoch = "SELECT epoch FROM site"
        assert here.execute(epoch).fetchone() != there.execute(epoch).fetchone(), "always a new epoch"
        new = "INSERT INTO users (name, name_key) VALUES ('new', 'new') RETURNING id > (SELECT max(id) FROM users)"
        assert there.execute(new).fetchone() == (True,), "ids go on where they were"


ONE_OF_EACH = r"""
INSERT INTO users (id, name, name_key, is_guest, is_bot, email, suspended_until) VALUES
    (7, 'olga', 'olga', false, false, 'olga@example.org', NULL), (8, 'ann', 'ann', false, false, NULL, '9999-01-01Z'),
    (9, 'ci', 'ci', false, true, NULL, NULL);
INSERT INTO reserved_names VALUES ('anna', 8, '2031-01-01Z');
INSERT INTO api_tokens (user_id, label, token_hash) VALUES (7, E'a\tb\\N', '\x00ff');
INSERT INTO rooms (id, slug, title, topic, welcome, switches, last_seq, last_ordinal) VALUES
    (3, 'lobby', 'The lobby', 'Tea', E'Ask\naway', '{"history_from_join": true, "slow_mode": 30}', 2, 1),
    (4, 'dm-7-8', '', '', '', '{}', 0, 0), (5, 'gone-5', 'Attic', '', '', '{}', 0, 0);
UPDATE rooms SET kind = 'direct' WHERE id = 4;
UPDATE rooms SET kind = 'gone' WHERE id = 5;
INSERT INTO room_slugs (slug, room_id) VALUES ('hall', 3);
INSERT INTO memberships (room_id, user_id, role, voiced, muted_until, muted_reason, banned_until, reason, floor, notify,
    notify_until, notify_then) VALUES
    (3, 7, 4, false, NULL, '', NULL, '', 1, 'all', '2031-01-01Z', 'none'),
    (3, 8, 2, true, '9999-01-01Z', 'links', '9999-01-01Z', 'spam', 2, 'none', NULL, 'mentions');
INSERT INTO messages
    (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text, parts, gone_seq) VALUES
     (3, 1, 'message', 8, 'ann', now(), 'n-1', '\x01', 1, '🌴', '[{"t": "text", "s": "🌴"}]', 2);
INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, body)
    VALUES (3, 2, 'purged', 7, 'olga', now(), '~2', '\x02', '{"targets": [1]}');
INSERT INTO mentions VALUES (3, 7, 1);
INSERT INTO clears VALUES (5, 1, 1, 1, 1, '2031-01-01Z', NULL);
INSERT INTO receipts (room_id, author_id, nonce, request_hash, answer) VALUES
    (3, 7, 'n-2', '\x03', '{"text": "Done."}');
INSERT INTO invitations (room_id, token_hash, created_by, uses_left, expires_at) VALUES
    (3, '\x04', 7, 4, '2031-01-01Z');
INSERT INTO site_log (actor_id, act, body) VALUES (7, 'siteban', '{"reason": "spam"}');
INSERT INTO hooks (room_id, user_id, secret_hash, created_by) VALUES (3, 9, '\x05', 7);
INSERT INTO vouched (issuer, subject, user_id) VALUES ('https://school.example', 'ann@1', 8);
INSERT INTO acts
    (room_id, seq, at, actor_id, actor_name, as_admin, act, line, target_id, target_name, before, undo_until) VALUES
     (3, 2, now(), 7, 'olga', true, 'purged', '/purge @ann 1', 8, 'ann', '{"count": 1}', '2031-01-01Z');
INSERT INTO pins VALUES (3, 1, 'olga', now());
INSERT INTO transfers VALUES (3, 7, 8, '2031-01-01Z');
INSERT INTO reports (room_id, seq, by_id, reason) VALUES (3, 1, 7, E'"quoted",\ttabbed');
INSERT INTO direct_rooms VALUES (7, 8, 4);
INSERT INTO binned_rooms VALUES (5, 'attic', '{loft,"top floor"}', '{7,8}', 7, '2031-01-01Z');
INSERT INTO sign_in_links (token_hash, user_id, made_by, expires_at) VALUES ('\x06', 8, 7, '2031-01-01Z');
INSERT INTO statuses (user_id, presence, why, emoji, text, text_until) VALUES
    (8, 'away', 'lunch', '🌴', 'By the sea', '2031-01-01Z');
INSERT INTO ignores (user_id, ignored_id) VALUES (7, 8);
"""


async def test_of_every_table_each_row_comes_back(elsewhere: str, tmp_path: Path) -> None:
    with psycopg.connect(elsewhere) as line:
        line.execute(ONE_OF_EACH)
    kept, file = {table: rows(elsewhere, table) for table in tables(elsewhere)}, tmp_path / "site.backup"
    assert [table for table, found in kept.items() if not found] == [], "a table of which nothing is tried"
    backup.write(elsewhere, file)
    with psycopg.connect(elsewhere) as line:
        line.execute("TRUNCATE " + ", ".join(table for table in kept if table != "site"))
    restore.put_back(elsewhere, file, replace=True)
    for table in kept:
        if table != "site":
            assert rows(elsewhere, table) == kept[table], table


async def test_a_backup_made_while_people_speak_is_one_moment(
    play: Play, elsewhere: str, tmp_path: Path
) -> None:
    url, going_on = play.site.servers.database_url, True

    async def speak() -> None:
        number = 0
        while going_on:
            number += 1
            await play.is_answered(await play.says(play.clients[0], f"{play.room.slug} meanwhile {number}"))

    speaking = asyncio.create_task(speak())
    for number in range(5):
        file = tmp_path / f"{number}.backup"
        await asyncio.to_thread(backup.write, url, file)
        await asyncio.to_thread(restore.put_back, elsewhere, file, replace=True)
        with psycopg.connect(elsewhere) as line:
            uneven = line.execute(
                "SELECT slug, last_seq, (SELECT max(seq) FROM messages m WHERE m.room_id = r.id), "
                "(SELECT count(*) FROM messages m WHERE m.room_id = r.id) FROM rooms r"
            ).fetchall()
        assert [row for row in uneven if not row[1] == row[2] == row[3]] == []
    going_on = False
    await speaking


async def test_half_a_backup_changes_nothing(play: Play, elsewhere: str, tmp_path: Path) -> None:
    await something_is_said(play, 5)
    whole = tmp_path / "whole.backup"
    backup.write(play.site.servers.database_url, whole)
    restore.put_back(elsewhere, whole)
    before = rows(elsewhere, "messages")
    data, half = whole.read_bytes(), tmp_path / "half.backup"
    plain = gzip.decompress(data)
    for broken in (
        data[: len(data) // 2],
        data[:10],
        b"",
        b"no backup",
        gzip.compress(plain[: len(plain) // 2]),
    ):
        half.write_bytes(broken)
        with pytest.raises(BadBackup):
            restore.put_back(elsewhere, half, replace=True)
        assert rows(elsewhere, "messages") == before


async def test_people_are_not_overwritten_by_accident(play: Play, tmp_path: Path) -> None:
    url, file = play.site.servers.database_url, tmp_path / "site.backup"
    backup.write(url, file)
    with pytest.raises(Trouble, match="--replace"):
        restore.put_back(url, file)
    with pytest.raises(Trouble, match="exists already"):
        backup.write(url, file)
    with pytest.raises(Trouble, match="no file"):
        restore.put_back(url, tmp_path / "nothing")


async def test_an_older_sites_backup_is_brought_up_to_date(
    play: Play, elsewhere: str, tmp_path: Path
) -> None:
    url = play.site.servers.database_url
    with psycopg.connect(url, autocommit=True) as line:
        line.execute(f"CREATE DATABASE older_{play.room.slug} TEMPLATE template0")
    older = urlunsplit(urlsplit(url)._replace(path=f"/older_{play.room.slug}"))
    database = sync_database(older)
    with database.connection_context():
        Router(database, migrate_dir=MIGRATIONS).run("001_initial")
    with psycopg.connect(older) as line:
        line.execute("INSERT INTO users (name, name_key) VALUES ('ann', 'ann')")
        line.execute("INSERT INTO rooms (slug, title) VALUES ('attic', 'Attic')")
    file = tmp_path / "older.backup"
    backup.write(older, file)
    restore.put_back(elsewhere, file)
    assert tables(elsewhere) == tables(url)
    with psycopg.connect(elsewhere) as line:
        assert line.execute("SELECT name FROM users WHERE id > 0").fetchall() == [("ann",)]
        assert line.execute("SELECT count(*) > 1 FROM migratehistory").fetchone() == (True,)


async def test_of_a_newer_site_nothing_is_taken(play: Play, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "newer.backup"
    file.write_bytes(gzip.compress(b'{"aiochat": 1, "migrations": ["001_initial", "999_far_off"]}\n'))
    with pytest.raises(BadBackup, match="999_far_off"):
        restore.put_back(elsewhere, file)


async def test_a_backup_put_back_under_live_clients_mixes_no_numbers(play: Play, tmp_path: Path) -> None:
    url, file = play.site.servers.database_url, tmp_path / "site.backup"
    await something_is_said(play, 5)
    await asyncio.to_thread(backup.write, url, file)
    drafts = play.book.sent.copy()
    await something_is_said(play, 5)
    heard = play.clients[0].view.last
    # What was said after the backup is not there any more, and is nobody's fault.
    play.book.sent = drafts
    for client in play.clients:
        client.pausing.clear()
    await asyncio.to_thread(restore.put_back, url, file, replace=True)
    async with asyncio.timeout(30):
        while any(client.live for client in play.clients):
            await play.book.changes()
    # Others talk on until the numbers that were heard are there again, and mean something else.
    await somebody_talks_on(play, upto=heard + 5)
    for client in play.clients:
        client.pausing.set()
    async with asyncio.timeout(30):
        while play.book.resumes["another epoch"] < len(play.clients):
            await play.book.changes()
    await play.world.recovered(asyncio.get_running_loop().time())
    assert play.book.resumes["reloaded"] == len(play.clients)
    assert play.clients[0].view.jumps[-1][0] >= heard
    await play.is_well()


async def somebody_talks_on(play: Play, upto: int) -> None:
    seq, url = 0, f"http://127.0.0.1:{play.site.processes[0].port}/api/rooms/{play.room.slug}/messages"
    async with aiohttp.ClientSession(headers=play.room.owner.person.headers) as session:
        while seq < upto:
            async with session.post(url, json={"text": f"{play.room.slug} behind {seq}"}) as answer:
                seq = (await answer.json())["seq"]
