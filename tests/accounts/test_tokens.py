"""Keys for those without cookies."""

from __future__ import annotations

import hashlib

import pytest

from accounts import actions, tokens
from accounts.models import User
from aiochat.settings import Settings
from helpers.bus import MemoryBus
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD
from tests.accounts.visitor import Visitor

SECRET = b"x" * 32


async def test_a_token_is_shown_once_and_kept_hashed(manager: Manager, ann: User) -> None:
    token = await tokens.create_token(manager, ann.id, "kiln bot")
    assert tokens.SHAPE.fullmatch(token)
    kept = await manager.row("SELECT token_hash, label FROM api_tokens")
    assert kept is not None
    assert bytes(kept[0]) == hashlib.sha256(token.encode()).digest()
    assert kept[1] == "kiln bot"
    assert (await tokens.user_of_token(manager, token) or User()).id == ann.id


@pytest.mark.parametrize(
    "token",
    ["", "ach_", "ach_" + "x" * 43, "x" * 47, "ach_" + "x" * 5000, "ach_\0" + "x" * 42, "ach_é" + "x" * 42],
)
async def test_what_is_no_token_is_nobodys(manager: Manager, ann: User, token: str) -> None:
    await tokens.create_token(manager, ann.id)
    assert await tokens.user_of_token(manager, token) is None


async def test_a_revoked_token_is_nobodys(manager: Manager, bus: MemoryBus, ann: User) -> None:
    keep, lose = [await tokens.create_token(manager, ann.id, label) for label in ("keep", "lose")]
    cards = await tokens.list_tokens(manager, ann.id)
    assert [card.label for card in cards] == ["keep", "lose"]
    assert not await tokens.revoke_token(manager, bus, 999, cards[1].id)
    assert await tokens.revoke_token(manager, bus, ann.id, cards[1].id)
    assert not await tokens.revoke_token(manager, bus, ann.id, cards[1].id)
    assert await tokens.user_of_token(manager, lose) is None
    assert await tokens.user_of_token(manager, keep) is not None
    assert [card.label for card in await tokens.list_tokens(manager, ann.id)] == ["keep"]


async def test_a_token_says_when_it_was_last_used_and_writes_it_once_a_minute(
    manager: Manager, ann: User
) -> None:
    token = await tokens.create_token(manager, ann.id)
    assert (await tokens.list_tokens(manager, ann.id))[0].last_used_at is None
    await tokens.user_of_token(manager, token)
    first = (await tokens.list_tokens(manager, ann.id))[0].last_used_at
    assert first is not None
    await tokens.user_of_token(manager, token)
    assert (await tokens.list_tokens(manager, ann.id))[0].last_used_at == first


async def test_the_token_of_a_suspended_account_opens_nothing_and_says_why(
    manager: Manager, bus: MemoryBus, ann: User, visitor: Visitor
) -> None:
    token = await tokens.create_token(manager, ann.id)
    assert (await visitor.opens("/try/members", Authorization=f"Bearer {token}")).text == "ann"
    await manager.execute("UPDATE users SET suspended_until = now() + interval '1 hour'")
    refused = await visitor.opens("/api/try/members", Authorization=f"Bearer {token}")
    assert refused.status == 401
    assert '"code":"not_signed_in"' in refused.text
    assert "This account may not sign in until " in refused.text
    assert await tokens.user_of_token(manager, token) is None
    await manager.execute("UPDATE api_tokens SET revoked_at = now()")
    revoked = await visitor.opens("/api/try/members", Authorization=f"Bearer {token}")
    assert '"code":"bad_token"' in revoked.text, "whoever found an old token learns nothing of its account"
    assert "Make another" in revoked.text


async def test_a_wrong_token_is_not_mistaken_for_a_visitor(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    for wrong in ("Bearer", "Bearer ", "Bearer ach_guess", "bearer é"):
        page = await visitor.opens("/api/try/members", Authorization=wrong)
        assert page.status == 401
        assert page.headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_scheme_is_left_to_others(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    assert (await visitor.opens("/try/members", Authorization="Basic YW5uOng=")).text == "ann"


class TestSignedTokens:
    async def test_it_opens_what_it_was_made_for_until_it_runs_out(self, manager: Manager, ann: User) -> None:
        token = tokens.sign(SECRET, ann, "socket", seconds=60, now=lambda: 1000.0)

        async def whose(purpose: str, at: float, secret: bytes = SECRET) -> User | None:
            return await tokens.user_of_signed(manager, secret, token, purpose, now=lambda: at)

        assert (await whose("socket", 1060) or User()).id == ann.id
        assert await whose("socket", 1061) is None
        assert await whose("download", 1001) is None
        assert await whose("socket", 1001, b"another secret") is None

    async def test_signing_out_everywhere_ends_it(self, manager: Manager, bus: MemoryBus, ann: User) -> None:
        token = tokens.sign(SECRET, ann, "socket")
        assert await tokens.user_of_signed(manager, SECRET, token, "socket") is not None
        await actions.sign_out_everywhere(manager, bus, ann.id)
        assert await tokens.user_of_signed(manager, SECRET, token, "socket") is None

    @pytest.mark.parametrize("change", ["0.", "1.1.", "9.", ".", "", "-1.", "٣.", "x"])
    async def test_a_forged_one_is_nobodys(
        self, manager: Manager, settings: Settings, ann: User, change: str
    ) -> None:
        token = tokens.sign(SECRET, ann, "socket")
        forged = change + token.partition(".")[2] if change else token[:-1]
        assert await tokens.user_of_signed(manager, SECRET, forged, "socket") is None
