"""A real nginx of our own: the repository's configuration on free ports, without root."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Self

from tests import programs

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""How long what comes at once may take where all is slow, in seconds."""

# What stands around nginx/aiochat.conf: all that nginx would otherwise write to the system's folders.
AROUND = """\
{user}
pid {prefix}/nginx.pid;
error_log {prefix}/error.log notice;
worker_processes 2;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format edge "$request_uri $upstream_addr";
    access_log {prefix}/access.log edge;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    include aiochat.conf;
}}
"""


def free_port() -> int:
    """A TCP port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Callable[[], object], seconds: float = PATIENCE, every: float = 0.02) -> None:
    """Wait for `happened()` to be true. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"{happened} has not happened within {seconds} s")
        time.sleep(every)


class Nginx:
    """One nginx in a folder of its own, in front of processes on `ports`; a context manager.

    Static files are looked for under `published`, in `static/<hash>/`.
    """

    def __init__(self, prefix: Path, ports: Sequence[int], published: Path | None = None) -> None:
        self.prefix = prefix
        self.port = free_port()
        self.https_port = free_port()
        self.extras = prefix / "aiochat.d"
        self._ports = list(ports)
        self._published = published or prefix
        self._process: subprocess.Popen[bytes] | None = None
        self.extras.mkdir(parents=True)
        self.write()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self) -> None:
        """Write the configuration: the repository's file, with our ports and folders in it."""
        conf = (ROOT / "nginx" / "aiochat.conf").read_text()
        server = re.compile(r"^ *server 127\.0\.0\.1:\d+(?P<rest>.*)\n", re.MULTILINE)
        found = server.search(conf)
        assert found, "the upstream lists no process"
        servers = "".join(f"    server 127.0.0.1:{port}{found['rest']}\n" for port in self._ports)
        conf = server.sub("", conf[: found.start()] + "@servers@\n" + conf[found.end() :])
        conf = conf.replace("@servers@\n", servers)
        conf = replaced(conf, "listen 80;", f"listen 127.0.0.1:{self.port};")
        conf = replaced(conf, "listen [::]:80;", "")
        conf = replaced(conf, "root /var/www/aiochat;", f"root {self._published};")
        (self.prefix / "aiochat.conf").write_text(conf)
        user = "user root root;" if os.geteuid() == 0 else ""
        (self.prefix / "nginx.conf").write_text(AROUND.format(prefix=self.prefix, user=user))

    def use_tls(self, certificate: Path, key: Path) -> None:
        """Add nginx/tls.conf as docs/deployment.md says, with this certificate."""
        conf = (ROOT / "nginx" / "tls.conf").read_text()
        conf = replaced(conf, "listen 443 ssl", f"listen 127.0.0.1:{self.https_port} ssl")
        conf = replaced(conf, "listen [::]:443 ssl http2;", "")
        conf = replaced(conf, "/etc/letsencrypt/live/chat.example.org/fullchain.pem", str(certificate))
        conf = replaced(conf, "/etc/letsencrypt/live/chat.example.org/privkey.pem", str(key))
        (self.extras / "tls.conf").write_text(conf)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the nginx program on this configuration, for `-t` and `-s reload`."""
        return subprocess.run(
            [*self._command(), *arguments], check=False, capture_output=True, text=True, timeout=30
        )

    def reload(self) -> None:
        """Read the configuration again, and wait until only new workers take connections."""
        before = self._serving()
        told = self.run("-s", "reload")
        assert told.returncode == 0, told.stderr
        until(lambda: (now := self._serving()) and not now & before)

    def access_log(self) -> str:
        return (self.prefix / "access.log").read_text()

    def served_by(self, path: str) -> list[str]:
        """For each finished request of this path the process that answered it; `-` is nginx itself."""
        lines = [line.rpartition(" ") for line in self.access_log().splitlines()]
        return [process for asked, _, process in lines if asked == path]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([*self._command(), "-g", "daemon off;"])
        until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)

    def _command(self) -> list[str]:
        return [
            str(programs.find("nginx")),
            "-p",
            str(self.prefix),
            "-c",
            str(self.prefix / "nginx.conf"),
            "-e",
            str(self.prefix / "error.log"),
        ]

    def _serving(self) -> set[int]:
        """The workers that are not shutting down; those only see their open sockets out."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        titles = {int(pid): Path(f"/proc/{pid}/cmdline") for pid in children}
        return {pid for pid, title in titles.items() if b"shutting down" not in read(title)}

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("nginx ended:\n" + (self.prefix / "error.log").read_text())
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def read(path: Path) -> bytes:
    """What a file holds, and nothing when it is gone."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def replaced(text: str, old: str, new: str) -> str:
    """`text` with `old` replaced. The configuration and these tests must not drift apart silently."""
    assert old in text, f"the configuration has no {old!r} any more"
    return text.replace(old, new)
