"""Processes of our own: they end when we do, even when we are killed, and Ctrl+C reaches only us."""

from __future__ import annotations

import ctypes
import logging
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
LOOK_AGAIN = 0.02
YOUNG = 10.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Keeper:
    """Whom the servers run as, for PostgreSQL refuses to be root."""

    name: str
    uid: int
    gid: int
    is_other: bool

    @classmethod
    def present(cls) -> Keeper:
        """`nobody` where we are root, ourselves elsewhere."""
        if os.geteuid() == 0:
            entry = pwd.getpwnam("nobody")
            return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, True)
        return cls(own_name(), os.geteuid(), os.getegid(), False)

    def own(self, path: Path) -> None:
        """Give a folder to the keeper, closed to others."""
        path.chmod(0o700)
        if self.is_other:
            os.chown(path, self.uid, self.gid)


def own_name() -> str:
    """Who we are, by name, or by number where the system has no name for it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def start(
    command: Sequence[str | Path],
    *,
    keeper: Keeper | None = None,
    ends_with: signal.Signals = signal.SIGTERM,
    output: IO[bytes] | None = None,
    environ: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that gets the signal `ends_with` should we die.

    Call it in a thread that lives as long as the child may: the kernel watches the thread, not the process.
    Raises OSError where the program cannot be run.
    """
    other = keeper is not None and keeper.is_other
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=environ,
        # The folder we stand in may be closed to the keeper.
        cwd="/" if other else None,
        user=keeper.uid if keeper is not None and other else None,
        group=keeper.gid if keeper is not None and other else None,
        extra_groups=[] if other else None,
        pass_fds=pass_fds,
        process_group=0,
        preexec_fn=die_with_parent(ends_with),  # noqa: PLW1509 -- one call to the kernel, which takes no lock
    )


def die_with_parent(ends_with: signal.Signals) -> Callable[[], None] | None:
    """What asks the kernel, in the child, for a signal at its parent's death; None where it cannot."""
    if _libc is None:
        return None
    prctl, parent, number = _libc.prctl, os.getpid(), int(ends_with)

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def end_with_parent() -> None:
    """Get SIGTERM when the process that started us dies."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def stop(
    child: subprocess.Popen[bytes], politely: signal.Signals, within: float, hard: signal.Signals
) -> int:
    """End a child: politely, and if that has not helped `within` seconds, the hard way. Gives its code."""
    if child.poll() is None:
        child.send_signal(politely)
        try:
            return child.wait(within)
        except subprocess.TimeoutExpired:
            child.send_signal(hard)
    return child.wait()


class Lasting:
    """A child that, once `watch` was called, is begun again whenever it ends before it is told to.

    One that ends soon after its start is given a pause before the next, longer each time.
    """

    def __init__(self, name: str, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._name = name
        self._begin = begin
        self._begun_at = time.monotonic()
        self._stopping = threading.Event()
        self._exchanging = threading.Lock()
        self._watching: threading.Thread | None = None
        self.process = begin()

    def watch(self) -> None:
        """Look after it from now on, in a thread: whoever serves people is not kept waiting for it."""
        self._watching = threading.Thread(target=self._watch, name=f"watching {self._name}", daemon=True)
        self._watching.start()

    def stop(self, politely: signal.Signals, within: float, hard: signal.Signals) -> None:
        """End it for good: politely, and if that has not helped `within` seconds, the hard way."""
        with self._exchanging:
            self._stopping.set()
        stop(self.process, politely, within, hard)
        if self._watching is not None:
            self._watching.join()

    def _watch(self) -> None:
        failures = 0
        while True:
            code = self.process.wait()
            if self._stopping.is_set():
                return
            failures = failures + 1 if time.monotonic() - self._begun_at < YOUNG else 0
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**failures)
            log.error("%s ended with %d, and begins again in %.1f s", self._name, code, pause)
            if self._stopping.wait(pause):
                return
            with self._exchanging:
                if self._stopping.is_set():
                    return
                self._begun_at = time.monotonic()
                try:
                    self.process = self._begin()
                except OSError as error:
                    # The one that ended stands in for it, and the next round waits longer.
                    log.error("%s cannot be begun: %s", self._name, error)


def retire(pid_file: Path, mark: str, politely: signal.Signals, within: float = 20.0) -> None:
    """End what an owner who died has left running, and forget the pid of what only seems to run.

    `mark` stands in the command line of what is meant, for a pid may by now be somebody else's.
    Raises TimeoutError when it does not end `within` seconds.
    """
    try:
        pid = int(pid_file.read_text("ascii").split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        pid = 0
    if pid > 0 and mark in command_line(pid):
        os.kill(pid, politely)
        until = time.monotonic() + within
        while mark in command_line(pid):
            if time.monotonic() > until:
                raise TimeoutError(f"process {pid} does not end")
            time.sleep(LOOK_AGAIN)
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> str:
    """How that process was called; empty where there is none, or only what is left of one."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            return ""
    asked = ["/bin/ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout
