"""How each of the two servers of our own is prepared, started, waited for and stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from aiochat import binaries, children
from aiochat.binaries import EmbeddedError
from aiochat.children import LOOK_AGAIN, Keeper

NAME = "aiochat"
START_WITHIN = 60.0
STOP_WITHIN = 30.0
LEAST_ROOM = 1 << 20
ENVIRON = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "log_min_messages": "warning",
}
VALKEY_SETTINGS = (
    "port 0",
    "daemonize no",
    # So that a later start knows by the command line what it finds running.
    "set-proc-title no",
    "unixsocketperm 700",
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    "maxmemory-policy noeviction",
)


@contextmanager
def postgres(
    home: Path, sockets: Path, keeper: Keeper, settings: Mapping[str, str], *, lasting: bool = True
) -> Iterator[str]:
    """A PostgreSQL that keeps its data in `home` and listens in `sockets` only; gives its address.

    If it is `lasting` and dies, it begins again. Raises `EmbeddedError` and OSError.
    """
    data = home / "postgres"
    made = data / "PG_VERSION"
    found = binaries.postgres(keeper, major=int(made.read_text("ascii")) if made.exists() else None)
    if not made.exists():
        _initdb(found, data, keeper)
    # Who owned it before may have been killed a moment ago, and its server be about to end.
    children.retire(data / "postmaster.pid", str(data), signal.SIGINT)
    folder = str(sockets).replace('"', '""')
    options = [f"-c{name}={value}" for name, value in (POSTGRES_SETTINGS | dict(settings)).items()]
    command: list[str | Path] = [found.programs / "postgres", "-D", data]
    command += [f'-cunix_socket_directories="{folder}"', *options]
    address = f"postgresql://{NAME}@/{{}}?host={quote(str(sockets), safe='')}"
    at_start = address.format("postgres")
    with _running(
        "PostgreSQL", command, home, keeper, signal.SIGINT, lambda: database_answers(at_start), lasting
    ):
        with psycopg.connect(at_start, autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {NAME}")
        yield address.format(NAME)


@contextmanager
def valkey(home: Path, sockets: Path, keeper: Keeper, *, lasting: bool = True) -> Iterator[str]:
    """A Valkey or Redis that keeps its data in `home` and listens in `sockets` only; gives its address.

    Every change is appended to a file, so a restart signs nobody out. If it is `lasting` and dies, it begins again.
    Raises `EmbeddedError` and OSError.
    """
    data = home / "valkey"
    data.mkdir(exist_ok=True)
    keeper.own(data)
    program = binaries.redis(keeper)
    socket, configuration = sockets / "valkey.sock", data / "valkey.conf"
    children.retire(data / "valkey.pid", str(configuration), signal.SIGTERM)
    lines = [*VALKEY_SETTINGS, f"unixsocket {_quoted(socket)}", f"dir {_quoted(data)}"]
    lines.append(f"pidfile {_quoted(data / 'valkey.pid')}")
    configuration.write_text("\n".join(lines) + "\n", "utf-8")
    configuration.chmod(0o644)
    address = f"unix://{quote(str(socket))}?db=0"
    command = [program, configuration]
    with _running("Valkey", command, home, keeper, signal.SIGTERM, lambda: redis_answers(address), lasting):
        yield address


def database_answers(address: str) -> bool:
    """Whether a PostgreSQL there lets us in."""
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def redis_answers(address: str) -> bool:
    """Whether a Redis there answers, its data loaded."""
    client = redis.Redis.from_url(address, socket_connect_timeout=5, retry=None)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _initdb(found: binaries.Postgres, data: Path, keeper: Keeper) -> None:
    # Made beside its place and then moved: whoever is killed meanwhile leaves nothing half made there.
    half = data.with_name("postgres.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    keeper.own(half)
    locale = ["--locale=C.UTF-8"]
    if found.major >= 17:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command: list[str | Path] = [
        found.programs / "initdb",
        "-D",
        half,
        "-U",
        NAME,
        "-E",
        "UTF8",
        "-A",
        "peer",
    ]
    command += ["--no-sync", *locale]
    with tempfile.TemporaryFile() as output:
        if children.start(command, keeper=keeper, output=output, environ=ENVIRON).wait() != 0:
            output.seek(0)
            raise EmbeddedError(_why("PostgreSQL", output.read().decode(errors="replace"), data))
    users = sorted({keeper.name, children.own_name(), "root"})
    (half / "pg_hba.conf").write_text("local all all peer map=keepers\n", "ascii")
    (half / "pg_ident.conf").write_text("".join(f'keepers "{user}" {NAME}\n' for user in users), "utf-8")
    half.rename(data)


@contextmanager
def _running(
    name: str,
    command: Sequence[str | Path],
    home: Path,
    keeper: Keeper,
    politely: signal.Signals,
    answers: Callable[[], bool],
    lasting: bool,
) -> Iterator[None]:
    log = home / "log" / f"{name.lower()}.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists():
        log.rename(log.with_suffix(".log.1"))

    def begin() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return children.start(command, keeper=keeper, ends_with=politely, output=output, environ=ENVIRON)

    hard = signal.SIGQUIT if name == "PostgreSQL" else signal.SIGKILL
    child = children.Lasting(name, begin)
    try:
        until = time.monotonic() + START_WITHIN
        while not answers():
            if child.process.poll() is not None:
                raise EmbeddedError(_why(name, log.read_text("utf-8", "replace"), log))
            if time.monotonic() > until:
                raise EmbeddedError(
                    f"{name} does not answer after {START_WITHIN:g} seconds: look into {log}."
                )
            time.sleep(LOOK_AGAIN)
        if lasting:
            # What it left behind it finds itself: a PostgreSQL whose old processes still end waits for its turn.
            child.watch()
        yield
    finally:
        child.stop(politely, STOP_WITHIN, hard)


def _why(name: str, output: str, place: Path) -> str:
    # On a full disk there is no room for the complaint either.
    if "No space left on device" in output or shutil.disk_usage(place.parent).free < LEAST_ROOM:
        return f"The disk that holds {place.parent} is full: make room, or move AIOCHAT_DATA_DIR."
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    worst = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line.lower()]
    said = (worst or lines or ["it said nothing"])[-1]
    return f"{name} does not start: {said} (look into {place})"


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
