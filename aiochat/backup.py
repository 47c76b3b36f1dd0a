"""The whole site in one file and back: streamed table by table out of one snapshot, while the site is in use.

The file is gzip around lines of JSON and blocks of COPY text. It ends with a line that counts what it holds, so half a
file is known for what it is. Sessions live in Redis and are not in it.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import msgspec
import peewee
import psycopg
import redis
from peewee_migrate import Router
from psycopg import sql

from aiochat import migrate
from aiochat.settings import MIGRATIONS
from aiochat.trouble import Trouble
from chat.epoch import HEADS, NEW_EPOCH
from helpers.database import AIOPG, sync_database

FORMAT = 1
BLOCK = 4
LEVEL = 6
HISTORY = "migratehistory"
# Tables and what they refer to, for rows are put back only after those they point at.
TABLES = """SELECT c.relname, coalesce(array_agg(f.confrelid::regclass::text) FILTER (WHERE f.oid IS NOT NULL), '{}')
    FROM pg_class c LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> %s GROUP BY 1 ORDER BY 1"""
COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = '' ORDER BY attnum"""
SEQUENCES = """SELECT c.relname, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> %s
      AND pg_get_serial_sequence(c.oid::regclass::text, a.attname) IS NOT NULL"""

STANDARD = Path("-")
"""The standard output, or the standard input."""
LONGEST_LINE = 1 << 20
# How long all tables are waited for, and how long at once while the site stands still for it; in seconds.
HOLD_WITHIN = 60.0
PATIENCE = 0.5

Line = psycopg.Connection[tuple[Any, ...]]
S = TypeVar("S", bound=msgspec.Struct)


class BadBackup(Trouble):
    """The file is no backup, or not all of one."""


class Head(msgspec.Struct):
    """The first line of a backup: which kind of file, and the migrations of the tables in it."""

    aiochat: int = 0
    migrations: list[str] = []


class Part(msgspec.Struct):
    """What comes before the rows of a table; or the last line, with how many rows of each table there were."""

    table: str = ""
    columns: list[str] = []
    end: dict[str, int] | None = None


def write(database_url: str, path: Path) -> dict[str, int]:
    """Back the site up into a new file, or to the standard output; how many rows of each table it holds.

    What is written is the site at one moment, however long it takes. Raises `Trouble` where the file exists already or
    cannot be written.
    """
    try:
        with _new(path) as raw, gzip.open(raw, "wb", LEVEL) as file:
            return _dump(database_url, cast("IO[bytes]", file))
    except OSError as error:
        raise Trouble(f"{_named(path)} cannot be written: {error.strerror or error}.") from error
    except psycopg.errors.UndefinedTable as error:
        raise Trouble("In this database there is no site yet.") from error
    except psycopg.Error as error:
        raise Trouble(f"PostgreSQL broke off: {str(error).splitlines()[0]}. No backup was made.") from error


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name once it is whole."""
    if path == STANDARD:
        if sys.stdout.isatty():
            raise Trouble("A backup is nothing to read: say `aiochat backup - > FILE`, or name a file.")
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
            yield out
        return
    if path.exists():
        raise Trouble(f"{path} exists already: name another file, or move it away.")
    half = path.with_name(f"{path.name}.half")
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Trouble(
            f"{half} exists: another backup is under way, or was broken off. Remove it then."
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(descriptor)
        half.rename(path)
    except BaseException:
        with suppress(OSError):
            half.unlink()
        raise


def _dump(database_url: str, file: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    with _connect(database_url) as line:
        line.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = {"aiochat": FORMAT, "at": datetime.now(UTC).isoformat(), "migrations": _migrations(line)}
        _put(file, head)
        for table in _tables(line):
            columns = [name for (name,) in line.execute(COLUMNS, [f'public."{table}"'])]
            _put(file, {"table": table, "columns": columns})
            counts[table] = 0
            with line.cursor().copy(_copy(table, columns, "TO STDOUT")) as copy:
                for block in copy:
                    # A line break in COPY's text is always the end of a row: in values it is escaped.
                    counts[table] += bytes(block).count(b"\n")
                    file.write(len(block).to_bytes(BLOCK, "big") + block)
            file.write(bytes(BLOCK))
        _put(file, {"end": counts})
    return counts


def read(database_url: str, path: Path, *, replace: bool = False) -> dict[str, int]:
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
        raise BadBackup(f"{_named(path)} is not a whole backup ({error}): nothing was changed.") from error
    except FileNotFoundError:
        raise Trouble(f"There is no file {path}.") from None
    except OSError as error:
        raise Trouble(
            f"{_named(path)} cannot be read: {error.strerror or error}. Nothing was changed."
        ) from error
    except (psycopg.Error, peewee.PeeweeException) as error:
        raise Trouble(
            f"PostgreSQL does not take the backup: {str(error).splitlines()[0]}. Nothing was changed."
        ) from error


def _take(database: peewee.Database, file: IO[bytes], path: Path, replace: bool) -> dict[str, int]:
    head = _line(file, Head)
    if head.aiochat != FORMAT or not head.migrations:
        raise BadBackup(f"{_named(path)} is no backup that this aiochat can read.")
    if unknown := [name for name in head.migrations if name not in _known()]:
        raise BadBackup(f"{_named(path)} was made by a newer aiochat ({unknown[-1]}): update this one first.")
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
    tables = _tables(line)
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


def _named(path: Path) -> str:
    return "What was given" if path == STANDARD else str(path)


def begin_epoch(database_url: str) -> None:
    """Make what clients remember worth nothing, so that they read their rooms anew."""
    with _connect(database_url) as line:
        line.execute(NEW_EPOCH)


def forget_heads(redis_url: str) -> None:
    """Redis need not wonder at the new epoch's numbers; where it is away, the next start makes one more epoch."""
    with (
        redis.Redis.from_url(redis_url, socket_connect_timeout=2, retry=None) as client,
        suppress(redis.RedisError),
    ):
        client.delete(HEADS)


def _load(line: Line, file: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    tables = _tables(line)
    line.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
    while (found := _line(file, Part)).end is None:
        if found.table not in tables:
            raise BadBackup(f"The backup holds a table {found.table} of which nothing is known here.")
        cursor = line.cursor()
        with cursor.copy(_copy(found.table, found.columns, "FROM STDIN")) as copy:
            for block in _blocks(file):
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


def _migrations(line: Line) -> list[str]:
    return [name for (name,) in line.execute(f"SELECT name FROM {HISTORY} ORDER BY id")]


def _tables(line: Line) -> list[str]:
    return list(TopologicalSorter(dict(line.execute(TABLES, [HISTORY]).fetchall())).static_order())


def _copy(table: str, columns: list[str], way: str) -> sql.Composed:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) ").format(sql.Identifier(table), listed) + sql.SQL(way)


def _connect(database_url: str) -> Line:
    return psycopg.connect(database_url.replace(AIOPG, "postgresql://", 1))


def _put(file: IO[bytes], what: dict[str, Any]) -> None:
    file.write(json.dumps(what).encode() + b"\n")


def _line(file: IO[bytes], kind: type[S]) -> S:
    line = file.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError("it ends too soon")
    return msgspec.json.decode(line, type=kind)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while size := int.from_bytes(_exactly(file, BLOCK), "big"):
        yield _exactly(file, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too soon")
    return data
