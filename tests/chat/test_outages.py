"""A store is away for a while: people are told so, nothing is lost, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from pytest_aiohttp import AiohttpClient

from aiochat.settings import Settings
from chat.connection import CloseCode
from helpers import database
from tests.lines import Line
from tests.people import PATIENCE, Answer, Frame, House, Person, Refused, Tab, opened_house

MESSAGES = "/api/rooms/lobby/messages"
PORT_FILE = ".s.PGSQL.5432"


@pytest.fixture
async def lines(settings: Settings) -> AsyncIterator[tuple[Settings, Line, Line]]:
    """The same servers, reached by lines that can be cut."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    url = urlsplit(settings.database_url)
    servers = Path(parse_qs(url.query)["host"][0])
    with TemporaryDirectory(prefix="aiochat-lines-") as folder:
        here = Path(folder)
        postgresql = Line(here / PORT_FILE, servers / PORT_FILE)
        redis = Line(here / "redis.sock", Path(urlsplit(settings.redis_url).path))
        await postgresql.mends()
        await redis.mends()
        changed = replace(
            settings,
            database_url=f"{url.scheme}://{url.netloc}{url.path}?host={quote(folder, safe='')}",
            redis_url=f"unix://{here}/redis.sock?db=0",
        )
        yield changed, postgresql, redis
        await postgresql.cuts()
        await redis.cuts()


@pytest.fixture
async def house(
    lines: tuple[Settings, Line, Line],
    aiohttp_client: AiohttpClient,
    quick_passwords: None,
    nothing_fails: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    """The site, at the end of these lines, soon out of patience with a database that is away."""
    monkeypatch.setattr(database, "WAIT_FOR_CONNECTION", 2.0)
    async with opened_house(lines[0], aiohttp_client) as opened:
        yield opened


async def says_again_and_again(tab: Tab, text: str, nonce: str) -> Frame:
    """As a client does while the refusal is temporary; each try waits a little for a line to the database."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await tab.says(text, nonce=nonce)
            except Refused as refused:
                if not refused.frame.temporary:
                    raise


async def test_who_cannot_be_brought_up_to_date_is_asked_to_come_again(
    alice: Person, lines: tuple[Settings, Line, Line]
) -> None:
    """Whoever waits for `resumed` asks no second time."""
    hello = await alice.enters()
    await alice.says("hi")
    await lines[1].cuts()
    await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
    refused = await alice.hears("error")
    assert (refused.code, refused.temporary) == ("unavailable", True)
    assert await alice.tab.is_closed() == CloseCode.TRY_AGAIN
    await lines[1].mends()
    await alice.enters()
    await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
    assert (await alice.hears("resumed")).recovered is True


async def test_without_the_database_everybody_hears_so_and_tries_again(
    alice: Person, bob: Person, house: House, lines: tuple[Settings, Line, Line]
) -> None:
    _, line, _ = lines
    await alice.enters()
    await alice.enters()
    first, second = alice.tabs
    await bob.enters()
    await bob.hears("joined", user="bob")
    program = await house.program(alice)
    await line.cuts()
    said, named, answer, page, knocked = await asyncio.gather(
        first.says("hi", nonce="n-1"),
        second.says("/nick Anna", nonce="n-2"),
        program.posts(MESSAGES, {"text": "ho", "nonce": "n-3"}),
        alice.opens("/rooms/lobby"),
        alice.knocks(),
        return_exceptions=True,
    )
    for refused in (said, named):
        assert isinstance(refused, Refused)
        assert (refused.code, refused.frame.temporary) == ("unavailable", True)
        assert refused.frame.retry_after
    assert isinstance(answer, Answer)
    assert (answer.status, answer.refusal.temporary) == (503, True)
    assert int(answer.headers["Retry-After"]) > 0
    assert isinstance(page, Answer)
    assert page.status == 503
    assert "Traceback" not in page.text
    assert isinstance(knocked, Answer)
    assert knocked.status == 503
    await line.mends()
    assert (await first.says("hi", nonce="n-1")).seq
    assert (await says_again_and_again(second, "/nick Anna", nonce="n-2")).text
    assert (await program.posts(MESSAGES, {"text": "ho", "nonce": "n-3"})).status == 201
    assert (await bob.hears("message")).text == "hi"
    assert [kind for kind in await house.kinds() if kind in ("message", "renamed")] == [
        "message",
        "renamed",
        "message",
    ]


async def test_without_redis_words_are_kept_and_sessions_wait(
    alice: Person, bob: Person, olga: Person, house: House, lines: tuple[Settings, Line, Line]
) -> None:
    _, _, redis = lines
    await alice.enters()
    await olga.enters()
    program = await house.program(bob)
    await redis.cuts()
    page = await alice.opens("/rooms/lobby")
    assert page.status == 503
    api = await alice.gets("/api/rooms")
    assert (api.status, api.refusal.code, api.refusal.temporary) == (503, "unavailable", True)
    said = await program.posts(MESSAGES, {"text": "hi"})
    assert said.status == 201
    assert (await alice.hears("message")).seq == said.json.seq
    assert "Redis does not answer" in (await olga.says("/kill alice")).text
    assert await alice.tab.is_closed() == 4502
    await redis.mends()
    assert (await olga.opens("/rooms/lobby")).status == 200
