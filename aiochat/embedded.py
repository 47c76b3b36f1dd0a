"""A real PostgreSQL and a real Valkey for a newcomer: from wheels, on unix sockets, all data in one folder.

The servers end with us, and whatever way we end, the next start finds nothing in its way.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from aiochat import binaries, servers
from aiochat.binaries import EmbeddedError
from aiochat.children import LOOK_AGAIN, Keeper

__all__ = ["EmbeddedError", "Servers", "running", "secret_key"]

LONGEST_SOCKET = 100


@dataclass(frozen=True)
class Servers:
    """Where the servers of our own answer (None: not asked for), and where they keep what they know."""

    database_url: str | None
    redis_url: str | None
    home: str


@contextmanager
def running(
    data_dir: Path,
    *,
    database: bool = True,
    redis: bool = True,
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[Servers]:
    """Servers that run as long as this block does, their data in `data_dir`.

    Where another process runs them already, its servers are lent, for as long as it lives.
    Call it in the main thread. Raises `EmbeddedError`.
    """
    data_dir = data_dir.absolute()
    with ExitStack() as stack:
        with _in_words(data_dir):
            keeper = Keeper.present()
            home = binaries.home(data_dir, keeper)
            found = stack.enter_context(_owned_or_lent(data_dir))
            if found is None:
                sockets = stack.enter_context(_socket_folder(home, keeper))
                settings = postgres_settings or {}
                found = Servers(
                    stack.enter_context(servers.postgres(home, sockets, keeper, settings))
                    if database
                    else None,
                    stack.enter_context(servers.valkey(home, sockets, keeper)) if redis else None,
                    str(home),
                )
                _tell(data_dir, found)
            if (database and found.database_url is None) or (redis and found.redis_url is None):
                raise EmbeddedError(f"Another aiochat holds {data_dir} with other settings: stop it first.")
        yield found


def secret_key(data_dir: Path) -> str:
    """The secret made once for this folder, for its owner's eyes only. Raises `EmbeddedError`."""
    with _in_words(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / "secret_key"
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=data_dir) as file:
                file.write(secrets.token_hex(32))
                file.flush()
                # A link never replaces: of two that start at once, both get the first one's secret.
                with suppress(FileExistsError):
                    os.link(file.name, path)
        return path.read_text("ascii")


@contextmanager
def _owned_or_lent(data_dir: Path) -> Iterator[Servers | None]:
    """Hold the folder (None), or learn from who holds it where the servers are."""
    told = data_dir / "servers.json"
    with (data_dir / "lock").open("a") as lock:
        until = time.monotonic() + servers.START_WITHIN
        while not _locked(lock.fileno()):
            lent = _told(told)
            if lent is not None:
                yield lent
                return
            if time.monotonic() > until:
                raise EmbeddedError(
                    f"Another aiochat holds {data_dir}, but its servers do not answer: stop it."
                )
            time.sleep(LOOK_AGAIN)
        told.unlink(missing_ok=True)
        try:
            yield None
        finally:
            told.unlink(missing_ok=True)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(data_dir: Path, found: Servers) -> None:
    half = data_dir / "servers.json.half"
    half.write_text(json.dumps(asdict(found)), "utf-8")
    half.rename(data_dir / "servers.json")


def _told(path: Path) -> Servers | None:
    try:
        found = Servers(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    database = found.database_url is None or servers.database_answers(found.database_url)
    return found if database and (found.redis_url is None or servers.redis_answers(found.redis_url)) else None


@contextmanager
def _socket_folder(home: Path, keeper: Keeper) -> Iterator[Path]:
    folder = home / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET:
        folder.mkdir(exist_ok=True)
        keeper.own(folder)
        yield folder
        return
    # The kernel allows the path of a socket about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="aiochat-", dir="/tmp"))
    keeper.own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_words(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise EmbeddedError(f"A server left over in {data_dir} is still at work: {error}.") from error
    except OSError as error:
        elsewhere = "set AIOCHAT_DATA_DIR to another folder"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            said = f"The disk that holds {data_dir} is full: make room, or {elsewhere}."
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            said = f"{error.filename or data_dir} is closed to this user: {elsewhere}."
        else:
            said = f"{data_dir} cannot be used, {error.strerror or error}: {elsewhere}."
        raise EmbeddedError(said) from error
