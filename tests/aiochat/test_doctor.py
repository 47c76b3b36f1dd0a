"""The doctor: whatever is not well is found, and each finding says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis import Redis

from aiochat import doctor
from aiochat.doctor import Finding, Health
from aiochat.settings import Settings
from chat.epoch import HEADS


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
    assert bad(await doctor.knock(site)) == []


async def test_a_proxy_that_passes_no_websocket_is_found() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/healthz", page)
    async with TestServer(app) as server:
        (finding,) = bad(await doctor.knock(str(server.make_url(""))))
    assert finding.health is Health.ILL
    assert "Upgrade" in finding.advice


async def test_where_nobody_answers_it_is_told() -> None:
    (finding,) = bad(await asyncio.wait_for(doctor.knock("http://127.0.0.1:1"), 10))
    assert "cannot be reached" in finding.what
