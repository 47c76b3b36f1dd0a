"""What nginx does on its own: headers, limits, static files. Behind it stands a mirror."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from .proxy import PATIENCE, Nginx, free_port, replaced, until

pytestmark = pytest.mark.needs("nginx")

ASSET = "static/0123456789abcdef/css/page.css"
LIMIT = 10 * 2**20


async def reflect(request: web.Request) -> web.StreamResponse:
    """Answer with the headers that arrived; a socket gets them as its first frame."""
    body = await request.read()
    seen = {name.lower(): request.headers.getall(name) for name in request.headers}
    if request.headers.get("Upgrade") == "websocket":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(seen)
        async for frame in socket:
            await socket.send_str(frame.data)
        return socket
    return web.json_response({"path": request.path, "headers": seen, "bytes": len(body)})


@pytest.fixture
async def mirror() -> AsyncIterator[TestServer]:
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", reflect)
    server = TestServer(app, host="127.0.0.1")
    async with server:
        yield server


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    (folder / ASSET).parent.mkdir(parents=True)
    (folder / ASSET).write_text("body { margin: 0 }\n" * 200)
    for above in (folder, folder / "static", tmp_path):
        (above / "secret.txt").write_text("not yours")
    return folder


@pytest.fixture
def nginx(tmp_path: Path, mirror: TestServer, published: Path) -> Iterator[Nginx]:
    assert mirror.port
    with Nginx(tmp_path / "nginx", [mirror.port, mirror.port], published) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


def test_the_configuration_loads_on_stock_nginx(tmp_path: Path) -> None:
    told = Nginx(tmp_path / "nginx", [free_port(), free_port()]).run("-t")
    assert told.returncode == 0, told.stderr
    assert "[warn]" not in told.stderr


async def test_the_real_address_is_passed_on_and_a_claimed_one_is_not(
    nginx: Nginx, http: ClientSession
) -> None:
    claims = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Forwarded-Proto": "https"}
    async with http.get(f"{nginx.url}/", headers=claims) as answer:
        seen = (await answer.json())["headers"]
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-real-ip"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["host"] == [f"127.0.0.1:{nginx.port}"]


async def test_behind_another_proxy_its_word_is_taken(
    tmp_path: Path, mirror: TestServer, http: ClientSession
) -> None:
    assert mirror.port
    outer = Nginx(tmp_path / "nginx", [mirror.port])
    (outer.extras / "proxy.conf").write_text(
        "set_real_ip_from 127.0.0.1;\nreal_ip_header X-Forwarded-For;\nset $aiochat_scheme https;\n"
    )
    with outer:
        async with http.get(f"{outer.url}/", headers={"X-Forwarded-For": "192.0.2.7"}) as answer:
            seen = (await answer.json())["headers"]
    assert seen["x-forwarded-for"] == ["192.0.2.7"]
    assert seen["x-forwarded-proto"] == ["https"]


@pytest.mark.parametrize(
    "path", ["/rooms/lobby/ws", "/ws", "/ws/lobby", "/chat", "/echo"], ids=lambda path: path.strip("/")
)
async def test_sockets_pass_with_frames_both_ways(nginx: Nginx, http: ClientSession, path: str) -> None:
    async with http.ws_connect(nginx.url + path) as socket:
        seen = await socket.receive_json(timeout=PATIENCE)
        assert seen["x-forwarded-for"] == ["127.0.0.1"]
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=PATIENCE) == "hello"


async def test_nothing_but_a_websocket_is_upgraded(nginx: Nginx, http: ClientSession) -> None:
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    async with http.get(f"{nginx.url}/", headers=headers) as answer:
        seen = (await answer.json())["headers"]
    assert "upgrade" not in seen
    assert "connection" not in seen


async def test_a_hashed_file_is_kept_for_a_year(nginx: Nginx, http: ClientSession, published: Path) -> None:
    async with http.get(f"{nginx.url}/{ASSET}") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.content_type == "text/css"
        assert await answer.text() == (published / ASSET).read_text()


@pytest.mark.parametrize(
    "path", ["0123456789abcdef/css/none.css", "fedcba9876543210/css/page.css", "css/page.css"]
)
async def test_what_is_not_published_is_left_to_the_site(
    nginx: Nginx, http: ClientSession, path: str
) -> None:
    async with http.get(f"{nginx.url}/static/{path}") as answer:
        assert (await answer.json())["path"] == f"/static/{path}"
        assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize(
    "way", ["../secret.txt", "..%2fsecret.txt", "css/..%2f..%2fsecret.txt", "%2e%2e/secret.txt"]
)
async def test_static_files_end_at_their_folder(nginx: Nginx, way: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", nginx.port)
    writer.write(f"GET /static/0123456789abcdef/{way} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"not yours" not in answer


async def test_an_upload_beyond_the_limit_is_refused_by_nginx(nginx: Nginx, http: ClientSession) -> None:
    async with http.post(f"{nginx.url}/rooms", data=BytesIO(bytes(LIMIT))) as answer:
        assert (await answer.json())["bytes"] == LIMIT
    more = BytesIO(bytes(LIMIT + 1))
    async with http.post(f"{nginx.url}/rooms", data=more, expect100=True) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("path", ["/login", "/register"])
async def test_forms_at_the_door_are_slowed_and_looking_at_them_is_not(
    nginx: Nginx, http: ClientSession, path: str
) -> None:
    async def status(method: str) -> int:
        async with http.request(method, nginx.url + path) as answer:
            return answer.status

    assert {await status("GET") for _ in range(20)} == {200}
    assert {await status("POST") for _ in range(40)} == {200}
    # One more is let through every half second.
    while (last := await status("POST")) == 200:
        pass
    assert last == 429
    assert await status("GET") == 200


async def test_a_process_that_is_away_is_passed_over(
    tmp_path: Path, mirror: TestServer, http: ClientSession
) -> None:
    assert mirror.port
    with Nginx(tmp_path / "nginx", [free_port(), mirror.port]) as running:
        for _ in range(6):
            async with http.post(f"{running.url}/rooms", data=b"words") as answer:
                assert answer.status == 200


async def test_without_any_process_there_is_a_sentence_and_when_to_ask_again(
    tmp_path: Path, http: ClientSession
) -> None:
    with Nginx(tmp_path / "nginx", [free_port(), free_port()]) as running:
        async with http.get(f"{running.url}/") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            assert (await answer.text()).startswith("aiochat is not answering just now.")


async def test_addresses_that_are_secrets_are_not_written_down(nginx: Nginx, http: ClientSession) -> None:
    for path in ("/join/hidden", "/setup/hidden", "/hooks/lobby/hidden", "/rooms/lobby"):
        async with http.get(nginx.url + path) as answer:
            assert answer.status == 200
    await asyncio.to_thread(until, lambda: "/rooms/lobby" in nginx.access_log())
    assert "hidden" not in nginx.access_log()


@pytest.mark.needs("nginx", "openssl")
async def test_with_tls_http_leads_to_https_and_the_site_knows(
    tmp_path: Path, mirror: TestServer, http: ClientSession
) -> None:
    certificate, key = tmp_path / "site.pem", tmp_path / "site.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert mirror.port
    running = Nginx(tmp_path / "nginx", [mirror.port])
    running.use_tls(certificate, key)
    trusted = ssl.create_default_context(cafile=str(certificate))
    with running:
        async with http.get(f"{running.url}/rooms?at=1", allow_redirects=False) as answer:
            assert answer.status == 301
            assert answer.headers["Location"] == "https://127.0.0.1/rooms?at=1"
        async with ClientSession(connector=TCPConnector(ssl=trusted)) as https:
            async with https.get(f"https://localhost:{running.https_port}/") as answer:
                seen = (await answer.json())["headers"]
            assert seen["x-forwarded-proto"] == ["https"]
            async with https.ws_connect(f"https://localhost:{running.https_port}/chat") as socket:
                assert (await socket.receive_json(timeout=PATIENCE))["x-forwarded-proto"] == ["https"]


async def test_open_sockets_survive_a_reload(nginx: Nginx, http: ClientSession) -> None:
    async with http.ws_connect(f"{nginx.url}/chat") as socket:
        await socket.receive_json(timeout=PATIENCE)
        conf = nginx.prefix / "aiochat.conf"
        conf.write_text(replaced(conf.read_text(), "max_body_size 10m", "max_body_size 1k"))
        await asyncio.to_thread(nginx.reload)
        async with http.post(f"{nginx.url}/rooms", data=bytes(2048)) as answer:
            assert answer.status == 413, "the new configuration is not in force"
        await socket.send_str("still here")
        assert await socket.receive_str(timeout=PATIENCE) == "still here"
