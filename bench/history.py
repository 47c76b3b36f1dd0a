"""Reading back: a page of a long log against one of a short, by HTTP and by SQL, and all the way to the oldest."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.contestants import OURS
from bench.phase import Goal, Outcome, Stage, Table, ratio, told
from bench.product import Backend
from chat.history import MOST, History
from chat.unread import Unread
from helpers.database import Manager

SMALL = 1_000
LARGE, LARGE_IN_SHORT = 5_000_000, 200_000
PAGES = 400
FILL = """INSERT INTO messages
        (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text, parts)
    SELECT %(room)s, n, 'message', 1 + n %% 1000, 'p' || (1 + n %% 1000),
        now() - (%(many)s::bigint - n) * interval '1 second', 'n' || n, '\\x00', n,
        'entry ' || n || repeat(' word', 14),
        jsonb_build_array(jsonb_build_object('t', 'text', 's', 'entry ' || n || repeat(' word', 14)))
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n"""
STEP = 500_000


@dataclass(frozen=True)
class Log:
    """A room with so many entries, and somebody who belongs to it alone and has read half of them."""

    slug: str
    room_id: int
    entries: int
    reader: int


def history(stage: Stage) -> Outcome:
    """Pages, counts of what is unread, and the whole way back."""
    most = LARGE if stage.full else LARGE_IN_SHORT
    small = _fill(stage.backend, "short-log", SMALL, 9_001)
    stage.say(f"filling a room with {most:,} entries")
    large = _fill(stage.backend, "long-log", most, 9_002)
    with psycopg.connect(stage.backend.database_url, autocommit=True) as database:
        database.execute("VACUUM ANALYZE")
        database.execute("CHECKPOINT")
    by_sql = asyncio.run(_by_sql(stage.backend, small, large))
    with stage.contestants[OURS].start() as server:
        reader = Reader(server.ports[0], stage.backend)
        by_http = reader.pages(small, large)
        stage.say(f"scrolling through {most:,} entries")
        scrolled = reader.scroll(large)
        reader.close()
    found = by_sql | {"page by HTTP": by_http}
    goals = []
    rows = []
    for name, (short, long) in found.items():
        times = ratio(_at(long, 0.5), _at(short, 0.5))
        goals.append(Goal(f"{name}, {most:,} entries above {SMALL:,}", times, most=1.3))
        goals.append(Goal(f"{name}, {most:,} entries: p99", 1000 * _at(long, 0.99), most=50, unit="ms"))
        rows.append(
            [name, *(f"{1000 * _at(one, part):.2f}" for one in (short, long) for part in (0.5, 0.99))]
        )
    goals.append(Goal("scroll: the oldest pages above the newest", scrolled["oldest_above_newest"], most=1.3))
    columns = ["ms", f"{SMALL:,}: p50", "p99", f"{most:,}: p50", "p99"]
    note = (
        f"All {most:,} entries were read back by HTTP, {MOST} a page, in {told(scrolled['seconds'], 's')}: "
        f"{scrolled['pages']:,} pages. Search does not exist yet."
    )
    return Outcome(goals, [Table("Reading back", columns, rows)], {"scroll": scrolled}, [note])


def _fill(backend: Backend, slug: str, many: int, reader: int) -> Log:
    with psycopg.connect(backend.database_url, autocommit=True) as database:
        row = database.execute(
            "INSERT INTO rooms (slug, title, last_seq, last_ordinal) VALUES (%s, %s, %s, %s) RETURNING id",
            (slug, slug, many, many),
        ).fetchone()
        assert row is not None
        for first in range(1, many + 1, STEP):
            last = min(many, first + STEP - 1)
            database.execute(FILL, {"room": row[0], "many": many, "first": first, "last": last})
        database.execute("DELETE FROM memberships WHERE user_id = %s", (reader,))
        database.execute(
            "INSERT INTO memberships (room_id, user_id, read_seq, read_ordinal) VALUES (%s, %s, %s, %s)",
            (row[0], reader, many // 2, many // 2),
        )
        database.execute(
            "INSERT INTO mentions (room_id, user_id, seq) "
            "SELECT %s, %s, n FROM generate_series(%s::bigint, %s::bigint, %s::bigint) n",
            (row[0], reader, many // 10, many, many // 10),
        )
    return Log(slug, row[0], many, reader)


async def _by_sql(backend: Backend, small: Log, large: Log) -> dict[str, tuple[list[float], list[float]]]:
    chance = random.Random(7)
    async with Manager(backend.database_url) as manager:
        reads, counts = History(manager), Unread(manager)

        def page(log: Log) -> Awaitable[object]:
            return reads.before(log.room_id, chance.randint(60, log.entries))

        def unread(log: Log) -> Awaitable[object]:
            counts.follow(log.reader)
            counts.look_again(log.reader, log.room_id)
            return counts.welcome()

        asked: dict[str, Callable[[Log], Awaitable[object]]] = {"page by SQL": page, "unread counts": unread}
        found: dict[str, tuple[list[float], list[float]]] = {}
        for name, ask in asked.items():
            took: tuple[list[float], list[float]] = ([], [])
            for turn in range(PAGES + 50):
                for log, into in zip((small, large), took, strict=True):
                    begun = time.perf_counter()
                    await ask(log)
                    if turn >= 50:
                        into.append(time.perf_counter() - begun)
            found[name] = took
    return found


class Reader:
    """Somebody who reads by HTTP, over one line."""

    def __init__(self, port: int, backend: Backend) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port)
        self._backend = backend

    def pages(self, small: Log, large: Log) -> tuple[list[float], list[float]]:
        """Pages from anywhere, of both by turns; the seconds each took."""
        chance = random.Random(7)
        took: tuple[list[float], list[float]] = ([], [])
        for turn in range(PAGES + 50):
            for log, into in zip((small, large), took, strict=True):
                begun = time.perf_counter()
                self._page(log, chance.randint(60, log.entries), 50)
                if turn >= 50:
                    into.append(time.perf_counter() - begun)
        return took

    def scroll(self, log: Log) -> dict[str, Any]:
        """From the newest to the oldest, page by page."""
        before, took, begun = log.entries + 1, [], time.perf_counter()
        seen, complete = 0, False
        while not complete:
            asked = time.perf_counter()
            page = self._page(log, before, MOST)
            took.append(time.perf_counter() - asked)
            seen += len(page["entries"])
            complete = page["complete"]
            before = page["entries"][0]["seq"] if page["entries"] else 0
        if seen != log.entries:
            raise RuntimeError(f"of {log.entries} entries {seen} were found")
        tenth = max(1, len(took) // 10)
        return {
            "pages": len(took),
            "seconds": time.perf_counter() - begun,
            "oldest_above_newest": ratio(_at(took[-tenth:], 0.5), _at(took[:tenth], 0.5)),
        }

    def _page(self, log: Log, before: int, limit: int) -> Any:
        cookie = self._backend.cookies[log.reader - 1]
        path = f"/api/rooms/{log.slug}/messages?before={before}&limit={limit}"
        self._line.request("GET", path, headers={"Cookie": f"aiochat_session={cookie}"})
        answer = self._line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def close(self) -> None:
        """Hang up."""
        self._line.close()


def _at(took: list[float], part: float) -> float:
    return sorted(took)[int(len(took) * part)]
