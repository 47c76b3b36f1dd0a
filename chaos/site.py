"""The site under chaos: several aiochat processes, nginx before them, a line to Redis between, servers of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from chaos import clock
from chaos.bus import BusLine

ROOT = Path(__file__).resolve().parents[1]
SECRET = "chaos-only-" + "0123456789abcdef" * 2
READY_WITHIN = 90.0
STOP_WITHIN = 25.0
PAGE = os.sysconf("SC_PAGE_SIZE")
# What is the same in every process: nobody is slowed down for speaking or connecting often.
QUICK = {
    "AIOCHAT_HOST": "127.0.0.1",
    "AIOCHAT_WORKERS": "1",
    "AIOCHAT_TRUSTED_PROXIES": "127.0.0.1",
    "AIOCHAT_POST_BURST": "1000",
    "AIOCHAT_POST_RATE": "1000",
    "AIOCHAT_CONNECTIONS": "1000",
    "AIOCHAT_LOG_LEVEL": "warning",
}
AROUND = """\
{user}
pid {prefix}/nginx.pid;
error_log {prefix}/error.log error;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    include aiochat.conf;
}}
"""


class NotReady(Exception):
    """Something of the site did not begin."""


def free_port() -> int:
    """A TCP port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """PostgreSQL and Valkey, ordered about in a process of their own."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self._process: asyncio.subprocess.Process | None = None
        self._ordering = asyncio.Lock()
        self.database_url = ""
        self.redis_url = ""

    async def open(self) -> None:
        """Start both."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "chaos.servers", str(self._folder), "durable" if self._durable else "quick"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        urls = await self._answer()
        self.database_url, self.redis_url = urls["postgres"], urls["valkey"]

    async def close(self) -> None:
        """Stop both."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def order(self, what: str, server: str, how: str = "") -> None:
        """`start`, `stop`, `pause` or `go_on`; returns when it is done.

        `how` is the way a server is stopped, or by how many seconds the clock is off with which it starts.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._ordering:
            self._process.stdin.write((json.dumps([what, server, how]) + "\n").encode())
            await self._process.stdin.drain()
            await self._answer()

    async def _answer(self) -> dict[str, str]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise NotReady("the servers ended; what they said stands above")
        answer: dict[str, str] = json.loads(line)
        return answer


