"""The load: plans for the generator in C, and one measured run of it."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import CORES, OTHER_CORE, SERVER_CORE, Server, busy, compiled, cpu_of, on_core

LENGTH = 100
FULL = 0.9
"""The part of its core up to which the generator is believed."""


@dataclass(frozen=True)
class Load:
    """`rooms` rooms of `members` each, of whom `senders` speak; `rate` messages a second in all, or 0 to saturate.

    `stalling` members stop reading when the measuring begins. `length` counts characters of a message, `seconds` the
    measuring. With `arrivals` so many come in a second, else `parallel` at once.
    """

    name: str
    rooms: int
    members: int
    senders: int = 0
    rate: float = 0
    stalling: int = 0
    length: int = LENGTH
    seconds: float = 4
    warmup: float = 1
    parallel: int = 32
    arrivals: float = 0

    @property
    def people(self) -> int:
        """How many connections."""
        return self.rooms * self.members


Row = Callable[[int, int, str], tuple[str, str, str, str]]
"""Room, person and words to request-target, headers, greeting and message of a protocol."""


def plain(room: int, person: int, words: str) -> tuple[str, str, str, str]:
    """Peers whose path names the room and who take any text."""
    return f"/room{room}", "", "", words


def socketio(room: int, person: int, words: str) -> tuple[str, str, str, str]:
    """Engine.IO 4 over a WebSocket alone."""
    return f"/socket.io/?EIO=4&transport=websocket&room={room}", "", "40", f'42["say","{words}"]'


def aiochat(cookies: list[str]) -> Row:
    """The native socket of the product, by session."""

    def row(room: int, person: int, words: str) -> tuple[str, str, str, str]:
        headers = f"Cookie: aiochat_session={cookies[person]}~Sec-WebSocket-Protocol: aiochat.v2~"
        message = f'{{"type":"say","text":"{words}","nonce":"@"}}'
        return f"/rooms/bench{room}/ws", headers, "", message

    return row


def write_plan(path: Path, load: Load, row: Row, ports: list[int]) -> None:
    """One line for each connection, rooms by turns, ports by turns within a room; who stalls comes last."""
    words = f"@{'x' * (load.length - 42)}"
    with path.open("w") as plan:
        for person in range(load.people):
            room, place = person % load.rooms, person // load.rooms
            sends = int(place < load.senders)
            port = ports[place % len(ports)]
            plan.write("\t".join([str(port), str(room), str(sends), *row(room, person, words)]) + "\n")


@dataclass
class Clocks:
    """What is read at one moment of a run."""

    at: float
    cpu: list[float]
    memory: int
    core: float

    @classmethod
    def read(cls, server: Server) -> Clocks:
        """Now."""
        cpu = [cpu_of(pid) for pid in server.pids]
        return cls(time.monotonic(), cpu, server.memory, busy(OTHER_CORE))


class Watch:
    """Looks, while a run lasts, at the most memory a server takes and at how many sockets it has let go."""

    def __init__(self, server: Server) -> None:
        self.most_memory = 0
        self.let_go_at: dict[int, float] = {}
        self._server = server
        self._begun = time.monotonic()
        self._sockets = server.sockets
        self._over = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[Watch]:
        """Looks as long as the block lasts."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.most_memory = max(self.most_memory, self._server.memory)
            gone = self._sockets - self._server.sockets
            if gone > 0:
                self.let_go_at.setdefault(gone, time.monotonic() - self._begun)


def measure(
    server: Server, load: Load, row: Row, *, greeted: bool = False, watched: bool = False
) -> dict[str, Any]:
    """One run: what the generator counted, and what the server spent on it.

    `greeted`: the server says something at once after the handshake. `watched`: its memory and sockets are looked at
    all the while. Raises RuntimeError.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".plan") as file:
        plan = Path(file.name)
        write_plan(plan, load, row, server.ports)
        command = [str(compiled("load/generator.c")), "--plan", str(plan), "--greeted", str(int(greeted))]
        for name in ("seconds", "warmup", "rate", "stalling", "parallel", "arrivals"):
            command += [f"--{name}", str(getattr(load, name))]
        before = Clocks.read(server)
        with subprocess.Popen(
            on_core(OTHER_CORE, command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            clocks, watch = _conduct(process, server, watched)
            assert process.stdout is not None
            counted: dict[str, Any] = json.loads(process.stdout.read())
    if counted["refused"] and not load.arrivals:
        raise RuntimeError(f"{counted['refused']} were refused: {counted['first_refusal'][:200]}")
    if counted["errors"] and not load.arrivals:
        raise RuntimeError(f"{counted['errors']} errors: {counted['first_error'][:200]}")
    begun, ended = clocks["measuring"], clocks["measured"]
    spent = [after - first for first, after in zip(begun.cpu, ended.cpu, strict=True)]
    counted["cpu_each"] = [one / counted["seconds"] for one in spent]
    counted["cpu_load"] = sum(counted["cpu_each"])
    counted["cpu_us"] = 1e6 * sum(spent) / max(1, counted["deliveries"])
    counted["messages_s"] = counted["messages"] / counted["seconds"]
    counted["deliveries_s"] = counted["deliveries"] / counted["seconds"]
    counted["other_core_load"] = (ended.core - begun.core) / (ended.at - begun.at)
    counted["connect_cpu_us"] = (
        1e6 * (sum(clocks["settled"].cpu) - sum(before.cpu)) / max(1, counted["ready"])
    )
    counted["memory_before"], counted["memory_connected"] = before.memory, clocks["settled"].memory
    counted["memory_measured"] = ended.memory
    if watch is not None:
        counted["most_memory"], counted["let_go_at"] = watch.most_memory, watch.let_go_at
    return counted


def _conduct(
    process: subprocess.Popen[str], server: Server, watched: bool
) -> tuple[dict[str, Clocks], Watch | None]:
    assert process.stdin is not None
    assert process.stderr is not None
    clocks: dict[str, Clocks] = {}
    watch = None
    words = iter(process.stderr)
    for word in map(str.strip, words):
        if word not in ("connected", "settled", "measuring", "measured"):
            raise RuntimeError(word)
        clocks[word] = Clocks.read(server)
        if word == "measuring" and watched:
            watch = Watch(server)
            _go(process)
            with watch.looking():
                word = next(words).strip()
                clocks[word] = Clocks.read(server)
        elif word in ("settled", "measuring"):
            _go(process)
    if "measured" not in clocks:
        raise RuntimeError("the generator ended early")
    return clocks, watch


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def flaws(result: dict[str, Any]) -> list[str]:
    """What makes a run's numbers worth less, or wrong."""
    found = []
    if result["lost"] or result["doubled"]:
        found.append(f"lost {result['lost']}, doubled {result['doubled']}")
    if not result["order_equal"]:
        found.append("order differs")
    if result["closed"]:
        found.append(f"{result['closed']} were closed with {result['close_code']}")
    if result["generator_load"] > FULL:
        found.append(f"the generator was full ({100 * result['generator_load']:.0f} %)")
    elif result["other_core_load"] > FULL and len(CORES) > 1 and SERVER_CORE != OTHER_CORE:
        found.append(f"the generator's core was full ({100 * result['other_core_load']:.0f} %)")
    return found
