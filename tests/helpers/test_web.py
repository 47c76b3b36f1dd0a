"""What every door shares."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from helpers.middlewares import error_middleware
from helpers.web import (
    BadParameter,
    NotFound,
    Paging,
    found,
    json_response,
    local_path,
    read_json,
    read_paging,
    redirect,
    wants_json,
)

Client = TestClient[web.Request, web.Application]


class Wish(msgspec.Struct):
    """What the test's door reads."""

    text: str
    count: int = 1


async def grant(request: web.Request) -> web.StreamResponse:
    """Reads a wish of at most a hundred bytes, and repeats it."""
    return json_response(await read_json(request, Wish, limit=100), 201)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """One door that reads JSON."""
    app = web.Application(middlewares=[error_middleware])
    app.router.add_post("/api/wish", grant)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def test_json_is_read_as_what_it_should_be(client: Client) -> None:
    answer = await client.post("/api/wish", json={"text": "tea", "more": True})
    assert answer.status == 201
    assert answer.content_type == "application/json"
    assert await answer.json() == {"text": "tea", "count": 1}


@pytest.mark.parametrize(
    ("body", "kind", "status", "code", "field"),
    [
        (b'{"text": "tea"}', "text/plain", 400, "bad_json", None),
        (b'{"text": "tea"}', "application/x-www-form-urlencoded", 400, "bad_json", None),
        (b"", "application/json", 400, "bad_json", None),
        (b"{", "application/json", 400, "bad_json", None),
        (b"\xff\xfe", "application/json", 400, "bad_json", None),
        (b'{"text": "\\ud800"}', "application/json", 400, "bad_json", None),
        (b"[" * 99, "application/json", 400, None, None),
        (b"[]", "application/json", 400, "bad_request", None),
        (b"null", "application/json", 400, "bad_request", None),
        (b"{}", "application/json", 400, "bad_request", None),
        (b'{"text": 7}', "application/json", 400, "bad_request", "text"),
        (b'{"text": "tea", "count": "1"}', "application/json", 400, "bad_request", "count"),
        (b'{"text": "' + b"x" * 100 + b'"}', "application/json", 413, "too_large", None),
    ],
)
async def test_json_that_does_not_fit_is_refused_by_its_field(
    client: Client, body: bytes, kind: str, status: int, code: str | None, field: str | None
) -> None:
    answer = await client.post("/api/wish", data=body, headers={"Content-Type": kind})
    assert answer.status == status
    error = (await answer.json())["error"]
    assert error.get("field") == field
    assert code is None or error["code"] == code
    assert error["temporary"] is False


async def test_a_body_without_a_length_is_cut_off_at_the_limit(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    answer = await client.post("/api/wish", data=endless(), headers={"Content-Type": "application/json"})
    assert answer.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused(client: Client, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding, "Content-Length": "15"}
    answer = await client.post("/api/wish", data=b'{"text": "tea"}', headers=headers)
    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("query", "paging"),
    [
        ("", Paging(50)),
        ("limit=7", Paging(7)),
        ("limit=9999", Paging(200)),
        ("before=1042", Paging(50, before=1042)),
        ("after=0&limit=5", Paging(5, after=0)),
        ("around=9223372036854775807", Paging(50, around=2**63 - 1)),
    ],
)
def test_a_page_is_asked_for_by_number(query: str, paging: Paging) -> None:
    assert read_paging(make_mocked_request("GET", f"/?{query}")) == paging


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("before=x", "before"),
        ("before=1.5", "before"),
        ("after=%D9%A3", "after"),
        ("around=9223372036854775808", "around"),
        ("around=" + "9" * 5000, "around"),
        ("before=1&after=2", "after"),
    ],
)
def test_a_page_that_cannot_be_is_refused(query: str, field: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read_paging(make_mocked_request("GET", f"/?{query}"))
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    ("path", "headers", "is_program"),
    [
        ("/rooms", {"Accept": "text/html,application/json;q=0.9"}, False),
        ("/rooms", {"Accept": "application/json"}, True),
        ("/rooms", {}, False),
        ("/api/rooms", {"Accept": "text/html"}, True),
        ("/rooms/lobby/ws", {"Upgrade": "WebSocket"}, True),
    ],
)
def test_programs_are_told_from_people(path: str, headers: dict[str, str], is_program: bool) -> None:
    assert wants_json(make_mocked_request("GET", path, headers=headers)) is is_program


def test_what_is_not_found_says_so() -> None:
    assert found(7) == 7
    with pytest.raises(NotFound):
        found(None)


@pytest.mark.parametrize(
    "path", ["/", "/rooms", "/rooms/lobby?at=7", "/a%20b", "/a?next=//x", "/a?next=%5C", "/rooms/caf%C3%A9"]
)
def test_a_path_of_this_site_is_kept(path: str) -> None:
    assert local_path(path) == path
    assert redirect(path).location == path


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "rooms",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5Cevil.example",
        "/%2Fevil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie:a=b",
        "/%00",
        "https://evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        " /rooms",
        "/ rooms",
        "/\u2028rooms",
        "/" + "x" * 5000,
    ],
)
def test_any_other_address_leads_home(wanted: str | None) -> None:
    assert local_path(wanted) is None
    assert wanted is None or redirect(wanted).location == "/"


@given(st.text(alphabet="/\\%2fF5cC.a:?#@\t\n\r ", max_size=30))
def test_whatever_is_kept_stays_on_this_site(wanted: str) -> None:
    kept = local_path(wanted)
    if kept is not None:
        assert kept.startswith("/")
        assert URL("https://here.example/").join(URL(kept)).host == "here.example"
