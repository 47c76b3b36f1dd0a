"""Who asks is known where it matters, and costs nothing where it does not."""

from __future__ import annotations

import json

import pytest
from redis.asyncio import Redis

from accounts.models import User
from helpers.web import MANAGER
from tests.accounts.conftest import PASSWORD
from tests.accounts.visitor import Visitor


async def test_visitors_are_nobody(visitor: Visitor) -> None:
    assert json.loads((await visitor.opens("/try/who")).text) == {"name": None, "session": None}


async def test_a_program_hears_that_it_must_sign_in_and_a_person_is_led_there(visitor: Visitor) -> None:
    program = await visitor.opens("/api/try/members")
    assert program.status == 401
    assert json.loads(program.text)["error"] == {
        "code": "not_signed_in",
        "message": "Sign in first.",
        "temporary": False,
    }
    assert (await visitor.opens("/try/members", Accept="application/json")).status == 401
    assert (await visitor.opens("/try/members")).leads_to == "/login?next=/try/members"


async def test_a_form_sent_without_a_session_leads_to_the_door_and_no_further(visitor: Visitor) -> None:
    csrf = (await visitor.opens("/login")).csrf
    assert (await visitor.sends("/try/members", {"csrf": csrf})).leads_to == "/login"


async def test_the_door_leads_back_to_this_site_only(visitor: Visitor, ann: User) -> None:
    turned = await visitor.opens("/try/members?next=//evil.example")
    await visitor.signs_in("ann", PASSWORD)
    assert (await visitor.opens(turned.leads_to or "")).leads_to == "/try/members?next=//evil.example"


async def calls(redis: Redis, *commands: str) -> int:
    """How often Redis ran these since the last reset."""
    stats = await redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{command}", {}).get("calls", 0) for command in commands)


@pytest.mark.parametrize(
    ("path", "trips"),
    [("/healthz", 0), ("/static/0/icon.svg", 0), ("/try/who", 1), ("/me", 1), ("/try/members", 1)],
)
async def test_a_request_asks_redis_once_at_most(
    visitor: Visitor, ann: User, redis: Redis, path: str, trips: int
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    await redis.config_resetstat()
    assert (await visitor.opens(path)).status == 200
    assert await calls(redis, "getex", "get", "set", "zadd", "del", "expire") == trips


async def test_a_request_asks_for_its_user_once(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    asked: list[str] = []
    database = visitor.client.app[MANAGER]
    real = database.rows

    async def rows(sql: str, *params: object) -> list[tuple[object, ...]]:
        # The process itself asks now and then how far the rooms are.
        if "users" in sql:
            asked.append(sql)
        return await real(sql, *params)

    database.rows = rows  # type: ignore[method-assign]
    await visitor.opens("/try/members")
    assert len(asked) == 1
    asked.clear()
    await visitor.opens("/healthz")
    assert asked == []
