"""`aiochat backup` and `restore` at a terminal: whatever is wrong is one line, and changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from peewee_migrate import Router
from redis import Redis

from aiochat import backup, restore
from aiochat.backup_file import BadBackup
from aiochat.embedded import Servers
from aiochat.migrate import migrate
from aiochat.settings import MIGRATIONS
from aiochat.trouble import Trouble
from chat.epoch import HEADS
from helpers.database import sync_database
from tests.aiochat.conftest import ROOT, Desk, Say, until

SAID = """
INSERT INTO users (name, name_key) VALUES ('ann', 'ann');
INSERT INTO rooms (slug, title, last_seq, last_ordinal) VALUES ('lobby', 'Lobby', 1, 1);
INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text, parts)
    SELECT r.id, 1, 'message', u.id, 'ann', now(), 'n', '\\x01', 1, 'hello, hello, hello', '[]'
    FROM rooms r, users u WHERE u.name = 'ann'
"""


def words(url: str) -> list[str]:
    """All that was said."""
    with psycopg.connect(url) as line:
        return [text for (text,) in line.execute("SELECT text FROM messages ORDER BY room_id, seq")]


def epoch(url: str) -> str:
    with psycopg.connect(url) as line:
        ((found,),) = line.execute("SELECT epoch FROM site").fetchall()
        return str(found)


def history(url: str) -> list[str]:
    """Which migrations have run."""
    with psycopg.connect(url) as line:
        return [name for (name,) in line.execute("SELECT name FROM migratehistory ORDER BY id")]


@pytest.fixture
def url(servers: Servers, clean: None) -> str:
    """A site where one thing was said."""
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url) as line:
        line.execute(SAID)
    return servers.database_url


@pytest.fixture
def other(servers: Servers) -> Iterator[str]:
    """Another database, with nothing at all in it."""
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url, autocommit=True) as line:
        line.execute("CREATE DATABASE other TEMPLATE template0")
        yield urlunsplit(urlsplit(servers.database_url)._replace(path="/other"))
        line.execute("DROP DATABASE other WITH (FORCE)")


@pytest.fixture
def file(url: str, tmp_path: Path) -> Path:
    """A backup of the site."""
    path = tmp_path / "site.backup"
    backup.write(url, path)
    return path


@pytest.fixture
def older(other: str, tmp_path: Path) -> Path:
    """A backup of a site as the first version left it."""
    database, path = sync_database(other), tmp_path / "older.backup"
    with database.connection_context():
        Router(database, migrate_dir=MIGRATIONS).run("001_initial")
    with psycopg.connect(other) as line:
        line.execute(SAID.replace("hello, hello, hello", "long ago"))
    backup.write(other, path)
    return path


def test_there_and_back_at_a_terminal(say: Say, url: str, tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    assert say(f"backup {file}") == f"{file} holds 1 rooms with 1 entries."
    assert "--replace" in say(f"restore {file}", code=1)
    before = epoch(url)
    with Redis.from_url(os.environ["AIOCHAT_REDIS_URL"]) as redis:
        redis.hset(HEADS, "1", 7)
        assert say(f"restore {file} --replace") == "1 rooms with 1 entries are back."
        assert not redis.exists(HEADS), "or the next start would wonder at these numbers"
    assert words(url) == ["hello, hello, hello"]
    assert epoch(url) != before


def test_after_a_restore_by_other_means_a_new_epoch_is_begun_by_hand(say: Say, url: str) -> None:
    before = epoch(url)
    with Redis.from_url(os.environ["AIOCHAT_REDIS_URL"]) as redis:
        redis.hset(HEADS, "1", 7)
        say("new-epoch")
        assert not redis.exists(HEADS)
    assert epoch(url) != before
    assert words(url) == ["hello, hello, hello"]


def test_the_file_is_for_its_owner_alone_from_the_first_byte(url: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        backup.write(url, tmp_path / "site.backup")
    finally:
        os.umask(before)
    assert (tmp_path / "site.backup").stat().st_mode & 0o777 == 0o600


def test_an_empty_database_takes_a_backup_and_gives_none(file: Path, other: str, tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no site yet"):
        backup.write(other, tmp_path / "nothing")
    assert not list(tmp_path.glob("nothing*"))
    restore.put_back(other, file)
    assert words(other) == ["hello, hello, hello"]


def test_through_a_pipe(desk: Desk, url: str, servers: Servers, other: str) -> None:
    environ = os.environ | {
        "PYTHONPATH": str(ROOT),
        "AIOCHAT_REDIS_URL": str(servers.redis_url),
        "AIOCHAT_SECRET_KEY": "s" * 32,
    }
    command = [sys.executable, "-m", "aiochat"]
    out = subprocess.run(
        [*command, "backup", "-"],
        env=environ | {"AIOCHAT_DATABASE_URL": url},
        capture_output=True,
        check=True,
    )
    assert b"1 rooms with 1 entries" in out.stderr
    back = [*command, "restore", "-"]
    there = environ | {"AIOCHAT_DATABASE_URL": other}
    half = subprocess.run(back, env=there, input=out.stdout[:-20], capture_output=True, check=False)
    assert half.returncode == 1
    assert half.stderr.startswith(b"aiochat: What was given is not a whole backup"), half.stderr
    subprocess.run(back, env=there, input=out.stdout, check=True)
    assert words(other) == ["hello, hello, hello"]


def altered(plain: bytes) -> Iterator[bytes]:
    """Files that were a backup once."""
    stored = bytearray(gzip.compress(plain, 0))
    stored[stored.index(b"hello")] = ord("j")
    yield bytes(stored)
    packed = gzip.compress(plain)
    yield packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:]
    yield packed[:500] + bytes(200) + packed[700:]
    yield packed + gzip.compress(b"and more")
    head, _, rest = plain.partition(b"\n")
    yield gzip.compress(head + b'\n{"end": {}}\n')
    yield gzip.compress(head + b"\n[]\n" + rest)
    yield gzip.compress(head + b'\n{"table": ["users"], "columns": []}\n' + rest)
    yield gzip.compress(head + b'\n{"table": "pg_authid", "columns": []}\n' + rest)
    yield gzip.compress(plain.replace(b"hello, hello", b"hello\\.\nello"))
    yield gzip.compress(plain.replace(b'"messages": 1', b'"messages": 2'))
    yield gzip.compress(b'{"aiochat": 2, "migrations": ["001_initial"]}\n' + rest)
    yield gzip.compress(b'{"aiochat": 1, "migrations": 3}\n' + rest)
    yield gzip.compress(b'{"aiochat": 1, "migrations": []}\n{"end": {}}\n')
    yield gzip.compress(b"[1]\n")


def test_of_a_file_that_was_altered_nothing_is_taken(url: str, file: Path, tmp_path: Path) -> None:
    broken, before = tmp_path / "broken", epoch(url)
    for content in altered(gzip.decompress(file.read_bytes())):
        broken.write_bytes(content)
        with pytest.raises(Trouble, match=r"(?i)nothing was changed|no backup|of which nothing is known"):
            restore.put_back(url, broken, replace=True)
        assert words(url) == ["hello, hello, hello"]
        assert epoch(url) == before


def test_an_older_backup_that_turns_out_to_be_broken_changes_nothing(url: str, older: Path) -> None:
    plain, done = gzip.decompress(older.read_bytes()), history(url)
    older.write_bytes(gzip.compress(plain.replace(b"long ago", b"long\tago")))
    with pytest.raises(Trouble, match="Nothing was changed"):
        restore.put_back(url, older, replace=True)
    assert words(url) == ["hello, hello, hello"]
    assert history(url) == done
    older.write_bytes(gzip.compress(plain))
    restore.put_back(url, older, replace=True)
    assert words(url) == ["long ago"]
    assert history(url) == done


def test_to_tables_of_a_newer_version_nothing_is_done(url: str, file: Path) -> None:
    with psycopg.connect(url, autocommit=True) as line:
        line.execute("INSERT INTO migratehistory (name, migrated_at) VALUES ('999_far_off', now())")
        try:
            with pytest.raises(Trouble, match=r"999_far_off.*update"):
                restore.put_back(url, file, replace=True)
        finally:
            line.execute("DELETE FROM migratehistory WHERE name = '999_far_off'")
    assert words(url) == ["hello, hello, hello"]


def test_a_backup_leaves_older_tables_as_they_are(say: Say, older: Path, other: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIOCHAT_DATABASE_URL", other)
        say(f"backup {tmp_path / 'again'}")
    assert history(other) == ["001_initial"]
    assert json.loads(gzip.decompress((tmp_path / "again").read_bytes()).split(b"\n")[0])["migrations"] == [
        "001_initial"
    ]


def test_where_no_file_can_be_it_is_said(say: Say, url: str, tmp_path: Path) -> None:
    assert "exists already" in say(f"backup {tmp_path}", code=1)
    assert "cannot be written: No such file" in say(f"backup {tmp_path}/none/site.backup", code=1)
    assert "cannot be read: Is a directory" in say(f"restore {tmp_path}", code=1)
    assert "There is no file" in say(f"restore {tmp_path}/none", code=1)


def test_a_full_disk_leaves_no_file(desk: Desk, served: dict[str, str], url: str) -> None:
    # A file may grow to no more than so many kilobytes: of the disk's being full nothing else is different.
    limited = f"ulimit -f 1; exec {sys.executable} -m aiochat backup site.backup"
    with psycopg.connect(url) as line:
        line.execute(
            "INSERT INTO receipts SELECT 1, n, md5(n::text), '\\x01', '{}' FROM generate_series(1, 5000) n"
        )
    ran = subprocess.run(
        ["bash", "-c", limited], cwd=desk.folder, env=served, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "aiochat: site.backup cannot be written: File too large.\n"
    assert not list(desk.folder.glob("site.backup*"))


@pytest.fixture
def served(url: str, servers: Servers) -> dict[str, str]:
    """The environment of a command that works on this site."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "AIOCHAT_DATABASE_URL": url,
        "AIOCHAT_REDIS_URL": str(servers.redis_url),
        "AIOCHAT_SECRET_KEY": "s" * 32,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_broken_off_in_the_middle_nothing_stays_behind(
    desk: Desk, served: dict[str, str], url: str, number: signal.Signals
) -> None:
    desk.environ |= served
    with psycopg.connect(url) as line:
        # The last of all tables that are written: it has to wait there.
        line.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        writing = desk.run("backup", "site.backup")
        until(lambda: waits(url))
        assert (desk.folder / "site.backup.half").exists()
        assert writing.told(number) != 0
    assert not list(desk.folder.glob("site.backup*"))
    assert not any("Traceback" in said for said in writing.said)


