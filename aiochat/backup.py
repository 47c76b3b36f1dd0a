"""The whole site into one file: streamed table by table out of one snapshot, while the site is in use.

Sessions live in Redis and are not in it.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import psycopg

from aiochat.backup_file import (
    BLOCK,
    FORMAT,
    HISTORY,
    STANDARD,
    Line,
    connect,
    copy_of,
    named,
    put_line,
    tables_of,
)
from aiochat.trouble import Trouble

LEVEL = 6
COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = '' ORDER BY attnum"""


def write(database_url: str, path: Path) -> dict[str, int]:
    """Back the site up into a new file, or to the standard output; how many rows of each table it holds.

    What is written is the site at one moment, however long it takes. Raises `Trouble` where the file exists already or
    cannot be written.
    """
    try:
        with _new(path) as raw, gzip.open(raw, "wb", LEVEL) as file:
            return _dump(database_url, cast("IO[bytes]", file))
    except OSError as error:
        raise Trouble(f"{named(path)} cannot be written: {error.strerror or error}.") from error
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
    with connect(database_url) as line:
        line.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = {"aiochat": FORMAT, "at": datetime.now(UTC).isoformat(), "migrations": _migrations(line)}
        put_line(file, head)
        for table in tables_of(line):
            columns = [name for (name,) in line.execute(COLUMNS, [f'public."{table}"'])]
            put_line(file, {"table": table, "columns": columns})
            counts[table] = 0
            with line.cursor().copy(copy_of(table, columns, "TO STDOUT")) as copy:
                for block in copy:
                    # A line break in COPY's text is always the end of a row: in values it is escaped.
                    counts[table] += bytes(block).count(b"\n")
                    file.write(len(block).to_bytes(BLOCK, "big") + block)
            file.write(bytes(BLOCK))
        put_line(file, {"end": counts})
    return counts


def _migrations(line: Line) -> list[str]:
    return [name for (name,) in line.execute(f"SELECT name FROM {HISTORY} ORDER BY id")]
