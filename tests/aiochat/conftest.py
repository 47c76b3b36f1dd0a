"""Sites run as people run them: by the command, in folders of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner

from aiochat.cli import main
from aiochat.embedded import Servers

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

Say = Callable[..., str]


def until(happened: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait for something to be so. Raises TimeoutError."""
    end = time.monotonic() + within
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within} s: {happened}")
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be counted."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() != "" and not listed.stdout.startswith("Z")


def children_of(pid: int) -> dict[int, str]:
    """The processes this one has started, with their command lines."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    pairs = (line.strip().partition(" ") for line in listed.stdout.splitlines())
    return {int(number): command for number, _, command in pairs}


def free_port() -> int:
    """A TCP port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Command:
    """One run of `aiochat`, and what it says."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], cwd: Path, typed: str = "") -> None:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AIOCHAT_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aiochat", *arguments],
            cwd=cwd,
            env=mine | {"PYTHONPATH": str(ROOT)} | dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(typed)
        self.process.stdin.close()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in iter(self.process.stdout.readline, ""):
            self.said.append(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        return self.process.pid

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for a line with this in it."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.said if (match := re.search(pattern, line))), None)

        until(lambda: found() or self.process.poll() is not None)
        self._settle()
        match = found()
        assert match is not None, f"it ended and said {self.said}"
        return match

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(PATIENCE)
        self._settle()
        return code

    def told(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.ends()

    def _settle(self) -> None:
        if self.process.poll() is not None:
            self._reader.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Desk:
    """Where `aiochat` is run: a folder and an environment."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.data = folder / "var"
        self.environ: dict[str, str] = {"AIOCHAT_PORT": str(free_port()), "AIOCHAT_HOST": "127.0.0.1"}
        self._stack = stack

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environ['AIOCHAT_PORT']}"

    def run(self, *arguments: str, typed: str = "", **environ: str) -> Command:
        """Start `aiochat` with these arguments; it is ended with the test at the latest."""
        command = Command(*arguments, environ=self.environ | environ, cwd=self.folder, typed=typed)
        return self._stack.enter_context(command)

    def serve(self, *arguments: str, **environ: str) -> Command:
        """`aiochat serve`, once it is ready."""
        command = self.run("serve", *arguments, **environ)
        command.says("aiochat is ready")
        return command

    def says(self, *arguments: str, typed: str = "", **environ: str) -> list[str]:
        """What `aiochat` says to these arguments when all is well."""
        command = self.run(*arguments, typed=typed, **environ)
        assert command.ends() == 0, command.said
        return command.said


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that whoever runs the database may enter; pytest's own are for its user alone."""
    folder = Path(tempfile.mkdtemp(prefix="aiochat-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def desk(open_folder: Path) -> Iterator[Desk]:
    """A place to run `aiochat` in."""
    with ExitStack() as stack:
        yield Desk(open_folder, stack)


@pytest.fixture
def say(servers: Servers, clean: None, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run `aiochat` with these words; what it says."""
    monkeypatch.setenv("AIOCHAT_DATABASE_URL", str(servers.database_url))
    monkeypatch.setenv("AIOCHAT_REDIS_URL", str(servers.redis_url))
    monkeypatch.setenv("AIOCHAT_SECRET_KEY", "s" * 32)

    def run(line: str, typed: str = "", code: int = 0) -> str:
        ran = CliRunner(catch_exceptions=False).invoke(main, line.split(), input=typed)
        assert ran.exit_code == code, ran.output
        return ran.output.rstrip("\n")

    return run
