"""Looks at everything a site stands on, and says of each thing that is not well what to do about it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import psycopg
import redis

from aiochat.settings import MIGRATIONS, Settings
from aiochat.values import mask
from chat.epoch import HEADS
from helpers.database import AIOPG

LEAST_POSTGRES = 15
LEAST_FREE, NEXT_TO_NOTHING = 1 << 30, 100 << 20
MOST_DRIFT = 2.0
ANSWER_WITHIN = 5.0
SHORTEST_SECRET = 32


class Health(Enum):
    """How something is, as a word that stands before it."""

    WELL = "ok"
    RISKY = "warn"
    ILL = "BAD"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    health: Health
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.health.value:<5} {self.what}" + (f"\n      → {self.advice}" if self.advice else "")


def well(what: str) -> Finding:
    """Nothing to do."""
    return Finding(Health.WELL, what)


def risky(what: str, advice: str) -> Finding:
    """It works, until it does not."""
    return Finding(Health.RISKY, what, advice)


def ill(what: str, advice: str) -> Finding:
    """It does not work, or loses what was promised to be kept."""
    return Finding(Health.ILL, what, advice)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if something is bad; what is only risky is no reason to fail."""
    return int(any(finding.health is Health.ILL for finding in findings))


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything but the way through the proxy: PostgreSQL, Redis, clocks, disk, secrets."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    yield from _postgres(settings.database_url)
    yield from _redis(settings.database_url, settings.redis_url)
    yield from disk(settings)
    yield from _secrets(settings)


# -- PostgreSQL ------------------------------------------------------------------------------------------------


def _postgres(url: str) -> Iterator[Finding]:
    try:
        with psycopg.connect(
            url.replace(AIOPG, "postgresql://", 1), connect_timeout=int(ANSWER_WITHIN), autocommit=True
        ) as line:
            # Somebody may hold a table for long; this much is asked quickly.
            line.execute("SELECT set_config('statement_timeout', %s, false)", [f"{ANSWER_WITHIN:g}s"])
            yield from _version(line)
            yield from _durability(line)
            yield from _schema(line)
            yield from _room_for_connections(line)
            yield _clock("PostgreSQL", _first(line, "SELECT clock_timestamp()"))
    except psycopg.Error as error:
        yield ill(
            f"PostgreSQL at {mask(url)} does not answer: {first_line(error)}",
            "See that it runs and that AIOCHAT_DATABASE_URL is right.",
        )


def _version(line: psycopg.Connection[Any]) -> Iterator[Finding]:
    major = line.info.server_version // 10_000
    if major < LEAST_POSTGRES:
        yield ill(
            f"PostgreSQL is version {major}.", f"aiochat needs {LEAST_POSTGRES} or newer: upgrade the server."
        )
    else:
        yield well(f"PostgreSQL {major} answers.")


def _durability(line: psycopg.Connection[Any]) -> Iterator[Finding]:
    lax = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if _first(line, f"SHOW {name}") == "off"
    ]
    if lax:
        yield ill(
            f"PostgreSQL has {', '.join(lax)} off: a crash may lose or ruin what people were told is kept.",
            "Set it to on in postgresql.conf and reload.",
        )
    else:
        yield well("PostgreSQL keeps what it commits.")


def _schema(line: psycopg.Connection[Any]) -> Iterator[Finding]:
    known = sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))
    try:
        done = {name for (name,) in line.execute("SELECT name FROM migratehistory")}
    except psycopg.errors.UndefinedTable:
        done = set()
    missing, unknown = [name for name in known if name not in done], sorted(done - set(known))
    if unknown:
        yield ill(f"The tables are of a newer aiochat ({unknown[-1]}).", "Update aiochat on this machine.")
    elif missing:
        yield ill(
            f"The tables lack {', '.join(missing)}.", "Run `aiochat migrate`; `aiochat serve` does so too."
        )
    else:
        yield well("The tables are up to date.")


def _room_for_connections(line: psycopg.Connection[Any]) -> Iterator[Finding]:
    most, used = (
        int(_first(line, "SHOW max_connections")),
        _first(line, "SELECT count(*) FROM pg_stat_activity"),
    )
    if used > 0.8 * most:
        yield risky(
            f"PostgreSQL has {used} of {most} connections in use.",
            "Raise max_connections, or lower AIOCHAT_POOL_SIZE or AIOCHAT_WORKERS.",
        )


# -- Redis -----------------------------------------------------------------------------------------------------


