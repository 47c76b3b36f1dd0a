"""A backup back into the site, all of it or nothing, under a new epoch.

A new epoch makes what clients remember worth nothing, so that they read their rooms anew. PostgreSQL put back by other
means needs one too.
"""

from __future__ import annotations

import gzip
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import msgspec
import peewee
import psycopg
import redis
from peewee_migrate import Router
from psycopg import sql

from aiochat import migrate
from aiochat.backup_file import (
    FORMAT,
    HISTORY,
    STANDARD,
    BadBackup,
    Head,
    Line,
    Part,
    connect,
    copy_of,
    named,
    read_blocks,
    read_line,
    tables_of,
)
from aiochat.settings import MIGRATIONS
from aiochat.trouble import Trouble
from chat.epoch import HEADS, NEW_EPOCH
from helpers.database import AIOPG, sync_database

SEQUENCES = """SELECT c.relname, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> %s
      AND pg_get_serial_sequence(c.oid::regclass::text, a.attname) IS NOT NULL"""
# How long all tables are waited for, and how long at once while the site stands still for it; in seconds.
HOLD_WITHIN = 60.0
PATIENCE = 0.5


def put_back(database_url: str, path: Path, *, replace: bool = False) -> dict[str, int]:
    """Put a backup back, from a file or the standard input, under a new epoch; how many rows each table had.

    All of it or nothing: whatever is wrong, and whenever it is found, the site stays as it was. A site that has people
    is only overwritten with `replace`. An older backup's tables are brought up to date. Raises `BadBackup`, `Trouble`.
    """
    database = sync_database(database_url.replace(AIOPG, "postgresql://", 1))
    try:
        # Migrations are part of the one transaction, too.
        with _opened(path) as file, database.connection_context(), database.atomic():
            return _take(database, file, path, replace)
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise BadBackup(f"{named(path)} is not a whole backup ({error}): nothing was changed.") from error
    except FileNotFoundError:
        raise Trouble(f"There is no file {path}.") from None
    except OSError as error:
        raise Trouble(
            f"{named(path)} cannot be read: {error.strerror or error}. Nothing was changed."
        ) from error
    except (psycopg.Error, peewee.PeeweeException) as error:
        raise Trouble(
            f"PostgreSQL does not take the backup: {str(error).splitlines()[0]}. Nothing was changed."
        ) from error


def _take(database: peewee.Database, file: IO[bytes], path: Path, replace: bool) -> dict[str, int]:
    head = read_line(file, Head)
    if head.aiochat != FORMAT or not head.migrations:
        raise BadBackup(f"{named(path)} is no backup that this aiochat can read.")
    if unknown := [name for name in head.migrations if name not in _known()]:
        raise BadBackup(f"{named(path)} was made by a newer aiochat ({unknown[-1]}): update this one first.")
    # Where the site starts just now, it waits for us, or we for it.
    database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (migrate.LOCK,))
    router = Router(database, migrate_dir=MIGRATIONS, logger=migrate.details)
    if unknown := [name for name in router.done if name not in _known()]:
        raise Trouble(f"The tables here are of a newer aiochat ({unknown[-1]}): update this one first.")
    line = cast("Line", database.connection())
    people = _count_people(line) if router.done else 0
    if people and not replace:
        raise Trouble(
            f"This site has {people} accounts. To put the backup in their place, say --replace; "
            "to keep what is here, run `aiochat backup` first."
        )
    _take_hold(database, line)
    if router.done != head.migrations:
        while router.done:
            router.rollback()
        for name in head.migrations:
            router.run(name)
    counts = _load(line, file)
    router.run()
    line.execute(NEW_EPOCH)
    return counts


def _take_hold(database: peewee.Database, line: Line) -> None:
    """Lock every table against those who speak meanwhile. Raises `Trouble`."""
    tables = tables_of(line)
    until = time.monotonic() + HOLD_WITHIN
    while tables:
        try:
            with database.atomic():
                # All or none, and soon: who waits for the last one must not keep the site waiting for the others.
                line.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(int(1000 * PATIENCE)))
                line.execute(sql.SQL("LOCK TABLE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
                line.execute("SET LOCAL lock_timeout = 0")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > until:
                raise Trouble(
                    "Somebody else is at work on the tables and does not end, perhaps another backup. "
                    "Nothing was changed: try again later."
                ) from error
            time.sleep(PATIENCE)
        else:
            return


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        raw = sys.stdin.buffer if path == STANDARD else stack.enter_context(path.open("rb"))
        yield cast("IO[bytes]", stack.enter_context(gzip.open(raw, "rb")))


def _load(line: Line, file: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    tables = tables_of(line)
    line.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
    while (found := read_line(file, Part)).end is None:
        if found.table not in tables:
            raise BadBackup(f"The backup holds a table {found.table} of which nothing is known here.")
        cursor = line.cursor()
        with cursor.copy(copy_of(found.table, found.columns, "FROM STDIN")) as copy:
            for block in read_blocks(file):
                copy.write(block)
        counts[found.table] = cursor.rowcount
    if file.read(1):
        # To the very end, for only there stands what tells whether a byte of it was altered.
        raise BadBackup("The backup goes on after its end: nothing was changed.")
    if found.end != counts or set(counts) != set(tables):
        raise BadBackup("The backup does not hold all that it says: nothing was changed.")
    _set_sequences(line)
    return counts


def _set_sequences(line: Line) -> None:
    for table, column, sequence in line.execute(SEQUENCES, [HISTORY]).fetchall():
        line.execute(
            sql.SQL("SELECT setval(%s, greatest(max({0}), 1), max({0}) >= 1) FROM {1}").format(
                sql.Identifier(column), sql.Identifier(table)
            ),
            [sequence],
        )


def _known() -> list[str]:
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def _count_people(line: Line) -> int:
    row = line.execute("SELECT count(*) FROM users WHERE id > 0").fetchone()
    assert row is not None
    return int(row[0])


def begin_epoch(database_url: str) -> None:
    """Make what clients remember worth nothing, so that they read their rooms anew."""
    with connect(database_url) as line:
        line.execute(NEW_EPOCH)


def forget_heads(redis_url: str) -> None:
    """Redis need not wonder at the new epoch's numbers; where it is away, the next start makes one more epoch."""
    with (
        redis.Redis.from_url(redis_url, socket_connect_timeout=2, retry=None) as client,
        suppress(redis.RedisError),
    ):
        client.delete(HEADS)
