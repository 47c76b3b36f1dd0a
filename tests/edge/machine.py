"""A bare Debian in a folder, to run the provisioning on: a chroot whose mounts and processes end with it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from .proxy import ROOT

RELEASE = "bookworm"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aiochat-tests"
CODE = "srv/aiochat"

# Runs as the first process of a PID namespace in a mount namespace of its own: when it ends, the
# kernel ends all it started and takes the mounts away.
INSIDE = """
set -eu
root=$1; shift
# Where we are in a chroot ourselves, / is no mount that could be made private: the new root is made one.
mount --make-rprivate / 2>/dev/null || { mount --bind "$root" "$root"; mount --make-rprivate "$root"; }
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"""


class Machine:
    """One machine in the folder `root`, a checkout of this repository in /srv/aiochat."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
        }
        self._folders: dict[Path, str] = {}
        self._install()
        self._check_out()
        self._lend_network()
        self._lend_pip()
        self._lend_apt()

    def run(
        self, *command: str, timeout: float = 400, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine and wait. Whatever it left running ends with it."""
        return subprocess.run(
            self._unshared(*command),
            env=self._environment | environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )

    def start(self, *command: str) -> Running:
        """Start a command on the machine that stays."""
        log = self.root.parent / "running.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._unshared(*command), env=self._environment, stdout=out, stderr=subprocess.STDOUT
            )
        return Running(process, log)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def _unshared(self, *command: str) -> list[str]:
        binds = [str(each) for pair in self._folders.items() for each in pair]
        unshare = ["unshare", "--mount", "--propagation=unchanged", "--pid", "--fork", "--kill-child=KILL"]
        return [*unshare, "sh", "-c", INSIDE, "sh", str(self.root), *binds, "--", *command]

    def _install(self) -> None:
        bare = CACHE / f"{RELEASE}-{os.uname().machine}.tar"
        if not bare.exists():
            making = self.root.with_name("making")
            run(["debootstrap", "--variant=minbase", RELEASE, making, *self._mirror()])
            CACHE.mkdir(parents=True, exist_ok=True)
            run(["tar", "-C", making, "--exclude=./var/cache/apt/archives/*.deb", "-cf", f"{bare}.new", "."])
            Path(f"{bare}.new").rename(bare)
            shutil.rmtree(making)
        self.root.mkdir(parents=True)
        run(["tar", "-C", self.root, "-xpf", bare])
        packages = CACHE / "packages"
        (packages / "partial").mkdir(parents=True, exist_ok=True)
        self._folders[packages] = "/var/cache/apt/archives"

    def _mirror(self) -> list[str]:
        """Where this machine gets its own Debian from, when that can be seen."""
        sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
        text = "\n".join(each.read_text() for each in sources if each.is_file())
        found = re.search(
            r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(https?://\S+/debian/?)(?=\s)", text, re.MULTILINE
        )
        return [found[1]] if found else []

    def _check_out(self) -> None:
        """What git knows of the working tree and what is new in it, readable by all."""
        listed = run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, self.root / CODE / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        run(["chmod", "-R", "u=rwX,go=rX", self.root / "srv"])

    def _lend_network(self) -> None:
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        for name, value in os.environ.items():
            if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}:
                self._environment[name] = value

    def _lend_pip(self) -> None:
        """pip asks there as it asks here: same indexes, same folders of wheels, same certificates."""
        for line in run([sys.executable, "-m", "pip", "config", "list"]).splitlines():
            key, _, value = line.partition("=")
            name = "PIP_" + key.rpartition(".")[2].upper().replace("-", "_")
            self._environment.setdefault(name, str(ast.literal_eval(value)))
        for name in [name for name in self._environment if name.startswith("PIP_")]:
            words = self._environment[name].split()
            self._environment[name] = " ".join(self._lent(word) for word in words)

    def _lent(self, word: str) -> str:
        """A word of pip's configuration; the folder or file it names is lent to the machine."""
        path = Path(unquote(urlsplit(word).path) if word.startswith("file://") else word)
        if not path.is_absolute() or not path.exists():
            return word
        if path.is_file():
            lent = self.root / "etc/lent" / path.name
            lent.parent.mkdir(exist_ok=True)
            shutil.copy(path, lent)
            return f"/etc/lent/{path.name}"
        # An index in a folder may point beside itself.
        folder = path.parent if word.startswith("file://") and path.parent != Path("/") else path
        self._folders[folder] = str(folder)
        return word

    def _lend_apt(self) -> None:
        """How this machine reaches its mirrors: proxies, time-outs, what it does not insist on."""
        dump = run(["apt-config", "dump", "Acquire"])
        ours = re.findall(r"^Acquire::(?:https?::|Check-|Retries|Force|Max-).*$", dump, re.MULTILINE)
        (self.root / "etc/apt/apt.conf.d/99lent").write_text("\n".join([*ours, ""]))


class Running:
    """A command that stays, with all it started; a context manager that stops it by SIGTERM."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def log(self) -> str:
        return self._log.read_text()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to stop, wait until it has. What takes longer than a minute is killed."""
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            os.kill(int(pid), signal.SIGTERM)
        self.process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.is_alive():
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()


def run(command: list[str | Path]) -> str:
    """Run a command to its end and give what it said. Raises RuntimeError with that when it failed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=400)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