def test_a_backup_by_nohup_outlives_its_terminal(desk: Desk, served: dict[str, str], url: str) -> None:
    desk.environ |= served
    with psycopg.connect(url) as line:
        line.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            writing = desk.run("backup", "site.backup")
        finally:
            signal.signal(signal.SIGHUP, before)
        until(lambda: waits(url))
        writing.process.send_signal(signal.SIGHUP)
    assert writing.ends() == 0, writing.said
    assert (desk.folder / "site.backup").exists()


def waits(url: str) -> bool:
    """Whether somebody waits for a table."""
    with psycopg.connect(url) as line:
        asked = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'messages'::regclass AND NOT granted)"
        return line.execute(asked).fetchone() == (True,)


def test_a_restore_does_not_keep_the_site_waiting_for_somebody_slow(
    desk: Desk, served: dict[str, str], url: str, file: Path
) -> None:
    desk.environ |= served
    with psycopg.connect(url) as slow, psycopg.connect(url, autocommit=True) as quick:
        slow.execute("SELECT count(*) FROM messages")
        restoring = desk.run("restore", str(file), "--replace")
        until(lambda: waits(url))
        quick.execute("SET lock_timeout = '5s'")
        quick.execute("UPDATE users SET email = 'still@here.example' WHERE name = 'ann'")
        assert restoring.process.poll() is None
        slow.rollback()
        assert restoring.ends() == 0, restoring.said


def test_a_backup_that_holds_nothing_of_ours_is_none(url: str, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("hello")
    with pytest.raises(BadBackup, match="not a whole backup"):
        restore.put_back(url, tmp_path / "words", replace=True)


def test_without_postgresql_it_is_said(other: str, file: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(Trouble, match="PostgreSQL does not take the backup"):
        restore.put_back(nowhere, file)
    with pytest.raises(Trouble, match="PostgreSQL broke off"):
        backup.write(nowhere, file.with_name("none"))
    migrate(other)
