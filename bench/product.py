"""The product as it is sold: sessions, rights, journal on disk, bus; and people with sessions to fill it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from accounts.sessions import EPOCH
from accounts.storage import USER, ref_of, session_key
from aiochat import embedded
from aiochat.migrate import migrate
from bench import generator
from bench.servers import OTHER_CORE, SERVER_CORE, Server, below, free_port, pin, running

PEOPLE = 10_000
IN_ONE_ROOM = 2_000
ROOMS = 20
SECRET = "bench-only-" + "0123456789abcdef" * 2
NO_LIMIT = "999999"


@dataclass(frozen=True)
class Backend:
    """PostgreSQL and Redis on the core beside the server's, filled with people who are signed in."""

    database_url: str
    redis_url: str
    cookies: list[str]

    @property
    def row(self) -> generator.Row:
        """How these people open their sockets."""
        return generator.aiochat(self.cookies)

    @property
    def redis_socket(self) -> str:
        """The path of Redis's socket."""
        return str(redis.Redis.from_url(self.redis_url).connection_pool.connection_kwargs["path"])

    def forget_presence(self) -> None:
        """Nobody is here, as if everybody had left long ago: the run before disturbs the next no more."""
        with psycopg.connect(self.database_url, autocommit=True) as database:
            database.execute("UPDATE memberships SET present_since = NULL WHERE present_since IS NOT NULL")
        with redis.Redis.from_url(self.redis_url) as client:
            for key in client.scan_iter("aiochat:{room:*:here:*", count=1000):
                client.delete(key)


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A folder on a real disk, gone after the block; whoever runs the servers may enter it."""
    with tempfile.TemporaryDirectory(prefix="aiochat-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    """PostgreSQL with fsync, as it is sold, and Redis, for as long as the block lasts."""
    with data_folder() as folder, embedded.running(folder) as servers:
        assert servers.database_url is not None
        assert servers.redis_url is not None
        for pid in below(os.getpid()):
            pin(pid, OTHER_CORE)
        migrate(servers.database_url)
        _fill(servers.database_url)
        yield Backend(servers.database_url, servers.redis_url, _sign_in(servers.redis_url))


def _fill(database_url: str) -> None:
    """People, rooms, and everybody a member of one room; the first room has more."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            "INSERT INTO users (id, name, name_key) SELECT n, 'p' || n, 'p' || n FROM generate_series(1, %s) n",
            (PEOPLE,),
        )
        database.execute(
            "INSERT INTO rooms (slug, title) SELECT 'bench' || n, 'bench' || n FROM generate_series(0, %s) n "
            "ORDER BY n",
            (ROOMS - 1,),
        )
        database.execute(
            "INSERT INTO memberships (room_id, user_id) SELECT r.id, u.id FROM users u JOIN rooms r "
            "ON r.slug = 'bench' || (u.id - 1) %% %s OR (r.slug = 'bench0' AND u.id <= %s) WHERE u.id > 0",
            (ROOMS, IN_ONE_ROOM),
        )
        # Not the log: nothing was ever said on a new site, and its statistics do not say so either.
        database.execute("VACUUM ANALYZE users, rooms, memberships")


def _sign_in(redis_url: str) -> list[str]:
    """A session for each of them; gives the cookies."""
    cookies = [secrets.token_urlsafe(32) for _ in range(PEOPLE)]
    now = int(time.time())
    with redis.Redis.from_url(redis_url) as client, client.pipeline(transaction=False) as pipeline:
        for number, cookie in enumerate(cookies, 1):
            kept = json.dumps({"created": now, "session": {USER: number, EPOCH: 0}}, separators=(",", ":"))
            pipeline.set(session_key(ref_of(cookie)), kept, ex=30 * 86400)
        pipeline.execute()
    return cookies


def environ(backend: Backend, port: int) -> dict[str, str]:
    """The settings of one process: as sold, but for the limits on how fast one person may speak."""
    return {
        "AIOCHAT_DATABASE_URL": backend.database_url,
        "AIOCHAT_REDIS_URL": backend.redis_url,
        "AIOCHAT_SECRET_KEY": SECRET,
        "AIOCHAT_HOST": "127.0.0.1",
        "AIOCHAT_PORT": str(port),
        "AIOCHAT_POST_BURST": NO_LIMIT,
        "AIOCHAT_POST_RATE": NO_LIMIT,
        "AIOCHAT_LOG_LEVEL": "warning",
    }


@contextlib.contextmanager
def aiochat(backend: Backend, *, core: int = SERVER_CORE) -> Iterator[Server]:
    """One process of the product on its core."""
    port = free_port()
    command = [sys.executable, "-m", "aiochat", "serve"]
    try:
        with running("aiochat", command, port, env=environ(backend, port), core=core) as server:
            yield server
    finally:
        backend.forget_presence()


@contextlib.contextmanager
def two(backend: Backend) -> Iterator[Server]:
    """Two processes of the product, each on a core of its own."""
    with aiochat(backend) as first, aiochat(backend, core=OTHER_CORE) as second:
        yield Server("two processes", first.ports + second.ports, first.pids + second.pids)
