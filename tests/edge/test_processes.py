"""The site as it is deployed: a real nginx, and two real processes behind it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from redis import Redis

from aiochat.assets import Assets
from aiochat.embedded import Servers
from aiochat.settings import STATIC, Settings
from aiochat.values import networks
from tests.conftest import SECRET_KEY

from .proxy import ROOT, Nginx, free_port, until
from .visitor import PASSWORD, Visitor

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.timeout(120)]

SETUP = re.compile(r"aiochat is ready: http://\S+(/setup/\S+)")
JOIN = re.compile(r"http://[^\s\"<]+(/join/[^\s\"<]+)")


class Process:
    """One `aiochat serve`, on a port of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.port = free_port()
        self._settings = replace(settings, port=self.port)
        self._log = folder / f"{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to start it."""
        inherited = {name: each for name, each in os.environ.items() if not name.startswith("AIOCHAT_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aiochat", "serve"],
                cwd=ROOT,
                env=inherited | self._settings.environ(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def serves(self) -> None:
        """Wait until it does."""
        running = self._process
        assert running is not None
        until(lambda: "aiochat is ready" in self.log() or running.poll() is not None, seconds=30)
        assert running.poll() is None, self.log()

    def terminate(self) -> None:
        """SIGTERM, as from systemd."""
        assert self._process is not None
        self._process.terminate()

    def stopped(self) -> None:
        """Wait until it has ended, in peace."""
        assert self._process is not None
        assert self._process.wait(timeout=30) == 0, self.log()
        assert "Traceback" not in self.log(), self.log()

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A site with a database of its own, which these tests share: processes are slow to start."""
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE edge TEMPLATE template0")
    assert servers.redis_url is not None
    with Redis.from_url(servers.redis_url) as redis:
        redis.flushall()
    return Settings(
        database_url=urlunsplit(urlsplit(servers.database_url)._replace(path="/edge")),
        redis_url=servers.redis_url,
        data_dir=tmp_path_factory.mktemp("data"),
        secret_key=SECRET_KEY,
        host="127.0.0.1",
        trusted_proxies=networks("127.0.0.1"),
        pool_size=5,
        shutdown_grace=1.0,
    )


@pytest.fixture(scope="module")
def processes(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Process]]:
    folder = tmp_path_factory.mktemp("logs")
    both = [Process(settings, folder) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.serves()
    yield both
    for each in both:
        each.terminate()
    for each in both:
        each.stopped()


@pytest.fixture(scope="module")
def nginx(processes: list[Process], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    prefix = tmp_path_factory.mktemp("edge") / "nginx"
    with Nginx(prefix, [each.port for each in processes]) as running:
        yield running


@pytest.fixture(scope="module")
async def invitation(nginx: Nginx, processes: list[Process]) -> str:
    """The invitation alice got for setting the site up, by the link in a process's log."""
    async with Visitor(nginx.url) as alice:
        link = SETUP.search(processes[0].log())
        assert link
        status, page = await alice.fills(
            link[1], site="House", name="alice", password=PASSWORD, registration="invite"
        )
        assert status == 200
        invited = JOIN.search(page)
        assert invited
        assert invited[0].startswith(nginx.url), "the link leads past nginx"
        async with Visitor(nginx.url) as bob:
            status, _ = await bob.fills(invited[1], name="bob", password=PASSWORD)
            assert status == 200
        return invited[1]


@pytest.fixture
async def alice(nginx: Nginx, invitation: str) -> AsyncIterator[Visitor]:
    async with Visitor(nginx.url) as visitor:
        await visitor.fills("/login", name="alice", password=PASSWORD)
        yield visitor


@pytest.fixture
async def bob(nginx: Nginx, invitation: str) -> AsyncIterator[Visitor]:
    async with Visitor(nginx.url) as visitor:
        await visitor.fills("/login", name="bob", password=PASSWORD)
        yield visitor


async def test_two_people_on_two_processes_talk(nginx: Nginx, alice: Visitor, bob: Visitor) -> None:
    hers = await alice.enters("lobby")
    his = await bob.enters("lobby")
    number = await hers.says("is anybody out there?")
    assert (await his.hears("message", text="is anybody out there?"))["seq"] == number
    await his.says("yes, next door")
    assert (await hers.hears("message", text="yes, next door"))["by"]["name"] == "bob"
    await hers.leaves()
    await his.leaves()
    await asyncio.to_thread(until, lambda: len(nginx.served_by("/rooms/lobby/ws")) == 2)
    assert len(set(nginx.served_by("/rooms/lobby/ws"))) == 2, "both sockets were on one process"


async def test_a_conversation_goes_on_through_a_reload_of_nginx(
    nginx: Nginx, alice: Visitor, bob: Visitor
) -> None:
    hers, his = await alice.enters("lobby"), await bob.enters("lobby")
    await asyncio.to_thread(nginx.reload)
    await hers.says("still here")
    await his.hears("message", text="still here")
    await his.says("so am I")
    await hers.hears("message", text="so am I")
    # Whoever comes now comes by the new workers, to the same room.
    late = await bob.enters("lobby")
    await hers.says("welcome")
    await late.hears("message", text="welcome")


async def test_a_rolling_restart_loses_nothing(
    processes: list[Process], alice: Visitor, bob: Visitor
) -> None:
    people = {"alice": alice, "bob": bob}
    seats = {name: await person.enters("lobby") for name, person in people.items()}
    said = [await seats["alice"].says("before")]
    for process in processes:
        process.terminate()
        await asyncio.to_thread(process.stopped)
        await asyncio.to_thread(until, lambda: not all(seat.is_open for seat in seats.values()))
        away = [name for name, seat in seats.items() if not seat.is_open]
        assert away, "nobody was on this process"
        for name in away:
            assert await seats[name].is_let_go() == 1012
            epoch = seats[name].hello["epoch"]
            seats[name] = back = await people[name].enters("lobby")
            said.append(await back.says(f"{name} is back"))
            await back.sends(type="resume", epoch=epoch, after=said[0] - 1)
            await back.hears("resumed", recovered=True)
        process.start()
        await asyncio.to_thread(process.serves)
    page = await alice.opens("/rooms/lobby")
    assert all(f"m{number}" in page for number in said)


async def test_guesses_count_against_the_guessers_address_not_nginxs(nginx: Nginx, alice: Visitor) -> None:
    async with Visitor(nginx.url, comes_from="127.0.0.66") as mallory:
        tries = [(await mallory.fills("/login", name="alice", password=f"guess {n}"))[0] for n in range(6)]
    assert tries[-1] == 429
    async with Visitor(nginx.url) as alice_elsewhere:
        status, page = await alice_elsewhere.fills("/login", name="alice", password=PASSWORD)
    assert status == 200
    assert "lobby" in page


async def test_pages_name_files_that_nginx_and_the_site_give_alike(nginx: Nginx, alice: Visitor) -> None:
    page = await alice.opens("/rooms/lobby")
    named = set(re.findall(r'"(/static/[0-9a-f]+/[^"]+\.(?:css|js))"', page))
    assert named
    [folder] = {path.split("/")[2] for path in named}
    by_site = {path: await alice.opens(path) for path in named}
    Assets(STATIC).publish(nginx.prefix / "static" / folder)
    by_nginx = {path: await alice.opens(path) for path in named}
    assert by_site == by_nginx
    # What was asked of the site is written down only after it was answered.
    await asyncio.to_thread(until, lambda: all(map(nginx.served_by, named)))
    assert all(len(nginx.served_by(path)) == 1 for path in named), "nginx asked the site for a published file"