@dataclass
class Process:
    """One aiochat process. `shift` moves its clock by so many seconds."""

    number: int
    port: int
    environ: dict[str, str]
    log: IO[bytes]
    shift: int = 0
    child: asyncio.subprocess.Process | None = field(default=None)

    async def start(self) -> None:
        """Begin, and wait until it serves."""
        environ = {**os.environ, **self.environ, "AIOCHAT_PORT": str(self.port), **clock.moved(self.shift)}
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "chaos.process", "serve", "--with-parent"),
            stdout=asyncio.subprocess.PIPE,
            stderr=self.log,
            cwd=ROOT,
            env=environ,
        )
        assert self.child.stdout is not None
        try:
            async with asyncio.timeout(READY_WITHIN):
                while line := await self.child.stdout.readline():
                    if line.startswith(b"aiochat is ready"):
                        return
        except TimeoutError:
            self.child.kill()
        raise NotReady(f"process {self.number} did not begin, and said:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(Path(self.log.name).read_text("utf-8", "replace").splitlines()[-20:])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal that ends it; the seconds it took."""
        assert self.child is not None
        began = asyncio.get_running_loop().time()
        with suppress(ProcessLookupError):
            self.child.send_signal(number)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await self.child.wait()
        except TimeoutError:
            self.child.kill()
            await self.child.wait()
            raise
        return asyncio.get_running_loop().time() - began

    def send(self, number: signal.Signals) -> None:
        """A signal that does not end it."""
        assert self.child is not None
        self.child.send_signal(number)

    @property
    def memory(self) -> int:
        """Bytes of memory that only this process has."""
        assert self.child is not None
        fields = Path(f"/proc/{self.child.pid}/statm").read_text("ascii").split()
        return (int(fields[1]) - int(fields[2])) * PAGE


class Site:
    """All of it, in one folder; `target()` is where clients are to knock."""

    def __init__(
        self,
        folder: Path,
        bus_rng: Any,
        *,
        processes: int,
        pace: float,
        queue: int,
        patience: float,
        durable: bool,
    ) -> None:
        self.folder = folder
        self.servers = Servers(folder, durable=durable)
        self.processes: list[Process] = []
        self.bus: BusLine
        self._bus_rng = bus_rng
        self._count = processes
        self.queue = queue
        self._environ = {
            "CHAOS_PACE": str(pace),
            "CHAOS_QUEUE": str(queue),
            "CHAOS_PATIENCE": str(patience),
        }
        self._nginx: asyncio.subprocess.Process | None = None
        self._nginx_port = 0
        self._next = 0
        self.has_nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None

    async def open(self) -> None:
        """Start everything."""
        await self.servers.open()
        self.bus = BusLine(self.servers.redis_url, self._bus_rng)
        await self.bus.open()
        environ = {
            **self._environ,
            "AIOCHAT_DATABASE_URL": self.servers.database_url,
            "AIOCHAT_REDIS_URL": self.bus.url,
            "AIOCHAT_SECRET_KEY": SECRET,
            **QUICK,
        }
        for number in range(self._count):
            log = (self.folder / f"process-{number}.log").open("wb")
            self.processes.append(Process(number, free_port(), environ, log))
        # One after the other: the first makes the tables.
        for process in self.processes:
            await process.start()
        if self.has_nginx:
            await self._open_nginx()

    async def close(self) -> None:
        """Stop everything."""
        if self._nginx is not None and self._nginx.returncode is None:
            self._nginx.terminate()
            await self._nginx.wait()
        for process in self.processes:
            if process.child is not None and process.child.returncode is None:
                process.send(signal.SIGCONT)
                await process.stop()
            process.log.close()
        if hasattr(self, "bus"):
            await self.bus.close()
        await self.servers.close()

    def target(self) -> tuple[str, int]:
        """nginx, or where there is none one process after another."""
        if self.has_nginx:
            return "127.0.0.1", self._nginx_port
        self._next += 1
        return "127.0.0.1", self.processes[self._next % len(self.processes)].port

    async def _open_nginx(self) -> None:
        prefix = self.folder / "nginx"
        prefix.mkdir()
        self._nginx_port = free_port()
        (prefix / "aiochat.d").mkdir()
        (prefix / "aiochat.conf").write_text(self._configuration(prefix), "utf-8")
        user = "user root root;" if os.geteuid() == 0 else ""
        (prefix / "nginx.conf").write_text(AROUND.format(prefix=prefix, user=user), "utf-8")
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None
        self._nginx = await asyncio.create_subprocess_exec(
            program,
            *("-p", str(prefix), "-c", str(prefix / "nginx.conf"), "-e", str(prefix / "error.log")),
            *("-g", "daemon off;"),
        )
        async with asyncio.timeout(READY_WITHIN):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._nginx_port)
                except OSError:
                    if self._nginx.returncode is not None:
                        raise NotReady((prefix / "error.log").read_text("utf-8")) from None
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    def _configuration(self, prefix: Path) -> str:
        """The repository's own file, with our ports and folders in it."""
        conf = (ROOT / "nginx" / "aiochat.conf").read_text("utf-8")
        lines = re.compile(r"(?:^ *server 127\.0\.0\.1:\d+(.*)\n)+", re.MULTILINE)
        found = lines.search(conf)
        if found is None:
            raise NotReady("nginx/aiochat.conf lists no process")
        servers = [f"    server 127.0.0.1:{process.port}{found[1]}\n" for process in self.processes]
        conf = conf[: found.start()] + "".join(servers) + conf[found.end() :]
        conf = conf.replace("listen 80;", f"listen 127.0.0.1:{self._nginx_port};").replace(
            "listen [::]:80;", ""
        )
        return conf.replace("/var/www/aiochat", str(prefix)).replace("rate=2r/s", "rate=100r/s")
