"""E-mail addresses: given by who likes to, refused where they can be none, shown to nobody else."""

from __future__ import annotations

import pytest

from accounts.actions import find_user
from accounts.errors import BadEmail
from accounts.mail import clean_email
from accounts.models import User
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD
from tests.accounts.visitor import Visitor

NO_ADDRESS = [
    *("ann", "@", "ann@", "@example.org", "a@b@c", "a b@example.org", "ann@exa mple.org", "<a@b.org>", "a@b,c@d"),
    *("a\0@b.org", "a\n@b.org", "a@b.org\r\nBcc: x", "a\u202e@b.org", "a\ud800@b.org", "x" * 65 + "@b.org"),
    "a@" + "b" * 260,
]  # fmt: skip


@pytest.mark.parametrize("typed", NO_ADDRESS)
def test_what_can_be_no_address_is_refused(typed: str) -> None:
    with pytest.raises(BadEmail):
        clean_email(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", None),
        ("  ", None),
        (" ann@example.org ", "ann@example.org"),
        ("ann+chat@sub.example.org", "ann+chat@sub.example.org"),
        ("jo\u0308rg@exämple.org", "jörg@exämple.org"),
        ("ann@localhost", "ann@localhost"),
    ],
)
def test_an_address_is_kept_as_it_was_meant(typed: str, kept: str | None) -> None:
    assert clean_email(typed) == kept


async def test_who_registers_may_give_an_address(visitor: Visitor, manager: Manager) -> None:
    await visitor.fills("/register", name="ann", password=PASSWORD, email="ann@example.org")
    ann = await find_user(manager, "ann")
    assert ann is not None
    assert ann.email == "ann@example.org"
    assert 'value="ann@example.org"' in (await visitor.opens("/me")).text


@pytest.mark.parametrize("fields", [{}, {"email": ""}])
async def test_and_need_not(visitor: Visitor, manager: Manager, fields: dict[str, str]) -> None:
    await visitor.fills("/register", name="ann", password=PASSWORD, **fields)
    ann = await find_user(manager, "ann")
    assert ann is not None
    assert ann.email is None


async def test_a_wrong_one_is_said_beside_it_and_nothing_typed_is_lost(
    visitor: Visitor, manager: Manager
) -> None:
    page = await visitor.fills("/register", name="ann", password=PASSWORD, email="ann at example")
    assert page.status == 400
    assert "This is no e-mail address" in page.text
    assert 'value="ann at example"' in page.text
    assert await find_user(manager, "ann") is None


async def test_it_is_changed_and_taken_back_on_ones_own_page(
    visitor: Visitor, ann: User, manager: Manager
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    for typed, kept in (("ann@example.org", "ann@example.org"), ("", None)):
        assert (await visitor.fills("/me/email", on="/me", email=typed)).leads_to == "/me"
        found = await find_user(manager, "ann")
        assert found is not None
        assert found.email == kept
    refused = await visitor.fills("/me/email", on="/me", email="nobody")
    assert (refused.status, "This is no e-mail address" in refused.text) == (400, True)
