"""The servers that are measured: each started alone, on one core, and its clocks read."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, OTHER_CORE = CORES[0], CORES[-1]
READY_WITHIN = 60.0
STOP_WITHIN = 20.0


@dataclass
class Server:
    """A running server: where it listens, and the processes whose time counts as its own."""

    name: str
    ports: list[int]
    pids: list[int] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return sum(map(cpu_of, self.pids))

    @property
    def memory(self) -> int:
        """Bytes of memory now: what is its own, and its share of what is shared."""
        return sum(map(_memory_of, self.pids))

    @property
    def sockets(self) -> int:
        """How many sockets it holds."""
        return sum(map(_sockets_of, self.pids))


def cpu_of(pid: int) -> float:
    """Seconds of processor time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


def _sockets_of(pid: int) -> int:
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(each.readlink()).startswith("socket:")
    return count


def busy(core: int) -> float:
    """Seconds for which a core was busy since the machine began."""
    for line in Path("/proc/stat").read_text("ascii").splitlines():
        name, *times = line.split()
        if name == f"cpu{core}":
            idle, waiting = int(times[3]), int(times[4])
            return (sum(map(int, times[:8])) - idle - waiting) / TICKS
    raise LookupError(core)


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def below(pid: int) -> list[int]:
    """Every process under this one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text("ascii").split()):
                found += [child, *below(child)]
    return found


def pin(pid: int, core: int) -> None:
    """Keep a process, with all its threads, on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def on_core(core: int, command: list[str]) -> list[str]:
    """The command of a process that keeps to one core."""
    return ["taskset", "-c", str(core), *command]


def hold_many_files() -> None:
    """Let this process and its children have as many open files as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def running(
    name: str,
    command: list[str],
    port: int,
    *,
    env: dict[str, str] | None = None,
    core: int = SERVER_CORE,
) -> Iterator[Server]:
    """A server on its core, from when it answers until the block ends. Raises RuntimeError, TimeoutError."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "servers.log").open("ab") as errors:
        process = subprocess.Popen(
            on_core(core, command),
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        _wait_for(port, process)
        yield Server(name, [port], [process.pid])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}: look into bench/build/servers.log")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError("it does not listen: look into bench/build/servers.log")


def compiled(source: str) -> Path:
    """The program made of a C file in this folder, compiled where it is older than what it is made of."""
    path = HERE / source
    program = BUILD / path.stem
    youngest = max(each.stat().st_mtime for each in [path, *path.parent.glob("*.h")])
    if not program.exists() or program.stat().st_mtime < youngest:
        BUILD.mkdir(exist_ok=True)
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("A C compiler is needed for the generator: install gcc.")
        subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), str(path), "-lm"], check=True)
    return program
