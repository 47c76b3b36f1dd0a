"""Whoever watches the site hears whether it lives and whether it can work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pytest_aiohttp import AiohttpClient

from aiochat import embedded
from aiochat.headers import POLICY
from aiochat.main import create_app
from aiochat.migrate import migrate
from aiochat.settings import Settings
from tests.conftest import Client


async def test_a_process_that_runs_is_healthy(client: Client) -> None:
    answer = await client.get("/healthz")
    assert answer.status == 200
    assert await answer.json() == {"status": "ok"}


async def test_a_process_that_can_work_is_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert await answer.json() == {"status": "ok", "database": "ok", "redis": "ok"}


async def test_without_redis_it_lives_but_is_not_ready(
    aiohttp_client: AiohttpClient, settings: Settings, open_folder: Path
) -> None:
    with embedded.running(open_folder / "var", database=False) as own:
        client = await aiohttp_client(create_app(replace(settings, redis_url=own.redis_url)))
        assert (await client.get("/readyz")).status == 200
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert await answer.json() == {"status": "unavailable", "database": "ok", "redis": "unavailable"}
    assert (await client.get("/healthz")).status == 200


async def test_without_the_database_it_lives_but_is_not_ready(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    assert settings.database_url is not None
    other = settings.database_url.replace("/aiochat?", "/going?")
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS going")
        connection.execute("CREATE DATABASE going TEMPLATE template0")
        migrate(other)
        client = await aiohttp_client(create_app(replace(settings, database_url=other)))
        assert (await client.get("/readyz")).status == 200
        connection.execute("DROP DATABASE going WITH (FORCE)")
        answer = await client.get("/readyz")
    assert answer.status == 503
    assert await answer.json() == {"status": "unavailable", "database": "unavailable", "redis": "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/login", "/nowhere", "/api/rooms"])
async def test_every_answer_forbids_foreign_scripts(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "unsafe" not in POLICY


async def test_over_https_browsers_are_told_to_stay_there(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    client = await aiohttp_client(create_app(replace(settings, public_url="https://chat.example.org")))
    assert "max-age" in (await client.get("/healthz")).headers["Strict-Transport-Security"]
