"""The example beside a Django site: a real Django with users of its own, a real aiochat, a real page."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect
from pytest_aiohttp import AiohttpClient

from aiochat.settings import Settings
from chat.connection import CloseCode
from tests import programs
from tests.aiochat.conftest import free_port
from tests.browser.conftest import ARGUMENTS
from tests.examples.conftest import EXAMPLES, program
from tests.people import House, Person, opened_house

SECRET = "shared by both sites, and long enough"
PASSWORD = "tide-gauge-7"
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
MAKE_USERS = (
    "from django.contrib.auth.models import User; "
    f"[User.objects.create_user(name, password='{PASSWORD}') for name in ('berta', 'alice')]"
)


@dataclass
class School:
    """The Django site: its address, and its database."""

    url: str
    environ: dict[str, str]


async def managed(environ: dict[str, str], *command: str) -> None:
    async with program("manage.py", *command, environ=environ, cwd=EXAMPLES / "django") as ran:
        assert await ran.ends() == 0, ran.said


@pytest.fixture
def at() -> str:
    """Where the school is going to be."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
async def house(
    settings: Settings, at: str, aiohttp_client: AiohttpClient, quick_passwords: None, nothing_fails: None
) -> AsyncIterator[House]:
    """An aiochat that takes the school's passes, and its pages."""
    here = replace(settings, pass_secret=SECRET, allowed_origins=(at,))
    async with opened_house(here, aiohttp_client) as opened:
        yield opened


@pytest.fixture(scope="session")
async def pupils(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The school's database, made by its own migrations, with two users: berta and alice."""
    made = tmp_path_factory.mktemp("school") / "school.sqlite3"
    environ = {"SCHOOL_DATABASE": str(made)}
    await managed(environ, "migrate", "--verbosity", "0")
    await managed(environ, "shell", "-c", MAKE_USERS)
    return made


@pytest.fixture
async def school(house: House, olga: Person, at: str, pupils: Path, tmp_path: Path) -> AsyncIterator[School]:
    """A Django site that serves them."""
    environ = {
        "SCHOOL_DATABASE": str(shutil.copy(pupils, tmp_path)),
        "SCHOOL_CHAT_SOCKET": f"ws://127.0.0.1:{house.servers[0].port}/ws",
        "SCHOOL_CHAT_SECRET": SECRET,
    }
    where = at.removeprefix("http://")
    async with program(
        "manage.py", "runserver", "--noreload", where, environ=environ, cwd=EXAMPLES / "django"
    ) as running:
        await running.says("Starting development server")
        assert running.process.stdout is not None
        # However long it is played here: what nobody reads would stop it one day.
        draining = asyncio.create_task(running.process.stdout.read())
        yield School(at, environ)
        draining.cancel()


async def pass_of(school: School, name: str) -> str:
    """Sign in at the school, and take a pass from it, as its page does."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{school.url}/login") as page:
            found = CSRF.search(await page.text())
        assert found is not None
        fields = {"csrfmiddlewaretoken": found[1], "username": name, "password": PASSWORD}
        async with browser.post(f"{school.url}/login", data=fields) as page:
            assert f"You are {name}." in await page.text()
        async with browser.get(f"{school.url}/chat/pass") as answer:
            return str((await answer.json())["token"])


class Line:
    """A multi-room socket, as the page opens one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def asks(self, action: str, **fields: Any) -> dict[str, Any]:
        """The answer to a request."""
        await self.socket.send_json({"uuid": action, "action": action, **fields})
        while True:
            frame: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=30))
            if frame.get("uuid") == action:
                return frame


@asynccontextmanager
async def at_the_chat(school: School) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The chat's socket, opened from a page of the school."""
    async with (
        aiohttp.ClientSession(headers={"Origin": school.url}) as browser,
        browser.ws_connect(school.environ["SCHOOL_CHAT_SOCKET"]) as socket,
    ):
        yield socket


async def test_who_is_signed_in_at_the_school_chats_under_their_name(
    school: School, house: House, olga: Person
) -> None:
    await olga.enters()
    token = await pass_of(school, "berta")
    for _ in range(2):
        async with at_the_chat(school) as socket:
            line = Line(socket)
            assert (await line.asks("authenticate", token=token))["status"] == "success"
            shown = await line.asks("select_room", room="lobby")
            assert shown["status"] == "success", shown
            said = await line.asks("new_message", room="lobby", text="from the school")
            assert said["message"]["user"]["username"] == "berta"
        assert (await olga.hears("message")).by.name == "berta"
    assert await house.node.manager.value("SELECT count(*) FROM users WHERE name LIKE 'berta%%'") == 1


async def test_a_namesake_at_the_school_is_somebody_else(school: School, house: House, alice: Person) -> None:
    async with at_the_chat(school) as socket:
        line = Line(socket)
        shown = await line.asks("authenticate", token=await pass_of(school, "alice"))
        assert shown["status"] == "success"
        said = await line.asks("new_message", room="lobby", text="I am alice too")
        assert said["message"]["user"]["username"] == "alice-2"
    assert await house.node.manager.value("SELECT count(*) FROM vouched WHERE user_id = %s", alice.id) == 0


async def test_only_the_pages_of_the_school_may_open_the_socket(school: School) -> None:
    url = school.environ["SCHOOL_CHAT_SOCKET"]
    async with aiohttp.ClientSession(headers={"Origin": "http://elsewhere.example"}) as browser:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.ws_connect(url)
        assert refused.value.status == 403


async def test_a_pass_of_somebody_else_opens_nothing(school: School, house: House) -> None:
    token = await pass_of(school, "berta")
    async with at_the_chat(school) as socket:
        refused = await Line(socket).asks(
            "authenticate", token=token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
        )
        assert refused["error_message"] == "Invalid authentication token"
    async with aiohttp.ClientSession() as nobody, nobody.get(f"{school.url}/chat/pass") as answer:
        assert answer.status == 401


@pytest.mark.needs("chromium")
async def test_the_page_of_the_school_shows_the_chat_and_comes_back_to_it(
    school: School, house: House, olga: Person
) -> None:
    await olga.enters()
    await olga.says("<b>before</b>")
    chromium = programs.find("chromium")
    assert chromium is not None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(school.url)
        await page.get_by_label("Username").fill("berta")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        log = page.get_by_role("log")
        await expect(log.get_by_role("listitem")).to_have_text(["olga: <b>before</b>"], timeout=30_000)
        await page.get_by_role("textbox").fill("hello from the school")
        await page.get_by_role("textbox").press("Enter")
        assert (await olga.hears("message", by="berta")).text == "hello from the school"
        await expect(log.get_by_role("listitem")).to_have_count(2)
        for connection in house.node.hub.audience.all():
            if connection.user.name == "berta":
                connection.close(CloseCode.RESTART, "The server restarts.")
        await page.get_by_role("textbox").fill("and again")
        await page.get_by_role("textbox").press("Enter")
        assert (await olga.hears("message", by="berta")).text == "and again"
        await expect(log.get_by_role("listitem")).to_have_count(3)
        await browser.close()
    assert faults == []
