"""What a page of another site cannot make a browser do."""

from __future__ import annotations

import io

import pytest

from accounts import tokens
from accounts.models import User
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD, Visits
from tests.accounts.visitor import Visitor

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OWN = "own"


async def ask(visitor: Visitor, method: str, headers: dict[str, str], data: bytes | None = b"") -> int:
    """The status of a request that would change something."""
    if headers.get("Origin") == OWN:
        headers = {**headers, "Origin": str(visitor.client.make_url("/")).rstrip("/")}
    async with visitor.client.request(method, "/try/write", data=data, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é", "\0", "x" * 10_000])
async def test_a_form_without_its_token_does_nothing(visitor: Visitor, ann: User, token: str | None) -> None:
    await visitor.signs_in("ann", PASSWORD)
    page = await visitor.sends("/logout", {} if token is None else {"csrf": token})
    assert page.status == 403
    assert "This form is no longer good." in page.text
    assert await visitor.is_signed_in()


async def test_a_token_is_good_for_its_session_alone(visits: Visits, ann: User) -> None:
    thief, victim = await visits(), await visits()
    await victim.signs_in("ann", PASSWORD)
    token = (await thief.opens("/login")).csrf
    assert (await victim.sends("/logout", {"csrf": token})).status == 403


async def test_a_token_from_before_signing_in_is_good_no_more(visitor: Visitor, ann: User) -> None:
    before = (await visitor.opens("/login")).csrf
    await visitor.signs_in("ann", PASSWORD)
    assert (await visitor.sends("/logout", {"csrf": before})).status == 403
    assert (await visitor.opens("/me")).csrf != before


async def test_nobody_is_signed_in_by_a_foreign_form(visitor: Visitor, ann: User) -> None:
    assert (await visitor.sends("/login", {"name": "ann", "password": PASSWORD})).status == 403
    assert not await visitor.is_signed_in()


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        # A script of our own pages.
        ("POST", {"Content-Type": JSON, "Origin": OWN}, 200),
        ("DELETE", {"Origin": OWN}, 200),
        ("PUT", {"Content-Type": JSON, "Origin": OWN}, 200),
        # No browser says no Origin with an unsafe method; who has the cookie without one must know the token.
        ("POST", {"Content-Type": JSON}, 403),
        ("DELETE", {}, 403),
        ("PUT", {"Content-Type": "text/csv"}, 403),
        # What a foreign page can send without asking first.
        ("POST", {"Content-Type": FORM, "Origin": OWN}, 403),
        ("POST", {"Content-Type": "text/plain", "Origin": OWN}, 403),
        ("POST", {"Content-Type": f"{FORM}; x={JSON}", "Origin": OWN}, 403),
        # A foreign page.
        ("POST", {"Content-Type": JSON, "Origin": "https://evil.example"}, 403),
        ("DELETE", {"Origin": "null"}, 403),
        ("POST", {"Content-Type": JSON, "Origin": OWN, "X-CSRF-Token": "0" * 64}, 403),
        # Reading.
        ("GET", {"Origin": "https://evil.example"}, 200),
        ("HEAD", {}, 200),
        ("OPTIONS", {}, 200),
    ],
)
async def test_what_a_cookie_may_change(
    visitor: Visitor, ann: User, method: str, headers: dict[str, str], status: int
) -> None:
    await visitor.signs_in("ann", PASSWORD)
    assert await ask(visitor, method, headers) == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_token_may_stand_in_the_header(visitor: Visitor, ann: User, method: str) -> None:
    await visitor.signs_in("ann", PASSWORD)
    token = (await visitor.opens("/me")).csrf
    for kind in (JSON, FORM):
        assert await ask(visitor, method, {"Content-Type": kind, "X-CSRF-Token": token}) == 200


async def test_a_bearer_needs_no_token(visitor: Visitor, ann: User, manager: Manager) -> None:
    token = await tokens.create_token(manager, ann.id)
    for kind in (JSON, FORM):
        assert await ask(visitor, "POST", {"Content-Type": kind, "Authorization": f"bearer {token}"}) == 200
    basic = {"Content-Type": FORM, "Authorization": "Basic YW5uOng="}
    assert await ask(visitor, "POST", basic) == 403


async def test_without_a_cookie_there_is_nothing_to_borrow(visitor: Visitor) -> None:
    assert await ask(visitor, "POST", {"Content-Type": JSON}) == 200
    assert await ask(visitor, "POST", {"Content-Type": JSON, "Origin": "https://evil.example"}) == 403
    assert await ask(visitor, "POST", {"Content-Type": FORM}) == 403


async def test_a_body_of_no_kind_is_taken_for_a_form(visitor: Visitor, ann: User) -> None:
    await visitor.signs_in("ann", PASSWORD)
    for method, status in (("POST", 403), ("DELETE", 200)):
        headers = {"Origin": str(visitor.client.make_url("/")).rstrip("/")}
        async with visitor.client.request(
            method, "/try/write", headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            assert answer.status == status


async def test_a_form_that_cannot_be_read_is_refused_also_with_its_token(visitor: Visitor) -> None:
    headers = {"Content-Type": FORM, "X-CSRF-Token": (await visitor.opens("/login")).csrf}
    async with visitor.client.post("/login", data=b"\xff\xfe", headers=headers) as answer:
        assert answer.status == 400
        assert "could not be read" in await answer.text()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Transfer-Encoding: foo",
        "Content-Transfer-Encoding: base64",
        "Content-Type: text/plain; charset=nope",
        "Content-Type: multipart/mixed; boundary=c",
        "No header",
        ": none either",
    ],
)
async def test_a_part_of_a_form_that_cannot_be_read_is_refused(visitor: Visitor, head: str) -> None:
    csrf = (await visitor.opens("/login")).csrf
    body = f'--b\r\nContent-Disposition: form-data; name="name"\r\n{head}\r\n\r\nann\r\n--b--\r\n'
    for token in ({}, {"X-CSRF-Token": csrf}):
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json", **token}
        async with visitor.client.post("/login", data=body, headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "bad_form"


async def test_a_form_that_is_not_encoded_as_it_says_is_refused(visitor: Visitor) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip", "Content-Length": "8"}
    async with visitor.client.post("/login", data=b"name=ann", headers=headers) as answer:
        assert answer.status == 400
        assert "could not be read" in await answer.text()


async def test_an_address_that_is_none_says_so_first(visitor: Visitor) -> None:
    assert (await visitor.sends("/nowhere", {})).status == 404
    assert (await visitor.sends("/healthz", {})).status == 405


async def test_a_form_too_large_is_refused(visitor: Visitor) -> None:
    csrf = (await visitor.opens("/login")).csrf
    large = io.BytesIO(f"csrf={csrf}&name={'x' * 3_000_000}".encode())
    async with visitor.client.post("/login", data=large, headers={"Content-Type": FORM}) as answer:
        assert answer.status == 413
    assert (await visitor.sends("/login", {"csrf": csrf, "name": "x" * 5_000})).status == 400
