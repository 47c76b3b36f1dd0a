"""`aiochat serve`, as somebody at a terminal sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from aiohttp import ClientSession, WSMsgType

from aiochat.embedded import Servers
from tests.aiochat.conftest import Desk, Say, children_of, free_port, runs, until
from tests.people import received


def answers(url: str) -> bool:
    """Whether the site answers there."""
    try:
        with urlopen(f"{url}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except HTTPError:
        return False


@pytest.fixture
def served(desk: Desk, servers: Servers, clean: None) -> Desk:
    """A desk whose site uses the servers of this run, which saves starting others."""
    assert servers.database_url is not None
    assert servers.redis_url is not None
    desk.environ |= {
        "AIOCHAT_DATABASE_URL": servers.database_url,
        "AIOCHAT_REDIS_URL": servers.redis_url,
        "AIOCHAT_SECRET_KEY": "s" * 32,
        "AIOCHAT_SHUTDOWN_GRACE": "3",
    }
    return desk


def test_one_line_says_where_to_look_and_the_link_works(desk: Desk) -> None:
    site = desk.serve()
    link = site.says(r"^aiochat is ready: http://localhost:(\d+)(/setup/\S+)$")
    with urlopen(desk.url + link[2], timeout=10) as page:
        assert page.status == 200
    assert len(site.said) == 1
    own = children_of(site.pid)
    assert site.told(signal.SIGINT) == 0
    assert len(site.said) == 1
    until(lambda: not any(map(runs, own)))
    with pytest.raises(OSError, match="refused"):
        answers(desk.url)


def test_the_link_stays_the_same_until_the_site_is_set_up(served: Desk, servers: Servers) -> None:
    lines = []
    for _ in range(2):
        site = served.serve()
        lines.append(site.said)
        assert site.told(signal.SIGTERM) == 0
    assert lines[0] == lines[1]
    with psycopg.connect(str(servers.database_url), autocommit=True) as connection:
        connection.execute("UPDATE site SET set_up_at = now()")
    served.serve(AIOCHAT_PUBLIC_URL="https://chat.example.org").says(r"ready: https://chat\.example\.org/$")


def test_several_workers_share_the_port_and_are_replaced_when_they_die(served: Desk) -> None:
    site = served.serve("--workers", "2")
    workers = {pid for pid, command in children_of(site.pid).items() if "worker" in command}
    assert len(workers) == 2
    assert answers(served.url)
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    site.says(f"worker {victim} ended with -9, another begins")
    until(lambda: len(children_of(site.pid)) == 2 and victim not in children_of(site.pid))
    everyone = set(children_of(site.pid)) | workers
    assert site.told(signal.SIGTERM) == 0
    until(lambda: not any(map(runs, everyone)))


def test_workers_end_with_their_parent_and_the_port_is_free_again(served: Desk) -> None:
    site = served.serve("--workers", "2")
    workers = children_of(site.pid)
    site.told(signal.SIGKILL)
    again = served.serve("--workers", "2")
    until(lambda: not any(map(runs, workers)))
    assert answers(served.url)
    assert again.told(signal.SIGTERM) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sockets_are_told_to_come_back_when_the_site_stops(
    served: Desk, say: Say, workers: str
) -> None:
    await asyncio.to_thread(say, "user add robo --bot")
    await asyncio.to_thread(say, "room add lobby --owner robo")
    token = await asyncio.to_thread(say, "user token robo")
    headers = {"Authorization": f"Bearer {token}"}
    site = await asyncio.to_thread(served.serve, "--workers", workers)
    async with (
        ClientSession() as session,
        session.ws_connect(f"{served.url}/rooms/lobby/ws", headers=headers, protocols=["aiochat.v2"]) as line,
    ):
        assert (await line.receive_json(timeout=10))["type"] == "hello"
        site.process.send_signal(signal.SIGTERM)
        while (frame := await received(line)).type is WSMsgType.TEXT:
            continue
        assert frame.type is WSMsgType.CLOSE
        assert frame.data == 1012
    assert await asyncio.to_thread(site.ends) == 0
    assert len(site.said) == 1, site.said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_is_one_sentence(desk: Desk, workers: str) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        site = desk.run("serve", "--port", str(port), "--workers", workers)
        assert site.ends() == 1
    assert len(site.said) == 1
    assert site.said[0].startswith(f"aiochat: Port {port} is taken: ")


@pytest.mark.parametrize(
    ("host", "said"),
    [("192.0.2.1", "This machine has no address 192.0.2.1"), ("no.such.invalid", "There is no address")],
)
def test_an_address_that_is_not_ours_is_one_sentence(desk: Desk, host: str, said: str) -> None:
    site = desk.run("serve", "--host", host)
    assert site.ends() == 1
    assert len(site.said) == 1
    assert said in site.said[0]


def test_a_server_that_does_not_answer_is_named_after_a_bounded_wait(desk: Desk, servers: Servers) -> None:
    nobody = free_port()
    secret = {"AIOCHAT_SECRET_KEY": "s" * 32, "AIOCHAT_START_TIMEOUT": "0.5"}
    database = desk.run("serve", AIOCHAT_DATABASE_URL=f"postgresql://me:hush@127.0.0.1:{nobody}/x", **secret)
    redis = desk.run("serve", AIOCHAT_REDIS_URL=f"redis://:hush@127.0.0.1:{nobody}", **secret)
    for site, name in ((database, "PostgreSQL"), (redis, "Redis")):
        assert site.ends() == 1
        assert len(site.said) == 1, site.said
        assert site.said[0].startswith(f"aiochat: {name} at ")
        assert "within 0.5 s" in site.said[0]
        assert "refused" in site.said[0]
        assert "hush" not in site.said[0]
    assert not desk.data.exists()


def test_a_wrong_setting_is_one_line(desk: Desk) -> None:
    site = desk.run("serve", AIOCHAT_PORT="eighty")
    assert site.ends() == 1
    assert site.said == ['aiochat: AIOCHAT_PORT is "eighty", but must be a whole number from 0 to 65535.']


def test_a_worker_that_cannot_begin_ends_the_whole(served: Desk, servers: Servers) -> None:
    with psycopg.connect(str(servers.database_url), autocommit=True) as connection:
        connection.execute("ALTER TABLE site RENAME TO elsewhere")
        try:
            site = served.run("serve", "--workers", "2")
            assert site.ends() != 0
        finally:
            connection.execute("ALTER TABLE elsewhere RENAME TO site")


def test_the_settings_are_listed_with_their_meaning(served: Desk) -> None:
    listed = "\n".join(served.says("settings"))
    assert "AIOCHAT_PORT = " in listed
    assert "The port to listen on" in listed
    assert "ssss" not in listed


def test_what_is_logged_can_be_json(served: Desk) -> None:
    site = served.serve("--workers", "2", AIOCHAT_LOG_FORMAT="json")
    os.kill(min(children_of(site.pid)), signal.SIGKILL)
    line = site.says(r'^\{"at": "[0-9T:.-]+Z", "level": "error", "logger": "aiochat.workers", "message": ')
    assert line
