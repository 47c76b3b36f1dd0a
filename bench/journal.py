"""The journal alone, against pgbench and against one INSERT each through the ORM.

Run as a program, `python -m bench.journal journal|inserts URL CONCURRENT SECONDS`, it is one of the two in a process.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import uvloop
from peewee import BigAutoField, DateTimeField, TextField

from aiochat import binaries
from aiochat.children import Keeper
from bench.phase import Goal, Outcome, Stage, Table, ratio
from bench.servers import ROOT, SERVER_CORE, on_core
from chat.events import Person
from chat.journal import Journal
from chat.post import Post
from helpers.database import BaseModel, Manager

WORDS = "x" * 100
TABLE = (
    "CREATE TABLE IF NOT EXISTS bench_said (id bigserial PRIMARY KEY, room text, text text, at timestamptz)"
)
INSERT = f"INSERT INTO bench_said (room, text, at) VALUES ('bench0', '{WORDS}', now());\n"
CONCURRENT = (50, 10, 1)
Act = Callable[[int], Awaitable[object]]


class Said(BaseModel):
    """A row for each message."""

    id = BigAutoField()
    room = TextField()
    text = TextField()
    at = DateTimeField()

    class Meta:
        table_name = "bench_said"


def alone(stage: Stage) -> Outcome:
    """Commits a second at 50, 10 and 1 at once."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {"journal": {}, "pgbench": {}, "inserts": {}}
    url = stage.backend.database_url
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLE)
    for concurrent in CONCURRENT:
        for turn in range(stage.rounds):
            for name in found:
                one = (
                    _pgbench(url, concurrent, stage.seconds)
                    if name == "pgbench"
                    else _process(name, url, concurrent, stage.seconds)
                )
                found[name].setdefault(concurrent, []).append(one)
                stage.say(f"{concurrent} at once, round {turn + 1}: {name}: {one['a_second']:,.0f} commits/s")

    def middle(name: str, concurrent: int, what: str = "a_second") -> float:
        return statistics.median(one[what] for one in found[name][concurrent])

    goals = [
        Goal(
            f"journal, {concurrent} at once: commits/s of pgbench's",
            ratio(middle("journal", concurrent), middle("pgbench", concurrent)),
            least,
        )
        for concurrent, least in zip(CONCURRENT, (1.8, 0.8, 0.35), strict=True)
    ]
    times = ratio(middle("journal", 50), middle("inserts", 50))
    goals.append(Goal("journal, 50 at once: commits/s above one INSERT each", times, 10))
    rows = [[name, *(f"{middle(name, concurrent):,.0f}" for concurrent in CONCURRENT)] for name in found]
    waits = [
        f"{middle('journal', c, 'p50_ms'):.1f} / {middle('journal', c, 'p99_ms'):.1f}" for c in CONCURRENT
    ]
    columns = ["", *(f"{concurrent} at once" for concurrent in CONCURRENT)]
    tables = [
        Table(
            "Commits a second, the database part alone", columns, [*rows, ["journal, p50 / p99 ms", *waits]]
        )
    ]
    return Outcome(goals, tables, dict(found))


def _process(name: str, url: str, concurrent: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.journal", name, url, str(concurrent), str(seconds)]
    done = subprocess.run(on_core(SERVER_CORE, command), cwd=ROOT, check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _pgbench(url: str, concurrent: int, seconds: float) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(INSERT)
        script.flush()
        command = [_pgbench_program(), "-n", "-f", script.name, "-c", str(concurrent), "-j", "1"]
        command += ["-T", str(max(1, round(seconds))), url]
        done = subprocess.run(on_core(SERVER_CORE, command), check=True, capture_output=True, text=True)
    tps = re.search(r"tps = ([\d.]+)", done.stdout)
    assert tps is not None
    return {"a_second": float(tps[1])}


def _pgbench_program() -> str:
    beside = binaries.postgres(Keeper.present()).programs / "pgbench"
    program = str(beside) if beside.exists() else shutil.which("pgbench")
    if program is None:
        raise RuntimeError(
            "pgbench is needed: install your system's postgresql-client and postgresql packages."
        )
    return program


async def _repeat(act: Act, concurrent: int, seconds: float) -> dict[str, float]:
    took: list[float] = []
    begun = time.perf_counter()
    counted_from, end = begun + 0.5, begun + 0.5 + seconds

    async def one(number: int) -> None:
        while (before := time.perf_counter()) < end:
            await act(number)
            if before >= counted_from:
                took.append(time.perf_counter() - before)

    async with asyncio.TaskGroup() as tasks:
        for number in range(1, concurrent + 1):
            tasks.create_task(one(number))
    took.sort()
    return {
        "a_second": len(took) / seconds,
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[len(took) * 99 // 100],
    }


async def _journal(url: str, concurrent: int, seconds: float) -> dict[str, float]:
    parts = b'[{"t":"text","s":"%s"}]' % WORDS.encode()
    async with Manager(url) as manager:
        room_id: int = await manager.value("SELECT id FROM rooms WHERE slug = 'bench0'")
        journal = Journal(manager, lambda batch: None)
        await journal.open()

        async def post(author: int) -> None:
            nonce = secrets.token_hex(8)
            person = Person(author, f"p{author}", False)
            await journal.append(Post(room_id, "bench0", person, nonce, bytes(16), WORDS, parts))

        found = await _repeat(post, concurrent, seconds)
        await journal.close()
    return found


async def _inserts(url: str, concurrent: int, seconds: float) -> dict[str, float]:
    async with Manager(url, max_size=20) as manager:
        manager.bind([Said])

        async def insert(author: int) -> None:
            await Said.aio_create(room="bench0", text=WORDS, at=datetime.now(UTC))

        return await _repeat(insert, concurrent, seconds)


def main() -> None:
    """Be one of the two, and say what was counted."""
    name, url, concurrent, seconds = sys.argv[1:]
    act: Any = {"journal": _journal, "inserts": _inserts}[name]
    sys.stdout.write(json.dumps(uvloop.run(act(url, int(concurrent), float(seconds)))))


if __name__ == "__main__":
    main()
