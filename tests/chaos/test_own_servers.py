"""A newcomer's site on servers of its own: they die under people who talk, and nobody has to come and help."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.site import QUICK, SECRET, Process, free_port
from tests.chaos.conftest import PACE, Play, everybody_comes_again, play_at

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def own(short_folder: Path) -> AsyncIterator[Any]:
    """One process that runs a PostgreSQL and a Valkey of its own."""
    environ = {
        **QUICK,
        "CHAOS_PACE": str(PACE),
        "AIOCHAT_SECRET_KEY": SECRET,
        "AIOCHAT_DATA_DIR": str(short_folder),
    }
    with (short_folder / "said").open("wb") as log:
        process = Process(0, free_port(), environ, log)
        await process.start()
        told = json.loads((short_folder / "servers.json").read_text("utf-8"))
        try:
            yield SimpleNamespace(
                servers=SimpleNamespace(database_url=told["database_url"], redis_url=told["redis_url"]),
                processes=[process],
                home=Path(told["home"]),
                log=short_folder / "said",
                target=lambda: ("127.0.0.1", process.port),
            )
        finally:
            await process.stop()


async def test_servers_that_are_killed_under_people_who_talk_come_back_and_nothing_is_lost(own: Any) -> None:
    async with play_at(own) as play:
        talking = asyncio.create_task(_talk(play, 120))
        for pid_file in ("postgres/postmaster.pid", "valkey/valkey.pid", "postgres/postmaster.pid"):
            await _something_is_kept(play)
            os.kill(int((own.home / pid_file).read_text("ascii").split()[0]), signal.SIGKILL)
            await _something_is_kept(play)
        await play.is_answered(*await talking, within=60)
        await everybody_comes_again(play)
        found = await play.is_well()
    assert (found.lost, found.doubled) == (0, 0)
    assert play.book.errors["http 401"] == 0, "nobody is signed out"
    assert not play.book.resumes["reloaded"], "nobody needs a reload"
    said = own.log.read_text("utf-8")
    assert said.count("PostgreSQL ended with -9") == 2
    assert said.count("Valkey ended with -9") == 1


async def _talk(play: Play, rounds: int) -> list[str]:
    nonces: list[str] = []
    rng = random.Random(4)
    for number in range(rounds):
        nonces += [
            await play.says(one, f"{play.room.slug} {one.name} talks on {number}") for one in play.clients
        ]
        await asyncio.sleep(0.04 * rng.random())
    return nonces


async def _something_is_kept(play: Play) -> None:
    """Wait for some more acknowledgements."""
    async with asyncio.timeout(60):
        enough = play.book.acked + 20
        while play.book.acked < enough:
            if not any(client.outbox for client in play.clients):
                await play.says(
                    play.clients[0], f"{play.room.slug} still here {play.book.acked} {len(play.book.sent)}"
                )
            await play.book.changes()
