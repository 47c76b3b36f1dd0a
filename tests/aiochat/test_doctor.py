"""The doctor: whatever is not well is found, and each finding says what to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis import Redis

from aiochat import doctor
from aiochat import knock as knocking
from aiochat.doctor import Finding, Health
from aiochat.knock import knock
from aiochat.settings import Settings
from chaos import clock
from chat.epoch import HEADS
from tests.aiochat.conftest import Desk
from tests.conftest import SECRET_KEY


def found(settings: Settings, *words: str) -> Finding:
    """The one finding that speaks of this."""
    (finding,) = [each for each in doctor.examine(settings) if all(word in each.what for word in words)]
    return finding


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.health is not Health.WELL]


def test_a_site_that_is_well_has_nothing_to_do(settings: Settings) -> None:
    findings = [each for each in doctor.examine(settings) if "off: a crash" not in each.what]
    assert bad(findings) == []
    assert all(str(finding).startswith("ok ") for finding in findings)


def test_every_finding_that_is_not_well_says_what_to_do(settings: Settings) -> None:
    sick = replace(
        settings,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        secret_key="a" * 40,
        public_url="http://chat.example.org",
    )
    findings = bad(list(doctor.examine(sick)))
    assert {finding.what.split()[0] for finding in findings} == {
        "PostgreSQL",
        "Redis",
        "The",
        "http://chat.example.org",
    }
    assert all(finding.advice and "→" in str(finding) for finding in findings)


def test_passwords_are_not_shown(settings: Settings) -> None:
    sick = replace(
        settings, database_url="postgresql://ann:hush@127.0.0.1:1/none", redis_url="redis://:hush@127.0.0.1:1"
    )
    assert not any("hush" in str(finding) for finding in doctor.examine(sick))


def test_lax_commits_are_bad(settings: Settings) -> None:
    """These tests run without fsync: nobody would mind the loss."""
    assert found(settings, "fsync").health is Health.ILL


def test_tables_that_are_behind_and_tables_from_the_future_are_told(settings: Settings) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as line:
        line.execute("INSERT INTO migratehistory (name, migrated_at) VALUES ('999_far_off', now())")
        assert "Update aiochat" in found(settings, "999_far_off").advice
        line.execute("DELETE FROM migratehistory WHERE name = '999_far_off'")
        row = line.execute(
            "DELETE FROM migratehistory WHERE name = '001_initial' RETURNING id, migrated_at"
        ).fetchone()
        assert row is not None
        try:
            assert "aiochat migrate" in found(settings, "001_initial").advice
        finally:
            line.execute(
                "INSERT INTO migratehistory (id, name, migrated_at) VALUES (%s, '001_initial', %s)", row
            )


@contextmanager
def configured(settings: Settings, name: str, value: str) -> Iterator[None]:
    with Redis.from_url(str(settings.redis_url), decode_responses=True) as client:
        before: dict[str, Any] = client.config_get(name)  # type: ignore[assignment]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before[name])


def test_a_redis_that_forgets_or_throws_away_is_bad(settings: Settings) -> None:
    with configured(settings, "appendonly", "no"):
        assert "appendonly yes" in found(settings, "forgets everything").advice
    with configured(settings, "maxmemory-policy", "allkeys-lru"), configured(settings, "maxmemory", "100mb"):
        assert "noeviction" in found(settings, "throws data away").advice


def test_a_redis_that_is_nearly_full_is_told(settings: Settings) -> None:
    with Redis.from_url(str(settings.redis_url)) as client:
        told: dict[str, Any] = client.info("memory")  # type: ignore[assignment]
    with configured(settings, "maxmemory", str(told["used_memory"] + (100 << 10))):
        finding = found(settings, " MB.")
    assert finding.health is Health.RISKY
    assert "maxmemory" in finding.advice


def test_a_database_that_runs_out_of_connections_is_told(settings: Settings) -> None:
    url = str(settings.database_url)
    with ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(url))
        ((most,),) = first.execute("SHOW max_connections").fetchall()
        for _ in range(int(int(most) * 0.85)):
            stack.enter_context(psycopg.connect(url))
        assert "AIOCHAT_POOL_SIZE" in found(settings, "connections in use").advice


def test_who_holds_the_tables_does_not_hold_the_doctor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ANSWER_WITHIN", 1.0)
    with psycopg.connect(str(settings.database_url)) as line:
        line.execute("LOCK TABLE migratehistory IN ACCESS EXCLUSIVE MODE")
        assert found(settings, "statement timeout").health is Health.ILL


@pytest.mark.parametrize(("left", "health"), [(1 << 62, Health.ILL), (0, Health.RISKY)])
def test_a_disk_that_is_nearly_full_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, left: int, health: Health
) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 62)
    monkeypatch.setattr(doctor, "NEXT_TO_NOTHING", left)
    finding = found(settings, "MB left")
    assert finding.health is health
    assert "Make room" in finding.advice


def test_an_older_database_is_noticed(settings: Settings) -> None:
    with Redis.from_url(str(settings.redis_url)) as client:
        client.hset(HEADS, "1", 5)
    assert "new-epoch" in found(settings, "end before").advice


def test_a_secret_that_others_can_read_is_told(settings: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("0123456789abcdef" * 2)
    secret.chmod(0o644)
    assert found(settings, "secret_key can be read").health is Health.RISKY
    secret.chmod(0o600)
    assert not [each for each in doctor.examine(settings) if "can be read" in each.what]


@pytest.fixture
async def site(app: web.Application) -> AsyncIterator[str]:
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_websocket_finds_its_way(site: str) -> None:
    assert bad(await knock(site)) == []


async def test_a_proxy_that_passes_no_websocket_is_found() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/healthz", page)
    async with TestServer(app) as server:
        (finding,) = bad(await knock(str(server.make_url(""))))
    assert finding.health is Health.ILL
    assert "Upgrade" in finding.advice


async def test_where_nobody_answers_it_is_told() -> None:
    (finding,) = bad(await asyncio.wait_for(knock("http://127.0.0.1:1"), 10))
    assert "cannot be reached" in finding.what


async def _serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> TestServer:
    app = web.Application()
    app.router.add_get("/healthz", handler)
    return TestServer(app)


async def test_a_proxy_that_opens_and_then_keeps_silent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knocking, "ANSWER_WITHIN", 0.5)

    async def silent(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request):
            return web.Response()
        await socket.prepare(request)
        await socket.receive()
        return socket

    async with await _serving(silent) as server:
        (finding,) = bad(await asyncio.wait_for(knock(str(server.make_url(""))), 10))
    assert "nothing came" in finding.what
    assert "Upgrade" in finding.advice


async def test_a_site_that_is_not_well_behind_its_proxy_is_told() -> None:
    async def down(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    async with await _serving(down) as server:
        (finding,) = bad(await knock(str(server.make_url(""))))
    assert "answers 502" in finding.what
    assert "aiochat serve" in finding.advice


@pytest.mark.parametrize(
    ("date", "told"), [("Mon, 01 Jan 2024 00:00:00 GMT", True), ("yesterday", False), ("", False)]
)
async def test_a_clock_behind_the_proxy_that_is_wrong_is_told(date: str, told: bool) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Date": date})

    async with await _serving(page) as server:
        findings = bad(await knock(str(server.make_url(""))))
    assert any("s off" in finding.what for finding in findings) is told


def _examined(desk: Desk, settings: Settings, **environ: str) -> tuple[int, str]:
    """The exit code and all that `aiochat doctor` says."""
    desk.environ |= {
        "AIOCHAT_DATABASE_URL": str(settings.database_url),
        "AIOCHAT_REDIS_URL": str(settings.redis_url),
        "AIOCHAT_SECRET_KEY": SECRET_KEY,
    }
    command = desk.run("doctor", **environ)
    code = command.ends()
    return code, "\n".join(command.said)


def test_at_a_terminal_it_ends_with_1_for_what_is_bad_and_with_no_traceback(
    desk: Desk, settings: Settings
) -> None:
    nowhere = {
        "AIOCHAT_DATABASE_URL": "postgresql://x@127.0.0.1:1/none",
        "AIOCHAT_REDIS_URL": "redis://127.0.0.1:1",
    }
    for environ in (
        nowhere,
        {"AIOCHAT_DATABASE_URL": nowhere["AIOCHAT_DATABASE_URL"], "AIOCHAT_REDIS_URL": ""},
    ):
        code, said = _examined(desk, settings, AIOCHAT_START_TIMEOUT="1", **environ)
        assert code == 1
        assert "BAD   PostgreSQL at" in said
        assert "disk that holds" in said, "the rest is looked at all the same"
        assert "Traceback" not in said


def test_what_is_only_risky_ends_with_0() -> None:
    risky, ill = doctor.risky("It works.", "Until it does not."), doctor.ill("It does not.", "Mend it.")
    assert [doctor.exit_code(each) for each in ([], [risky], [risky, ill])] == [0, 0, 1]


@pytest.mark.skipif(clock.library() is None, reason=f"{clock.MISSING} (Debian: apt install libfaketime)")
def test_clocks_that_disagree_are_told(desk: Desk, settings: Settings) -> None:
    _, said = _examined(desk, settings, **clock.moved(3600))
    assert re.search(
        r"warn  The clock of PostgreSQL is 3\d{3}\.\d s behind this machine's\.\n +→ Run", said
    ), said
    assert re.search(r"warn  The clock of (Valkey|Redis) is 3\d{3}\.\d s behind", said), said


def test_tables_are_looked_at_and_left_as_they_are(desk: Desk, settings: Settings) -> None:
    with psycopg.connect(str(settings.database_url), autocommit=True) as line:
        line.execute("CREATE DATABASE bare TEMPLATE template0")
        try:
            bare = urlunsplit(
                urlsplit(str(settings.database_url))._replace(path="/bare", scheme="postgresql")
            )
            code, said = _examined(desk, settings, AIOCHAT_DATABASE_URL=bare)
            assert (code, "aiochat migrate" in said) == (1, True)
            with psycopg.connect(bare) as there:
                assert there.execute(
                    "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                ).fetchone() == (0,)
        finally:
            line.execute("DROP DATABASE bare WITH (FORCE)")
