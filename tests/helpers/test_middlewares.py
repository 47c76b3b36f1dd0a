"""What stands before every door."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp_jinja2
import jinja2
import peewee
import psycopg
import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    UnixConnector,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from redis.exceptions import ConnectionError as RedisConnectionError

from helpers.errors import AppError
from helpers.middlewares import (
    ALLOWED_ORIGINS,
    ERROR_PAGE,
    INTERNAL,
    OWN_ORIGINS,
    error_middleware,
    is_own_origin,
    origin_middleware,
    proxy_middleware,
    remember_prepared,
    site_of,
    welcomes_origins,
)
from helpers.throttle import RateLimited
from helpers.web import PAGE_CONTEXTS

Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]
PERSON = {"Accept": "text/html"}
SECRET = "a secret of ours"


class Locked(AppError):
    """The door is locked."""

    code = "locked"
    message = "{who} has <locked> this."
    status = 403


LOST = peewee.OperationalError("the line broke")
LOST.__context__ = psycopg.OperationalError("the line broke")

FAULTS: dict[str, Exception] = {
    "locked": Locked(who="mona", field="door"),
    "limited": RateLimited(3.2),
    "missing": web.HTTPNotFound(text=SECRET),
    "method": web.HTTPMethodNotAllowed("GET", ["POST"]),
    "fault": RuntimeError(SECRET),
    "database": LOST,
    "query": peewee.ProgrammingError(SECRET),
    "redis": RedisConnectionError(SECRET),
}


async def fail(request: web.Request) -> web.StreamResponse:
    """Fails as the address says."""
    raise FAULTS[request.match_info["how"]]


async def leave(request: web.Request) -> web.StreamResponse:
    """Leads elsewhere."""
    raise web.HTTPSeeOther("/elsewhere")


async def begin(request: web.Request) -> web.StreamResponse:
    """Begins an answer, then fails."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"the beginning")
    raise FAULTS[request.match_info["how"]]


async def socket(request: web.Request) -> web.StreamResponse:
    """Opens, says hello, and fails when told to."""
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    await opened.send_str("hello")
    if "how" in request.match_info:
        raise FAULTS[request.match_info["how"]]
    await opened.close()
    return opened


async def where(request: web.Request) -> web.StreamResponse:
    """Says who seems to call."""
    return web.json_response({"remote": request.remote, "scheme": request.scheme, "secure": request.secure})


async def read(request: web.Request) -> web.StreamResponse:
    """Repeats the body: a cloned request must still have it."""
    return web.Response(text=await request.text())


@pytest.fixture
async def opens(tmp_path: Path) -> AsyncIterator[Open]:
    """Sites with these middlewares, one page, and the doors above."""
    clients: list[Client] = []

    async def open_site(
        *, trusted: tuple[str, ...] = (), page: str | None = None, public: str | None = None
    ) -> Client:
        app = web.Application(middlewares=[proxy_middleware(trusted), error_middleware, origin_middleware])
        app[OWN_ORIGINS] = frozenset({public} if public else ())
        app[ALLOWED_ORIGINS] = frozenset({"https://friend.example"})
        app.on_response_prepare.append(remember_prepared)
        if page is not None:
            (tmp_path / ERROR_PAGE).write_text(page)
            aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(tmp_path))
            app[PAGE_CONTEXTS] = (_title,)
        app.add_routes(
            [
                web.get("/fail/{how}", fail),
                web.get("/api/fail/{how}", fail),
                web.get("/begin/{how}", begin),
                web.get("/leave", leave),
                web.get("/where", where),
                web.post("/read", read),
                web.get("/ws", socket),
                web.get("/ws/any", welcomes_origins("any")(_copy())),
                web.get("/ws/allowed", welcomes_origins("allowed")(_copy())),
                web.get("/ws/{how}", socket),
            ]
        )
        client: Client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield open_site
    for client in clients:
        await client.close()


async def _title(request: web.Request) -> dict[str, str]:
    return {"site": "Tidewater"}


def _copy() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await socket(request)

    return handler


