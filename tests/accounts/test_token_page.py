"""One's own API tokens, on one's own page."""

from __future__ import annotations

import re

import pytest

from accounts import tokens
from accounts.actions import register
from accounts.models import User
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD
from tests.accounts.visitor import Visitor

TOKEN = re.compile(r"ach_[A-Za-z0-9_-]{43}")


@pytest.fixture
async def ann_there(visitor: Visitor, ann: User) -> Visitor:
    """Ann, signed in."""
    await visitor.signs_in("ann", PASSWORD)
    return visitor


async def test_a_token_is_made_and_shown_once(ann_there: Visitor, manager: Manager, ann: User) -> None:
    made = await ann_there.fills("/me/tokens", on="/me", label="  my   terminal ")
    assert made.status == 200
    (token,) = set(TOKEN.findall(made.text))
    user = await tokens.user_of_token(manager, token)
    assert user is not None
    assert user.id == ann.id
    assert made.headers["Cache-Control"] == "no-store"
    page = (await ann_there.opens("/me")).text
    assert not TOKEN.search(page)
    assert "my terminal" in page
    assert "last used on" in page


async def test_a_token_is_revoked(ann_there: Visitor, manager: Manager, ann: User) -> None:
    token = TOKEN.findall((await ann_there.fills("/me/tokens", on="/me", label="x")).text)[0]
    (card,) = await tokens.list_tokens(manager, ann.id)
    gone = await ann_there.fills("/me/tokens/revoke", on="/me", id=str(card.id))
    assert gone.leads_to == "/me"
    assert "The token is revoked" in (await ann_there.opens("/me")).text
    assert await tokens.user_of_token(manager, token) is None


async def test_nobody_revokes_the_tokens_of_others(ann_there: Visitor, manager: Manager) -> None:
    other = await register(manager, "bob", PASSWORD)
    kept = await tokens.create_token(manager, other.id, "bob's")
    (card,) = await tokens.list_tokens(manager, other.id)
    for wrong in (str(card.id), "999", "", "x", "9" * 30, "-1", "\u0661"):
        await ann_there.fills("/me/tokens/revoke", on="/me", id=wrong)
        assert "There is no such token of yours" in (await ann_there.opens("/me")).text
    assert await tokens.user_of_token(manager, kept) is not None
    assert "bob's" not in (await ann_there.opens("/me")).text


async def test_a_token_has_a_name(ann_there: Visitor, manager: Manager, ann: User) -> None:
    refused = await ann_there.fills("/me/tokens", on="/me", label=" \0 ")
    assert refused.status == 400
    assert "Say what the token is for" in refused.text
    await ann_there.fills("/me/tokens", on="/me", label="<b>" + "x" * 100)
    page = await ann_there.client.get("/me")
    assert "&lt;b&gt;" in await page.text()
    assert len((await tokens.list_tokens(manager, ann.id))[0].label) == 64


async def test_there_are_only_so_many(ann_there: Visitor, manager: Manager, ann: User) -> None:
    for number in range(20):
        await tokens.create_token(manager, ann.id, str(number))
    refused = await ann_there.fills("/me/tokens", on="/me", label="one more")
    assert refused.status == 409
    assert "You have 20 tokens already" in refused.text


async def test_a_token_needs_a_session_and_its_form(visitor: Visitor, ann: User, manager: Manager) -> None:
    page = await visitor.opens("/login")
    sent = await visitor.sends("/me/tokens", {"label": "x", "csrf": page.csrf})
    assert sent.leads_to == "/login"
    await visitor.signs_in("ann", PASSWORD)
    assert (await visitor.sends("/me/tokens", {"label": "x"})).status == 403
    assert await tokens.list_tokens(manager, ann.id) == []


async def test_a_wrong_password_still_shows_the_tokens(ann_there: Visitor) -> None:
    await ann_there.fills("/me/tokens", on="/me", label="terminal")
    refused = await ann_there.fills("/me/password", on="/me", old="wrong", new="something else 9")
    assert refused.status == 403
    assert "terminal" in refused.text
