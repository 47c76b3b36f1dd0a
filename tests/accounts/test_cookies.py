"""Sessions in encrypted cookies: what ends them, and what nobody can make of them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import WSMsgType
from redis.asyncio import Redis
from yarl import URL

from accounts import actions
from accounts.cookies import MOST_SEALED, RENEWED_AFTER, SEALED
from accounts.models import User
from aiochat.settings import Settings
from chat.actions import rooms
from chat.keys import NODE
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD, Visits
from tests.accounts.visitor import Visitor
from tests.people import received


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A site that keeps no sessions."""
    return replace(settings, session_store="cookie")


def sealed(visitor: Visitor) -> str | None:
    """What the visitor carries beside the id."""
    for cookie in visitor.client.session.cookie_jar:
        if cookie.key == SEALED:
            return cookie.value
    return None


def takes(visitor: Visitor, value: str) -> None:
    visitor.client.session.cookie_jar.update_cookies({SEALED: value}, URL(str(visitor.client.make_url("/"))))


async def test_one_comes_in_and_goes_out_and_redis_keeps_nothing(
    visitor: Visitor, ann: User, redis: Redis
) -> None:
    assert (await visitor.signs_in("ann", PASSWORD)).leads_to == "/"
    assert await visitor.is_signed_in()
    assert not [key for key in await redis.keys("*") if b"session" in key]
    value = sealed(visitor)
    assert value is not None
    assert "ann" not in value
    await visitor.fills("/logout", on="/me")
    assert not await visitor.is_signed_in()
    assert not sealed(visitor) or sealed(visitor) != value


async def test_the_cookies_are_for_the_server_alone(visitor: Visitor, ann: User) -> None:
    page = await visitor.opens("/login")
    async with visitor.client.post(
        "/login", data={"name": "ann", "password": PASSWORD, "csrf": page.csrf}, allow_redirects=False
    ) as answer:
        for name in (SEALED, "aiochat_session"):
            cookie = answer.cookies[name]
            assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")


async def test_whoever_signs_in_gets_another_id(visitor: Visitor, ann: User) -> None:
    await visitor.opens("/login")
    before = visitor.session
    await visitor.signs_in("ann", PASSWORD)
    assert visitor.session != before


async def test_signing_out_everywhere_ends_every_copy(visits: Visits, ann: User) -> None:
    one, other = await visits(), await visits()
    await one.signs_in("ann", PASSWORD)
    await other.signs_in("ann", PASSWORD)
    thief = await visits()
    thief.takes(other.session or "")
    takes(thief, sealed(other) or "")
    assert await thief.is_signed_in()
    await one.fills("/me/sign-out-everywhere", on="/me")
    for somebody in (one, other, thief):
        assert not await somebody.is_signed_in()


async def test_a_new_password_ends_the_others_and_not_this_one(visits: Visits, ann: User) -> None:
    one, other = await visits(), await visits()
    await one.signs_in("ann", PASSWORD)
    await other.signs_in("ann", PASSWORD)
    await one.fills("/me/password", on="/me", old=PASSWORD, new="another tide-gauge")
    assert await one.is_signed_in()
    assert not await other.is_signed_in()


async def test_a_suspended_account_is_out(visitor: Visitor, ann: User, manager: Manager) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await actions.suspend(manager, [ann.id], datetime.now(UTC) + timedelta(hours=1))
    assert not await visitor.is_signed_in()


async def test_a_copy_outlives_a_plain_sign_out_as_the_paper_says(visits: Visits, ann: User) -> None:
    one, copy = await visits(), await visits()
    await one.signs_in("ann", PASSWORD)
    copy.takes(one.session or "")
    takes(copy, sealed(one) or "")
    await one.fills("/logout", on="/me")
    assert not await one.is_signed_in()
    assert await copy.is_signed_in()


async def test_what_one_holds_is_not_put_beside_the_id_of_another(visits: Visits, ann: User) -> None:
    one, other = await visits(), await visits()
    await one.signs_in("ann", PASSWORD)
    await other.opens("/login")
    takes(other, sealed(one) or "")
    assert not await other.is_signed_in()


@pytest.mark.parametrize("made", ["x", "", "=" * 400, "gAAAAAB" + "x" * 200, "é", "\udcff", "x" * 5000])
async def test_what_was_made_up_opens_nothing_and_breaks_nothing(
    visitor: Visitor, ann: User, made: str
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    cookie = f"aiochat_session={visitor.session}; {SEALED}={made}"
    headers = {"Cookie": cookie.encode("utf-8", "surrogateescape").decode("latin-1")}
    visitor.client.session.cookie_jar.clear()
    async with visitor.client.get("/me", headers=headers, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/me")


async def test_every_changed_letter_breaks_it(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    value = sealed(visitor) or ""
    for place in range(0, len(value) - 2, 17):
        takes(visitor, value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :])
        assert not await visitor.is_signed_in()
    takes(visitor, value)
    assert await visitor.is_signed_in()


async def test_it_is_renewed_on_a_later_day_and_runs_out(
    visitor: Visitor, ann: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    first, now = sealed(visitor), time.time()
    await visitor.opens("/me")
    assert sealed(visitor) == first
    monkeypatch.setattr(time, "time", lambda: now + RENEWED_AFTER + 5)
    assert await visitor.is_signed_in()
    second = sealed(visitor)
    assert second != first
    monkeypatch.setattr(time, "time", lambda: now + settings.session_days * 86400 + 10)
    takes(visitor, second or "")
    assert await visitor.is_signed_in()
    takes(visitor, first or "")
    assert not await visitor.is_signed_in()


async def test_what_is_to_be_said_is_said_once_and_never_too_much(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await visitor.client.get("/try/say", params={"text": "a word"})
    assert "a word" in (await visitor.opens("/me")).text
    assert "a word" not in (await visitor.opens("/me")).text
    await visitor.client.get("/try/say", params={"text": "x" * 5000})
    assert len(sealed(visitor) or "") <= MOST_SEALED
    assert await visitor.is_signed_in()


async def test_forms_are_tied_to_the_id(visitor: Visitor, visits: Visits, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    page = await visitor.opens("/me")
    assert (await visitor.sends("/theme", {"theme": "dark", "csrf": page.csrf})).status == 303
    assert (await visitor.sends("/theme", {"theme": "dark"})).status == 403
    stranger = await visits()
    assert (await stranger.sends("/theme", {"theme": "dark", "csrf": page.csrf})).status == 403


@pytest.mark.parametrize("how", ["/logout", "/me/sign-out-everywhere"])
async def test_open_sockets_end_with_the_session(visitor: Visitor, ann: User, how: str) -> None:
    node = visitor.client.app[NODE]
    await rooms.create(node, ann.id, "lobby")
    await visitor.signs_in("ann", PASSWORD)
    origin = str(visitor.client.make_url("")).rstrip("/")
    async with visitor.client.ws_connect(
        "/rooms/lobby/ws", protocols=["aiochat.v2"], headers={"Origin": origin}
    ) as socket:
        assert (await socket.receive_json(timeout=30))["type"] == "hello"
        await visitor.fills(how, on="/me")
        while (message := await received(socket)).type is WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (WSMsgType.CLOSE, 4501)
