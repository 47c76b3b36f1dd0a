"""Whose session a cookie is, and when it is nobody's any more."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, DummyCookieJar
from pytest_aiohttp import AiohttpClient
from redis.asyncio import Redis

from accounts import actions, events
from accounts.errors import Suspended
from accounts.models import User
from accounts.storage import COOKIE, ref_of, session_key, sessions_key
from aiochat.settings import Settings
from helpers.bus import MemoryBus
from helpers.database import Manager
from helpers.web import BUS
from tests.accounts.conftest import PASSWORD, Visits
from tests.accounts.site import create_app
from tests.accounts.visitor import Visitor
from tests.conftest import Client

DAY = 86400


async def test_who_signs_in_is_known_until_signing_out(visitor: Visitor, ann: User) -> None:
    assert not await visitor.is_signed_in()
    assert (await visitor.signs_in("Ann", PASSWORD)).leads_to == "/"
    assert await visitor.is_signed_in()
    gone = await visitor.fills("/logout")
    assert gone.leads_to == "/login"
    assert "You are signed out." in (await visitor.opens("/login")).text
    assert "You are signed out." not in (await visitor.opens("/login")).text
    assert not await visitor.is_signed_in()


async def test_the_cookie_is_for_the_browser_alone(visitor: Visitor, ann: User) -> None:
    cookie = (await visitor.signs_in("ann", PASSWORD)).cookie
    assert cookie is not None
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


async def test_under_https_the_cookie_is_secure(settings: Settings, aiohttp_client: AiohttpClient) -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)
    for changed, headers in (
        ({"public_url": "https://chat.example"}, {}),
        ({"trusted_proxies": loopback}, {"X-Forwarded-Proto": "https"}),
    ):
        site = Visitor(await aiohttp_client(create_app(dataclasses.replace(settings, **changed))))
        cookie = (await site.opens("/login", **headers)).cookie
        assert cookie is not None
        assert "Secure" in cookie.split("; ")


async def test_redis_knows_no_session_id_and_no_session_lasts_for_ever(
    visitor: Visitor, ann: User, redis: Redis
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    assert visitor.session is not None
    keys = {key.decode() for key in await redis.keys("*session*")}
    assert keys == {session_key(ref_of(visitor.session)), sessions_key(ann.id)}
    for key in keys:
        assert visitor.session not in key
        assert 29 * DAY < await redis.ttl(key) <= 30 * DAY


async def test_every_visit_moves_the_end_of_a_session(visitor: Visitor, ann: User, redis: Redis) -> None:
    await visitor.signs_in("ann", PASSWORD)
    key = session_key(ref_of(visitor.session or ""))
    await redis.expire(key, 60)
    assert await visitor.is_signed_in()
    assert await redis.ttl(key) > 29 * DAY


async def test_signing_in_gives_a_fresh_key_and_ends_the_old_one(
    visitor: Visitor, ann: User, redis: Redis
) -> None:
    await visitor.opens("/try/say?text=hello")
    before = visitor.session
    assert before is not None
    assert await redis.exists(session_key(ref_of(before)))
    await visitor.signs_in("ann", PASSWORD)
    assert visitor.session != before
    assert not await redis.exists(session_key(ref_of(before)))


async def test_what_was_to_be_said_is_still_said_after_signing_in(visitor: Visitor, ann: User) -> None:
    await visitor.opens("/try/say?text=hello")
    csrf = (await visitor.opens("/try/csrf")).text
    await visitor.sends("/login", {"name": "ann", "password": PASSWORD, "csrf": csrf})
    assert "hello" in (await visitor.opens("/me")).text


async def test_a_key_planted_before_is_worth_nothing_after(visits: Visits, ann: User) -> None:
    thief, victim = await visits(), await visits()
    await thief.opens("/login")
    assert thief.session is not None
    victim.takes(thief.session)
    await victim.signs_in("ann", PASSWORD)
    assert await victim.is_signed_in()
    assert victim.session != thief.session
    assert not await thief.is_signed_in()


@pytest.mark.parametrize("planted", ["x" * 43, "short", "x" * 5000, "a b", "%00", "../../etc"])
async def test_an_id_that_is_not_ours_is_not_adopted(
    visitor: Visitor, ann: User, planted: str, redis: Redis
) -> None:
    visitor.takes(planted)
    assert (await visitor.opens("/try/say?text=hello")).status == 200
    assert visitor.session != planted
    await visitor.signs_in("ann", PASSWORD)
    assert visitor.session != planted
    assert not await redis.exists(session_key(ref_of(planted)))


async def test_a_stolen_key_dies_with_its_session(visits: Visits, ann: User) -> None:
    owner, thief = await visits(), await visits()
    await owner.signs_in("ann", PASSWORD)
    thief.takes(owner.session or "")
    assert await thief.is_signed_in()
    await owner.fills("/logout")
    assert not await thief.is_signed_in()


async def test_signing_out_everywhere_ends_every_session_in_every_process(
    visits: Visits, ann: User, redis: Redis
) -> None:
    phone, desk = await visits(), await visits()
    await phone.signs_in("ann", PASSWORD)
    await desk.signs_in("ann", PASSWORD)
    assert (await desk.fills("/me/sign-out-everywhere", on="/me")).leads_to == "/login"
    assert not await phone.is_signed_in()
    assert not await desk.is_signed_in()
    assert "here and everywhere else" in (await desk.opens("/login")).text
    assert not await redis.exists(sessions_key(ann.id))


async def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(
    visits: Visits, ann: User
) -> None:
    phone, desk = await visits(), await visits()
    await phone.signs_in("ann", PASSWORD)
    await desk.signs_in("ann", PASSWORD)
    before = desk.session
    changed = await desk.fills("/me/password", on="/me", old=PASSWORD, new="another-tide-8")
    assert changed.leads_to == "/me"
    assert "Your password is changed" in (await desk.opens("/me")).text
    assert desk.session != before
    assert not await phone.is_signed_in()
    assert (await phone.signs_in("ann", "another-tide-8")).leads_to == "/"


@pytest.mark.parametrize(
    "end",
    [
        "DELETE FROM users WHERE id = %s",
        "UPDATE users SET session_epoch = session_epoch + 1 WHERE id = %s",
        "UPDATE users SET suspended_until = now() + interval '1 hour' WHERE id = %s",
    ],
)
async def test_a_session_whose_user_is_gone_is_nobodys(
    visitor: Visitor, ann: User, manager: Manager, end: str
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await manager.execute(end, ann.id)
    assert json.loads((await visitor.opens("/try/who")).text)["name"] is None
    assert (await visitor.opens("/me")).leads_to == "/login?next=/me"
    assert (await visitor.opens("/login")).status == 200


async def test_who_was_suspended_until_yesterday_is_back(
    visitor: Visitor, ann: User, manager: Manager
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await manager.execute("UPDATE users SET suspended_until = %s WHERE id = %s", yesterday, ann.id)
    await visitor.signs_in("ann", PASSWORD)
    assert await visitor.is_signed_in()


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{",
        b'"words"',
        b'{"created": 1}',
        b'{"session": {}}',
        b'{"created": "x", "session": {"user": 1}}',
        b'{"created": 1, "session": [1]}',
        b'{"created": 1, "session": {"user": "1", "epoch": 0}}',
        b'{"created": 1, "session": {"user": true, "epoch": 0}}',
        b'{"created": 1, "session": {"user": 1}}',
        b'{"created": 1, "session": {"user": 99999999999999999999999, "epoch": 0}}',
        b'{"created": 1, "session": {"flashes": 7}}',
        b'{"created": 1, "session": {"flashes": [7, ["a"], ["info", null], {"x": 1}]}}',
        b"[" * 100_000,
    ],
)
async def test_a_session_nobody_of_us_wrote_is_nobodys(
    visitor: Visitor, ann: User, redis: Redis, kept: bytes
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await redis.set(session_key(ref_of(visitor.session or "")), kept)
    assert json.loads((await visitor.opens("/try/who")).text)["name"] is None
    assert (await visitor.opens("/login")).status == 200
    await visitor.signs_in("ann", PASSWORD)
    assert await visitor.is_signed_in()


async def test_a_session_ended_meanwhile_stays_ended(visitor: Visitor, ann: User, redis: Redis) -> None:
    await visitor.signs_in("ann", PASSWORD)
    key = session_key(ref_of(visitor.session or ""))
    assert (await visitor.opens("/try/say/late?text=hello")).status == 200
    assert not await redis.exists(key)
    assert not await visitor.is_signed_in()


async def test_visitors_who_never_sign_in_fill_no_memory(visitor: Visitor, redis: Redis) -> None:
    for path in ("/login", "/register", "/login", "/nowhere"):
        await visitor.opens(path)
    assert visitor.session is not None
    assert await redis.keys("*session*") == []


async def test_forms_in_two_tabs_of_a_visitor_are_both_good(visitor: Visitor, ann: User) -> None:
    one, other = await visitor.opens("/login"), await visitor.opens("/register")
    assert one.csrf == other.csrf
    assert (
        await visitor.sends("/login", {"name": "ann", "password": PASSWORD, "csrf": one.csrf})
    ).status == 303


async def test_signing_out_is_told_on_the_bus_without_the_id(
    visitor: Visitor, ann: User, bus: MemoryBus
) -> None:
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    await visitor.client.app[BUS].subscribe(events.user_topic(ann.id))
    visitor.client.app[BUS].listen(lambda topic, data: heard.put_nowait((topic, data)), lambda: None)
    await visitor.signs_in("ann", PASSWORD)
    session = visitor.session or ""
    assert json.loads((await visitor.opens("/try/who")).text)["session"] == ref_of(session)
    await visitor.fills("/logout")
    async with asyncio.timeout(30):
        topic, data = await heard.get()
    assert topic == f"aiochat:{{user:{ann.id}}}"
    assert json.loads(data) == {"type": "signed_out", "session": ref_of(session)}
    assert session.encode() not in data


async def test_only_the_latest_sessions_are_remembered(visitor: Visitor, ann: User, redis: Redis) -> None:
    await redis.zadd(sessions_key(ann.id), {f"old{number}": number for number in range(500)})
    await visitor.signs_in("ann", PASSWORD)
    assert await redis.zcard(sessions_key(ann.id)) == 200
    assert await redis.zscore(sessions_key(ann.id), ref_of(visitor.session or "")) is not None


class TestWithoutRedis:
    """Redis is somewhere, but nobody answers."""

    @pytest.fixture
    async def site(self, ann: User, client: Client, redis: Redis) -> Client:
        """The site, signed in; then Redis stops answering in time."""
        await Visitor(client).signs_in("ann", PASSWORD)
        await redis.execute_command("CLIENT", "PAUSE", "2800", "ALL")
        return client

    async def test_what_needs_no_session_is_answered_and_the_rest_says_when_to_come_back(
        self, site: Client
    ) -> None:
        assert (await site.get("/healthz")).status == 200
        answer = await site.get("/api/try/members")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert (await answer.json())["error"]["code"] == "unavailable"
        assert (await answer.json())["error"]["temporary"] is True

    async def test_a_person_gets_a_page(self, site: Client) -> None:
        answer = await site.get("/me", headers={"Accept": "text/html"})
        assert answer.status == 503
        assert answer.content_type == "text/html"
        assert "try again" in await answer.text()

    async def test_visitors_still_see_the_door(self, site: Client) -> None:
        async with ClientSession(cookie_jar=DummyCookieJar()) as stranger:
            answer = await stranger.get(site.make_url("/login"))
            assert answer.status == 200
            assert COOKIE in answer.cookies


async def test_renaming_keeps_one_signed_in(visitor: Visitor, ann: User, manager: Manager) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await actions.rename(manager, ann.id, "anna")
    assert "anna" in (await visitor.opens("/me")).text


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (datetime(2026, 11, 28, 9, 30, tzinfo=UTC), "until 28 November 2026, 09:30 UTC"),
        (datetime(9999, 1, 1, tzinfo=UTC), "any more"),
    ],
)
def test_who_is_shut_out_hears_until_when_and_whom_to_ask(until: datetime, words: str) -> None:
    assert (
        Suspended(until).text
        == f"This account may not sign in {words}. Ask whoever runs this chat if that is wrong."
    )
