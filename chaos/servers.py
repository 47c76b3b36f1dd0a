"""PostgreSQL and Valkey in a process of their own, which starts, stops and pauses them as it is told, a line an order.

Starting a server blocks; the clients, their wires and their clocks must not stand still for it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import NoReturn

from aiochat import binaries, servers
from aiochat.children import Keeper
from chaos import clock

STOPS = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "politely": signal.SIGTERM,
    "kill": signal.SIGKILL,
}


class Kept:
    """One server that comes and goes at the same address."""

    def __init__(self, run: Callable[[], AbstractContextManager[str]], pid_file: Path) -> None:
        self._run = run
        self._pid_file = pid_file
        self._stack = ExitStack()
        self.url = ""

    def start(self, shift: int = 0) -> None:
        """Begin, its clock so many seconds off, and wait until it answers."""
        usual = dict(servers.ENVIRON)
        servers.ENVIRON.update(clock.moved(shift))
        try:
            self.url = self._stack.enter_context(self._run())
        finally:
            servers.ENVIRON.clear()
            servers.ENVIRON.update(usual)

    def stop(self, how: str) -> None:
        """End it in one of four ways, and wait until it is gone."""
        for pid in self._pids() if how == "kill" else self._pids()[:1]:
            os.kill(pid, STOPS[how])
        self._stack.close()

    def pause(self) -> None:
        """Stop every process of it in its tracks; its sockets stay open."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self._stack.close()

    def _pids(self) -> list[int]:
        first = int(self._pid_file.read_text("ascii").split()[0])
        # PostgreSQL's processes lead groups of their own, so the family is asked for by name.
        children = Path(f"/proc/{first}/task/{first}/children").read_text("ascii").split()
        return [first, *map(int, children)]


def main(folder: Path, durable: bool) -> None:
    """Start both in `folder`, say where they answer, then do what is ordered until the orders end."""
    keeper = Keeper.present()
    home = binaries.home(folder, keeper)
    sockets = home / "run"
    sockets.mkdir()
    keeper.own(sockets)
    # Commits are never made lax here: a killed PostgreSQL would rightly forget them. Only a killed machine needs fsync.
    settings = {} if durable else {"fsync": "off", "full_page_writes": "off"}
    kept = {
        "postgres": Kept(
            lambda: servers.postgres(home, sockets, keeper, settings, lasting=False),
            home / "postgres" / "postmaster.pid",
        ),
        "valkey": Kept(
            lambda: servers.valkey(home, sockets, keeper, lasting=False), home / "valkey" / "valkey.pid"
        ),
    }
    try:
        for each in kept.values():
            each.start()
        _say({name: each.url for name, each in kept.items()})
        for line in sys.stdin:
            order, name, how = json.loads(line)
            match order:
                case "start":
                    kept[name].start(int(how or 0))
                case "stop":
                    kept[name].stop(how)
                case "pause":
                    kept[name].pause()
                case "go_on":
                    kept[name].go_on()
            _say({"done": order})
    finally:
        for each in kept.values():
            each.close()


def _say(what: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(Path(sys.argv[1]), durable=sys.argv[2] == "durable")