class TestRefusals:
    @pytest.mark.parametrize(
        ("how", "status", "error"),
        [
            (
                "locked",
                403,
                {"code": "locked", "message": "mona has <locked> this.", "temporary": False, "field": "door"},
            ),
            (
                "limited",
                429,
                {
                    "code": "rate_limited",
                    "message": "Too many tries. The next one counts in 4 seconds.",
                    "temporary": True,
                    "retry_after": 4,
                },
            ),
            ("missing", 404, {"code": "not_found", "message": "Not Found.", "temporary": False}),
            (
                "method",
                405,
                {"code": "method_not_allowed", "message": "Method Not Allowed.", "temporary": False},
            ),
            ("fault", 500, {"code": "internal", "message": INTERNAL, "temporary": True}),
            ("query", 500, {"code": "internal", "message": INTERNAL, "temporary": True}),
        ],
    )
    async def test_programs_get_one_shape(
        self, opens: Open, how: str, status: int, error: dict[str, object]
    ) -> None:
        site = await opens()
        answer = await site.get(f"/api/fail/{how}", headers=PERSON)
        assert answer.status == status
        assert await answer.json() == {"error": error}

    @pytest.mark.parametrize("how", ["database", "redis"])
    async def test_an_outage_says_when_to_come_back(self, opens: Open, how: str) -> None:
        site = await opens()
        answer = await site.get(f"/api/fail/{how}")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        error = (await answer.json())["error"]
        assert (error["code"], error["temporary"], error["retry_after"]) == ("unavailable", True, 5)

    async def test_headers_that_matter_are_kept(self, opens: Open) -> None:
        site = await opens()
        assert (await site.get("/fail/method")).headers["Allow"] == "POST"
        assert (await site.get("/fail/limited")).headers["Retry-After"] == "4"

    async def test_people_get_a_page_with_the_sentence_escaped(self, opens: Open) -> None:
        site = await opens(page="{{ site }}: {{ status }} {{ message }}")
        answer = await site.get("/fail/locked", headers=PERSON)
        assert (answer.status, answer.content_type) == (403, "text/html")
        assert await answer.text() == "Tidewater: 403 mona has &lt;locked&gt; this."
        assert await (await site.get("/nowhere", headers=PERSON)).text() == "Tidewater: 404 None"

    @pytest.mark.parametrize("page", [None, "{{ broken", "{{ 1 // 0 }}", "{% include 'nothing' %}"])
    async def test_without_a_page_there_are_still_words(self, opens: Open, page: str | None) -> None:
        site = await opens(page=page)
        assert await (await site.get("/fail/locked", headers=PERSON)).text() == "mona has <locked> this."
        answer = await site.get("/fail/locked", headers=PERSON)
        assert answer.content_type == "text/plain"
        assert await (await site.get("/fail/fault", headers=PERSON)).text() == "500: that did not work."

    async def test_what_nobody_expected_is_logged_once_and_not_shown(
        self, opens: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = await opens()
        with caplog.at_level(logging.ERROR):
            answer = await site.get("/fail/fault")
        text = await answer.text()
        assert answer.status == 500
        assert SECRET not in text
        assert "Traceback" not in text
        (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert record.exc_info is not None
        assert record.getMessage() == "GET /fail/fault failed"

    @pytest.mark.parametrize("how", ["missing", "locked", "fault"])
    async def test_a_refusal_is_not_logged_as_a_fault(
        self, opens: Open, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = await opens()
        await site.get(f"/fail/{how}")
        assert bool([each for each in caplog.records if each.levelno >= logging.ERROR]) is (how == "fault")

    async def test_no_address_forges_a_line_of_the_log(
        self, opens: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = await opens()
        await site.get("/fail/ä%0a2026-11-21 forged%1b[2J%e2%80%ae")
        [told] = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
        assert told == "GET /fail/ä%0A2026-11-21 forged%1B[2J%202E failed"

    async def test_a_way_elsewhere_is_no_refusal(self, opens: Open) -> None:
        answer = await (await opens()).get("/leave", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/elsewhere")

    @pytest.mark.parametrize("how", ["fault", "locked"])
    async def test_an_answer_that_began_is_not_begun_again(self, opens: Open, how: str) -> None:
        answer = await (await opens()).get(f"/begin/{how}")
        assert (answer.status, await answer.text()) == (200, "the beginning")

    @pytest.mark.parametrize("how", ["fault", "locked"])
    async def test_a_socket_that_fails_gets_no_page_in_its_stream(self, opens: Open, how: str) -> None:
        site = await opens()
        async with site.ws_connect(f"/ws/{how}") as opened:
            assert await opened.receive_str() == "hello"
            end = await opened.receive()
            assert end.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
            assert opened.close_code == 1000


class TestOrigins:
    @pytest.mark.parametrize(
        ("origin", "site"),
        [
            ("https://chat.example", ("chat.example", 443)),
            ("http://chat.example", ("chat.example", 80)),
            ("http://CHAT.example.:8080", ("chat.example", 8080)),
            ("http://[::1]:8080", ("::1", 8080)),
            ("null", None),
            ("", None),
            ("file://", None),
            ("ftp://chat.example", None),
            ("chrome-extension://abc", None),
            ("http://chat.example:notaport", None),
            ("http://chat.example:99999", None),
            ("http://[::1", None),
            ("chat.example", None),
        ],
    )
    def test_an_origin_is_a_host_and_a_port(self, origin: str, site: tuple[str, int] | None) -> None:
        assert site_of(origin) == site

    @pytest.mark.parametrize(
        ("host", "origin", "is_own"),
        [
            ("chat.example", "https://chat.example", True),
            ("chat.example", "http://chat.example", True),
            ("chat.example:443", "https://chat.example", True),
            ("chat.example:8080", "http://chat.example:8080", True),
            ("Chat.Example", "https://chat.example", True),
            ("chat.example:8080", "http://chat.example", False),
            ("chat.example", "http://chat.example:8080", False),
            ("chat.example", "https://evil.example", False),
            ("chat.example", "https://chat.example.evil.example", False),
            ("chat.example", "https://xchat.example", False),
            ("chat.example", "https://a@evil.example", False),
            ("inner:8080", "https://public.example", True),
            ("inner:8080", "https://public.example:444", False),
            ("", "null", False),
            ("", "https://", False),
        ],
    )
    async def test_a_page_is_ours_by_host_and_port(
        self, opens: Open, host: str, origin: str, is_own: bool
    ) -> None:
        site = await opens(public="https://public.example")
        answer = await site.post("/read", data="x", headers={"Host": host or "h", "Origin": origin})
        assert answer.status == (200 if is_own else 403)
        if not is_own:
            assert "another site" in await answer.text()

    async def test_reading_and_programs_pass(self, opens: Open) -> None:
        site = await opens()
        assert (await site.get("/where", headers={"Origin": "https://evil.example"})).status == 200
        assert (await site.post("/read", data="x")).status == 200

    async def say(self, site: Client, path: str, origin: str | None) -> str | int:
        """What a socket says first, or the status that refused it."""
        headers = {} if origin is None else {"Origin": origin}
        try:
            opened: ClientWebSocketResponse
            async with site.ws_connect(path, headers=headers) as opened:
                return await opened.receive_str()
        except WSServerHandshakeError as refused:
            return refused.status

    @pytest.mark.parametrize(
        ("path", "origin", "says"),
        [
            ("/ws", None, "hello"),
            ("/ws", "own", "hello"),
            ("/ws", "https://evil.example", 403),
            ("/ws", "null", 403),
            ("/ws", "https://friend.example", 403),
            ("/ws/allowed", "own", "hello"),
            ("/ws/allowed", "https://friend.example", "hello"),
            ("/ws/allowed", "https://evil.example", 403),
            ("/ws/any", "https://evil.example", "hello"),
            ("/ws/any", "null", "hello"),
        ],
    )
    async def test_a_socket_opens_for_pages_of_ours(
        self, opens: Open, path: str, origin: str | None, says: str | int
    ) -> None:
        site = await opens()
        if origin == "own":
            origin = str(site.make_url("/")).rstrip("/")
        assert await self.say(site, path, origin) == says

    async def test_the_public_address_is_ours_too(self, opens: Open) -> None:
        site = await opens(public="https://public.example")
        assert await self.say(site, "/ws", "https://public.example") == "hello"


class TestProxies:
    @pytest.mark.parametrize(
        ("trusted", "headers", "remote", "scheme"),
        [
            ((), {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}, "127.0.0.1", "http"),
            (("10.0.0.0/8",), {"X-Forwarded-For": "192.0.2.7"}, "127.0.0.1", "http"),
            (("127.0.0.1",), {}, "127.0.0.1", "http"),
            (("127.0.0.1",), {"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7", "http"),
            (
                ("127.0.0.0/8",),
                {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"},
                "192.0.2.7",
                "https",
            ),
            (("127.0.0.1",), {"X-Forwarded-For": "1.1.1.1, 192.0.2.7"}, "192.0.2.7", "http"),
            (
                ("127.0.0.1", "10.0.0.0/8"),
                {"X-Forwarded-For": "1.1.1.1, 192.0.2.7, 10.1.2.3"},
                "192.0.2.7",
                "http",
            ),
            (("127.0.0.1", "10.0.0.0/8"), {"X-Forwarded-For": "10.1.2.3"}, "10.1.2.3", "http"),
            (("127.0.0.1",), {"X-Forwarded-For": "evil, 192.0.2.7"}, "192.0.2.7", "http"),
            (("127.0.0.1",), {"X-Forwarded-For": "192.0.2.7, evil"}, "127.0.0.1", "http"),
            (("127.0.0.1",), {"X-Forwarded-For": ""}, "127.0.0.1", "http"),
            (("127.0.0.1",), {"X-Forwarded-For": "2001:db8::7"}, "2001:db8::7", "http"),
            (
                ("::ffff:127.0.0.1/128", "127.0.0.1"),
                {"X-Forwarded-Proto": "http, HTTPS"},
                "127.0.0.1",
                "https",
            ),
            (("127.0.0.1",), {"X-Forwarded-Proto": "gopher"}, "127.0.0.1", "http"),
            (("unix", "127.0.0.1"), {"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7", "http"),
        ],
    )
    async def test_only_what_a_trusted_proxy_saw_is_believed(
        self, opens: Open, trusted: tuple[str, ...], headers: dict[str, str], remote: str, scheme: str
    ) -> None:
        site = await opens(trusted=trusted)
        told = await (await site.get("/where", headers=headers)).json()
        assert told == {"remote": remote, "scheme": scheme, "secure": scheme == "https"}

    async def test_behind_a_proxy_bodies_and_sockets_come_through(self, opens: Open) -> None:
        site = await opens(trusted=("127.0.0.1",))
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        assert await (await site.post("/read", data="words", headers=headers)).text() == "words"
        async with site.ws_connect("/ws", headers=headers) as opened:
            assert await opened.receive_str() == "hello"

    async def test_over_a_unix_socket_the_proxy_is_trusted_by_that_name(self, tmp_path: Path) -> None:
        for trusted, remote in (((), ""), (("unix",), "192.0.2.7")):
            app = web.Application(middlewares=[proxy_middleware(trusted)])
            app.router.add_get("/where", where)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.UnixSite(runner, str(tmp_path / "sock")).start()
            async with ClientSession(connector=UnixConnector(str(tmp_path / "sock"))) as session:
                answer = await session.get("http://h/where", headers={"X-Forwarded-For": "192.0.2.7"})
                assert ((await answer.json())["remote"] or "") == remote
            await runner.cleanup()

    async def test_a_peer_without_an_address_is_no_trusted_one(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(text=str(request.remote))

        request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": "192.0.2.7"})
        strange = request.clone(remote="a pipe")
        told = await proxy_middleware(["127.0.0.1"])(strange, answer)
        assert isinstance(told, web.Response)
        assert told.text == "a pipe"

    def test_what_is_no_network_is_refused_at_once(self) -> None:
        with pytest.raises(ValueError, match="chat"):
            proxy_middleware(["chat.example"])


def test_an_origin_is_never_ours_without_a_host() -> None:
    assert not is_own_origin(make_mocked_request("GET", "/", headers={}), "https://chat.example")
