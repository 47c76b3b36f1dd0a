"""The whole site in one file and back: streamed table by table out of one snapshot, while the site is in use.

The file is gzip around lines of JSON and blocks of COPY text. It ends with a line that counts what it holds, so half a
file is known for what it is. Sessions live in Redis and are not in it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import IO, Any, cast

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

Line = psycopg.Connection[tuple[Any, ...]]


class BadBackup(Trouble):
    """The file is no backup, or not all of one."""


def write(database_url: str, path: Path) -> dict[str, int]:
    """Back the site up into a new file; how many rows of each table it holds.

    What is written is the site at one moment, however long it takes. Raises `Trouble` where the file exists already or
    cannot be written.
    """
    if path.exists():
        raise Trouble(f"{path} exists already: name another file, or move it away.")
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("xb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            with gzip.open(raw, "wb", LEVEL) as file:
                counts = _dump(database_url, cast("IO[bytes]", file))
            raw.flush()
            os.fsync(raw.fileno())
        half.rename(path)
    except FileExistsError:
        raise Trouble(
            f"{half} exists: another backup is under way, or was broken off. Remove it then."
        ) from None
    except BaseException as error:
        with suppress(OSError):
            half.unlink()
        if isinstance(error, OSError):
            raise Trouble(f"{path} cannot be written: {error.strerror or error}.") from error
        raise
    return counts


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
    """Put a backup back, all of it or nothing, under a new epoch; how many rows of each table there were.

    A site that has people is only overwritten with `replace`. An older backup's tables are brought up to date.
    Raises `BadBackup`, `Trouble`.
    """
    try:
        with gzip.open(path, "rb") as opened:
            file = cast("IO[bytes]", opened)
            head = _line(file)
            if head.get("aiochat") != FORMAT:
                raise BadBackup(f"{path} is no backup that this aiochat can read.")
            done, people = _state(database_url)
            made_with: list[str] = head["migrations"]
            if unknown := [name for name in made_with if name not in _known()]:
                raise BadBackup(f"{path} was made by a newer aiochat ({unknown[-1]}): update this one first.")
            if people and not replace:
                raise Trouble(
                    f"This site has {people} accounts. To put the backup in their place, say --replace; "
                    "to keep what is here, run `aiochat backup` first."
                )
            if done != made_with:
                # The tables are made anew outside the transaction that fills them: first be sure that it can.
                _skim(path)
                _rebuild(database_url, made_with)
            counts = _load(database_url, file)
            migrate.migrate(database_url)
            return counts
    except FileNotFoundError:
        raise Trouble(f"There is no file {path}.") from None
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, json.JSONDecodeError, KeyError) as error:
        raise BadBackup(f"{path} is not a whole backup ({error}): nothing was changed.") from error
    except psycopg.Error as error:
        raise Trouble(f"PostgreSQL does not take the backup: {str(error).splitlines()[0]}.") from error


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


def _load(database_url: str, file: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    with _connect(database_url) as line:
        tables = _tables(line)
        line.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
        while "end" not in (found := _line(file)):
            table = found["table"]
            if table not in tables:
                raise BadBackup(f"The backup holds a table {table} of which nothing is known here.")
            counts[table] = 0
            with line.cursor().copy(_copy(table, found["columns"], "FROM STDIN")) as copy:
                for block in _blocks(file):
                    counts[table] += block.count(b"\n")
                    copy.write(block)
        if found["end"] != counts:
            raise BadBackup(
                f"The backup says it holds {found['end']}, but {counts} are there: nothing was changed."
            )
        _set_sequences(line)
        line.execute(NEW_EPOCH)
    return counts


def _set_sequences(line: Line) -> None:
    for table, column, sequence in line.execute(SEQUENCES, [HISTORY]).fetchall():
        line.execute(
            sql.SQL("SELECT setval(%s, greatest(max({0}), 1), max({0}) >= 1) FROM {1}").format(
                sql.Identifier(column), sql.Identifier(table)
            ),
            [sequence],
        )


def _skim(path: Path) -> None:
    with gzip.open(path, "rb") as opened:
        file = cast("IO[bytes]", opened)
        _line(file)
        while "end" not in _line(file):
            for _ in _blocks(file):
                pass


def _rebuild(database_url: str, wanted: list[str]) -> None:
    """The tables as they were when the backup was made, empty."""
    database = sync_database(database_url)
    with database.connection_context():
        router = Router(database, migrate_dir=MIGRATIONS)
        while router.done:
            router.rollback()
        for name in wanted:
            router.run(name)


def _known() -> list[str]:
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def _state(database_url: str) -> tuple[list[str], int]:
    with _connect(database_url) as line:
        row = line.execute("SELECT count(*) FROM users WHERE id > 0").fetchone()
        assert row is not None
        return _migrations(line), row[0]


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


def _line(file: IO[bytes]) -> dict[str, Any]:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError("it ends too soon")
    found: dict[str, Any] = json.loads(line)
    return found


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while size := int.from_bytes(_exactly(file, BLOCK), "big"):
        yield _exactly(file, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too soon")
    return data
