"""Passes that another site signs: who comes in by them, and who does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import actions
from accounts.actions import find_user
from accounts.models import User
from accounts.passes import Gate, claims_in, user_of_pass
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD

GATE = Gate(b"shared with the school, 32 bytes!", "aiochat")
NOW = 1_795_000_000.0


def part(value: Any) -> str:
    written = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


def signed(claims: Any, head: Any = None, secret: bytes = GATE.secret) -> str:
    body = f"{part({'alg': 'HS256', 'typ': 'JWT'} if head is None else head)}.{part(claims)}"
    return f"{body}.{part(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


def says(**more: Any) -> dict[str, Any]:
    return {"iss": "school", "sub": "17", "aud": "aiochat", "exp": NOW + 120, "name": "Berta", **more}


async def shows(manager: Manager, token: str) -> User | None:
    return await user_of_pass(manager, GATE, token, now=lambda: NOW)


async def test_who_comes_for_the_first_time_gets_an_account_and_later_the_same(manager: Manager) -> None:
    first = await shows(manager, signed(says()))
    assert first is not None
    assert (first.name, first.password_hash, first.is_bot, first.is_admin) == ("Berta", None, False, False)
    again = await shows(manager, signed(says(exp=NOW + 60, name="Somebody else")))
    assert again is not None
    assert (again.id, again.name) == (first.id, "Berta")
    assert await manager.value("SELECT count(*) FROM vouched") == 1


async def test_two_at_once_make_one_account(manager: Manager) -> None:
    users = await asyncio.gather(*(shows(manager, signed(says())) for _ in range(5)))
    assert len({user.id for user in users if user is not None}) == 1


async def test_another_person_or_another_site_is_another_account(manager: Manager) -> None:
    users = [await shows(manager, signed(says(**more))) for more in ({}, {"sub": "18"}, {"iss": "library"})]
    assert [user.name for user in users if user is not None] == ["Berta", "Berta-2", "Berta-3"]


async def test_nobody_takes_over_an_account_that_was_made_here(manager: Manager, ann: User) -> None:
    for name in ("ann", "ANN", " @Ann ", "\uff21nn"):
        user = await shows(manager, signed(says(sub=f"as {name}", name=name)))
        assert user is not None
        assert user.id != ann.id
        assert user.name.casefold().startswith("ann-")
    kept = await find_user(manager, "ann")
    assert kept is not None
    assert (kept.id, kept.password_hash) == (ann.id, ann.password_hash)


@pytest.mark.parametrize(
    ("wished", "name"),
    [
        ("berta.k", "berta.k"),
        ("Jörg Müller", "Jörg-Müller"),
        ("berta+x@example.org", "berta-x-example.org"),
        ("admin", "visitor"),
        ("", "visitor"),
        ("…", "visitor"),
        ("\0", "visitor"),
        ("<script>", "script"),
        ("x" * 200, "x" * 32),
        ("-_-", "visitor"),
        ("李", "李"),
    ],
)
async def test_a_wish_that_is_no_name_becomes_one(manager: Manager, wished: str, name: str) -> None:
    user = await shows(manager, signed(says(name=wished)))
    assert user is not None
    assert user.name == name


async def test_an_account_that_rests_does_not_come_in(manager: Manager) -> None:
    user = await shows(manager, signed(says()))
    assert user is not None
    await actions.suspend(manager, [user.id], datetime.now(UTC) + timedelta(hours=1))
    assert await shows(manager, signed(says())) is None
    await actions.suspend(manager, [user.id], None)
    assert await shows(manager, signed(says())) is not None


async def test_no_password_opens_an_account_of_passes(manager: Manager) -> None:
    await shows(manager, signed(says()))
    for password in ("", PASSWORD):
        with pytest.raises(actions.BadCredentials):
            await actions.check_credentials(manager, "Berta", password)


@pytest.mark.parametrize(
    "token",
    [
        signed(says(), secret=b"another secret of thirty-two bytes"),
        signed(says(), {"alg": "none"}),
        signed(says(), {"alg": "HS512"}),
        signed(says(), {"alg": "HS256", "crit": ["exp"]}),
        signed(says(), {}),
        signed(says(), b"no json"),
        signed(says(aud="another site")),
        signed(says(aud=["another", "site"])),
        signed(says(aud=None)),
        signed(says(exp=NOW)),
        signed(says(exp=NOW - 1)),
        signed(says(exp=NOW + 3 * 3600)),
        signed(says(exp=1e300)),
        signed(says(exp="soon")),
        signed(says(nbf=NOW + 100)),
        signed(says(iat=NOW + 100)),
        signed(says(sub="")),
        signed(says(sub=17)),
        signed(says(sub="a\0b")),
        signed(says(iss="x" * 201)),
        signed({key: value for key, value in says().items() if key != "exp"}),
        signed({key: value for key, value in says().items() if key != "sub"}),
        signed([says()]),
        signed(b"\xff"),
        signed(b"[" * 3000),
        signed(says())[:-1],
        signed(says()) + "A",
        signed(says()) + "\n",
        signed(says(name="x" * 201)),
        signed(says(more="x" * 5000)),
        f"{part({'alg': 'none'})}.{part(says())}.",
        "",
        "..",
        "é.é.é",
    ],
)  # fmt: skip
async def test_what_is_no_pass_of_now_lets_nobody_in(manager: Manager, token: str) -> None:
    assert await shows(manager, token) is None
    assert await manager.value("SELECT count(*) FROM vouched") == 0


def test_several_audiences_and_a_clock_a_little_ahead_are_fine() -> None:
    for more in ({"aud": ["x", "aiochat"]}, {"iat": NOW + 20}, {"exp": NOW + 3610}, {"exp": int(NOW) + 5}):
        assert claims_in(GATE, signed(says(**more)), now=lambda: NOW) is not None


def test_a_changed_letter_breaks_a_pass() -> None:
    token = signed(says())
    for place in range(len(token) - 1):
        other = "A" if token[place] != "A" else "B"
        assert claims_in(GATE, f"{token[:place]}{other}{token[place + 1 :]}", now=lambda: NOW) is None


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: f"{part(raw)}.{part(raw)}.{part(raw)}"))
def test_no_text_is_a_fault_of_the_server(token: str) -> None:
    assert claims_in(GATE, token) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "name"]), inner)
        ),
    )
)
def test_nothing_that_is_signed_is_a_fault_either(claims: Any) -> None:
    found = claims_in(GATE, signed(claims), now=lambda: NOW)
    assert found is None or isinstance(claims, dict)
