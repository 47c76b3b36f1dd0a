"""Whoever watches the site hears whether it lives and whether it can work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aiohttp import web
from pytest_aiohttp import AiohttpClient

from aiochat.headers import POLICY
from aiochat.main import create_app
from aiochat.settings import Settings
from helpers.web import REDIS
from tests.conftest import Client


async def test_a_process_that_runs_is_healthy(client: Client) -> None:
    answer = await client.get("/healthz")
    assert answer.status == 200
    assert await answer.json() == {"status": "ok"}


async def test_a_process_that_can_work_is_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert await answer.json() == {"status": "ok", "database": "ok", "redis": "ok"}


async def test_every_answer_forbids_foreign_scripts(client: Client) -> None:
    for path in ("/healthz", "/nowhere"):
        answer = await client.get(path)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
