"""Who takes part: every server, how it is started, and how it is spoken to."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench import generator, product
from bench.generator import Row
from bench.product import Backend
from bench.servers import HERE, Server, compiled, free_port, running

PEERS = HERE / ".venv/bin/python"
OURS, NAIVE, KEEPS = "aiochat", "naive", "naive, one INSERT each"
EACH, JOINED = "C, each", "C, joined"
SOCKETIO, CHANNELS = "socket.io", "Channels"
SHORT = (OURS, NAIVE, KEEPS, "websockets", EACH, JOINED)


@dataclass
class Contestant:
    """A server in the run, and how it is spoken to. `results` holds its runs under each load."""

    name: str
    start: Callable[[], AbstractContextManager[Server]]
    row: Row = generator.plain
    greeted: bool = False
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def everybody(backend: Backend) -> dict[str, Contestant]:
    """All of them, by name."""
    ours = partial(product.aiochat, backend)
    naive = [sys.executable, str(HERE / "peers/naive.py")]
    node = ["node", str(HERE / "peers/socketio.mjs")]
    found = [
        Contestant(OURS, ours, backend.row, greeted=True),
        Contestant(NAIVE, partial(_started, NAIVE, naive)),
        Contestant(KEEPS, partial(_started, KEEPS, naive, backend.database_url)),
        Contestant(
            "websockets", partial(_started, "websockets", [str(PEERS), str(HERE / "peers/broadcast.py")])
        ),
        Contestant("picows", partial(_started, "picows", [str(PEERS), str(HERE / "peers/joined.py")])),
        Contestant(CHANNELS, partial(_channels, backend)),
        Contestant(SOCKETIO, partial(_started, SOCKETIO, node), generator.socketio),
        Contestant(
            "socket.io, Redis",
            partial(_started, "socket.io, Redis", node, backend.redis_socket),
            generator.socketio,
        ),
        Contestant(EACH, partial(_limit, "each")),
        Contestant(JOINED, partial(_limit, "joined")),
    ]
    return {contestant.name: contestant for contestant in found}


def missing(names: list[str]) -> str | None:
    """What must be installed before these peers can take part, in a sentence; None when nothing."""
    if not PEERS.exists():
        return "The peers are not installed: say `make bench`, which does so first."
    if any(name.startswith(SOCKETIO) for name in names):
        if shutil.which("node") is None:
            return "socket.io needs Node: install nodejs and npm."
        if not (HERE / "node_modules").exists():
            return "socket.io is not installed: say `make bench-full`, which does so first."
    return None


@contextlib.contextmanager
def _started(name: str, command: list[str], *arguments: str) -> Iterator[Server]:
    port = free_port()
    with running(name, [*command, str(port), *arguments], port) as server:
        yield server


@contextlib.contextmanager
def _channels(backend: Backend) -> Iterator[Server]:
    port = free_port()
    command = [str(PEERS), "-m", "uvicorn", "asgi:application", "--port", str(port), "--log-level", "warning"]
    command += ["--app-dir", str(HERE / "peers/channels_site"), "--ws-per-message-deflate", "false"]
    command += ["--ws-ping-interval", "60"]
    with running(CHANNELS, command, port, env={"REDIS_URL": backend.redis_url}) as server:
        yield server


@contextlib.contextmanager
def _limit(how: str) -> Iterator[Server]:
    port = free_port()
    with running(how, [str(compiled("peers/limit.c")), str(port), how], port) as server:
        yield server
