"""What is in the file of a backup: gzip around lines of JSON and blocks of COPY text, table by table.

It ends with a line that counts what it holds, so half a file is known for what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import psycopg
from psycopg import sql

from aiochat.trouble import Trouble
from helpers.database import AIOPG

FORMAT = 1
BLOCK = 4
"""How many bytes say how long a block is."""
LONGEST_LINE = 1 << 20
HISTORY = "migratehistory"
# Tables and what they refer to, for rows are put back only after those they point at.
TABLES = """SELECT c.relname, coalesce(array_agg(f.confrelid::regclass::text) FILTER (WHERE f.oid IS NOT NULL), '{}')
    FROM pg_class c LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> %s GROUP BY 1 ORDER BY 1"""

STANDARD = Path("-")
"""The standard output, or the standard input."""

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


def named(path: Path) -> str:
    """A file as a sentence begins with it."""
    return "What was given" if path == STANDARD else str(path)


def connect(database_url: str) -> Line:
    """A connection with a transaction of its own, which is committed at the end."""
    return psycopg.connect(database_url.replace(AIOPG, "postgresql://", 1))


def tables_of(line: Line) -> list[str]:
    """The tables that go into a backup; each after those its rows point at."""
    return list(TopologicalSorter(dict(line.execute(TABLES, [HISTORY]).fetchall())).static_order())


def copy_of(table: str, columns: list[str], way: str) -> sql.Composed:
    """The statement for the rows of a table; `way` is "TO STDOUT" or "FROM STDIN"."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) ").format(sql.Identifier(table), listed) + sql.SQL(way)


def put_line(file: IO[bytes], what: dict[str, Any]) -> None:
    """Write one line."""
    file.write(json.dumps(what).encode() + b"\n")


def read_line(file: IO[bytes], kind: type[S]) -> S:
    """Read one line. Raises `EOFError` where the file ends within it."""
    line = file.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError("it ends too soon")
    return msgspec.json.decode(line, type=kind)


def read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The rows of one table, a piece at a time. Raises `EOFError` where the file ends before they do."""
    while size := int.from_bytes(_exactly(file, BLOCK), "big"):
        yield _exactly(file, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too soon")
    return data