def _redis(database_url: str, url: str) -> Iterator[Finding]:
    client = redis.Redis.from_url(
        url, socket_connect_timeout=ANSWER_WITHIN, socket_timeout=ANSWER_WITHIN, retry=None
    )
    try:
        told: dict[str, Any] = client.info()
        name = "Valkey" if "valkey_version" in told else "Redis"
        yield well(f"{name} {told.get('valkey_version') or told['redis_version']} answers.")
        yield from _persistence(name, told)
        yield from _memory(name, told)
        seconds, micros = client.time()
        yield _clock(name, datetime.fromtimestamp(seconds + micros / 1e6, UTC))
        yield from _heads(client, database_url)
    except redis.RedisError as error:
        yield ill(
            f"Redis at {mask(url)} does not answer: {first_line(error)}",
            "See that it runs and that AIOCHAT_REDIS_URL is right. People in one process still hear each other.",
        )
    finally:
        client.close()


def _persistence(name: str, told: dict[str, Any]) -> Iterator[Finding]:
    if not int(told.get("aof_enabled", 0)):
        yield ill(
            f"{name} forgets everything when it restarts: everybody would be signed out.",
            "Set appendonly yes (and appendfsync everysec).",
        )
    elif (
        told.get("aof_last_write_status", "ok") != "ok" or told.get("aof_last_bgrewrite_status", "ok") != "ok"
    ):
        yield ill(f"{name} could not write its file the last time.", "Look into its log and at its disk.")
    else:
        yield well(f"{name} keeps its data over a restart.")


def _memory(name: str, told: dict[str, Any]) -> Iterator[Finding]:
    policy = told.get("maxmemory_policy", "noeviction")
    most, used = int(told.get("maxmemory", 0)), int(told.get("used_memory", 0))
    if most and policy != "noeviction":
        yield ill(
            f"{name} throws data away when its memory is full ({policy}): sessions would vanish.",
            "Set maxmemory-policy noeviction.",
        )
    if most and used > 0.8 * most:
        yield risky(f"{name} uses {used >> 20} of {most >> 20} MB.", "Raise maxmemory.")


def _heads(client: redis.Redis, database_url: str) -> Iterator[Finding]:
    seen: dict[bytes, bytes] = client.hgetall(HEADS)  # type: ignore[assignment]
    try:
        with psycopg.connect(database_url.replace(AIOPG, "postgresql://", 1), connect_timeout=5) as line:
            heads: dict[int, int] = dict(line.execute("SELECT id, last_seq FROM rooms").fetchall())
    except psycopg.Error:
        return
    if behind := [int(room) for room, head in seen.items() if int(head) > heads.get(int(room), 0)]:
        yield ill(
            f"{len(behind)} logs end before what people have heard of them: an older database was put back.",
            "Run `aiochat new-epoch`, so that clients read their rooms anew; a restart does it as well.",
        )


# -- this machine ----------------------------------------------------------------------------------------------


def _clock(whose: str, theirs: datetime) -> Finding:
    drift = (theirs - datetime.now(UTC)).total_seconds()
    if abs(drift) > MOST_DRIFT:
        return risky(
            f"The clock of {whose} is {abs(drift):.1f} s {'ahead of' if drift > 0 else 'behind'} this machine's.",
            "Run a time service (chrony, systemd-timesyncd) on both.",
        )
    return well(f"The clock of {whose} agrees with this machine's.")


def disk(settings: Settings) -> Iterator[Finding]:
    """How much room there is for all that the servers of our own keep."""
    place = settings.data_dir if _is_there(settings.data_dir) else Path()
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        tell = ill if free < NEXT_TO_NOTHING else risky
        yield tell(
            f"The disk that holds {place.absolute()} has {free >> 20} MB left.",
            "Make room: PostgreSQL stops when it cannot write.",
        )
    else:
        yield well(f"The disk that holds {place.absolute()} has {free >> 30} GB left.")


def _secrets(settings: Settings) -> Iterator[Finding]:
    secret = settings.secret_key or ""
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < 8:
        yield ill("The secret key can be guessed.", "Set AIOCHAT_SECRET_KEY from `openssl rand -hex 32`.")
    else:
        yield well("The secret key is long enough.")
    for path in (settings.data_dir / "secret_key", Path(".env")):
        if _is_there(path) and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield risky(f"{path} can be read by others on this machine.", f"chmod 600 {path}")
    if settings.public_url is not None and not settings.is_secure and "localhost" not in settings.public_url:
        yield risky(
            f"{settings.public_url} is not https: passwords travel in the clear.",
            "See docs/deployment.md for a certificate, and set AIOCHAT_PUBLIC_URL to https://…",
        )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        # In a folder that is closed to us.
        return False


def _first(line: psycopg.Connection[Any], statement: str) -> Any:
    row = line.execute(statement.encode()).fetchone()
    return row[0] if row else None


def first_line(error: BaseException) -> str:
    """What an error says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
