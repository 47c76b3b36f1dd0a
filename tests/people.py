"""The people of the plays: each has an account, a browser, and tabs in rooms; and the house they meet in."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientConnectionResetError, ClientWebSocketResponse, WSMessage, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer
from pytest_aiohttp import AiohttpClient

from accounts.actions import register
from accounts.tokens import create_token
from aiochat.main import create_app
from aiochat.settings import Settings
from chat import node as nodes
from chat.actions import rooms
from chat.keys import NODE
from chat.models import Room
from chat.node import Node
from chat.pace import Pace
from chat.policy import Role

PASSWORD = "tide-gauge-7"
PROTOCOL = "aiochat.v2"
PATIENCE = 30.0
CSRF = re.compile(r'name="csrf" value="([0-9a-f]*)"')
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": PROTOCOL,
}


async def received(socket: ClientWebSocketResponse[bool]) -> WSMessage:
    """The next message of a socket; no answer is possible to a ping that came just before the end, which is next."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await socket.receive()
            except ClientConnectionResetError:
                continue


class Frame(dict[str, Any]):
    """A frame or an answer in JSON; what it lacks reads as None."""

    def __getattr__(self, name: str) -> Any:
        value = self.get(name)
        return Frame(value) if isinstance(value, dict) else value


class Refused(Exception):
    """What was asked got an `error` frame."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.message)
        self.frame = frame
        self.code = frame.code


class Answer:
    """What came back over HTTP, not followed."""

    def __init__(self, response: Any, text: str) -> None:
        self.status: int = response.status
        self.headers = response.headers
        self.text = text
        self.leads_to: str | None = response.headers.get("Location")

    @property
    def json(self) -> Frame:
        """The body as JSON."""
        return Frame(json.loads(self.text))

    @property
    def refusal(self) -> Frame:
        """Why it was refused."""
        return Frame(self.json["error"])

    @property
    def words(self) -> str:
        """The page as a person reads it, its entities resolved."""
        return html.unescape(self.text)

    def field(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, f"the page has no field {name}"
        return found[1]


class Tab:
    """One open native socket. Frames that were not asked for yet wait in `unheard`."""

    def __init__(self, socket: ClientWebSocketResponse[bool]) -> None:
        self.socket = socket
        self.unheard: list[Frame] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self._asked = 0

    async def sends(self, frame: Any) -> None:
        """Send a frame: a dict as JSON, a string as it stands, bytes as a binary frame."""
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    def nonce(self) -> str:
        """A nonce not used in this tab before."""
        self._asked += 1
        return f"{id(self):x}-{self._asked}"

    async def asks(self, kind: str, /, **fields: Any) -> Frame:
        """Send a request with a nonce; its `ack`, the private answer to it in `text`. Raises Refused."""
        nonce = fields.setdefault("nonce", self.nonce())
        await self.sends({"type": kind, **fields})
        answer = await self._answer_to(nonce)
        if answer.type == "error":
            raise Refused(answer)
        await self.settles()
        notice = self._take("notice", {"nonce": nonce})
        return Frame({**(notice or {}), **answer})

    async def _answer_to(self, nonce: str) -> Frame:
        while True:
            for kind in ("ack", "error"):
                if found := self._take(kind, {"nonce": nonce}):
                    return found
            await self._next()

    async def says(self, text: str, /, **fields: Any) -> Frame:
        """Type a line. Raises Refused."""
        return await self.asks("say", text=text, **fields)

    async def hears(self, kind: str, **fields: Any) -> Frame:
        """The next frame of this kind, with these fields where they are given."""
        while True:
            if found := self._take(kind, fields):
                return found
            await self._next()

    async def settles(self) -> None:
        """Hear everything that was on its way to this tab: pings are answered in their order."""
        await self.sends({"type": "ping"})
        while not any(frame.type == "pong" for frame in self.unheard):
            await self._next()
        self._take("pong", {})

    async def has_heard(self, kind: str, **fields: Any) -> bool:
        """Whether such a frame has come by now."""
        await self.settles()
        return self._take(kind, fields) is not None

    async def all_heard(self, kind: str) -> list[Frame]:
        """Every frame of this kind that has come by now."""
        await self.settles()
        found = [frame for frame in self.unheard if frame.type == kind]
        self.unheard = [frame for frame in self.unheard if frame.type != kind]
        return found

    async def is_closed(self) -> int | None:
        """Wait until the other side closes; with which code."""
        while self.close_code is None:
            try:
                await self._next()
            except ConnectionError:
                break
        return self.close_code

    async def leaves(self, code: int = 1000) -> None:
        """Close in order."""
        await self.socket.close(code=code)

    def breaks(self) -> None:
        """The line is cut."""
        transport = self.socket._conn.transport if self.socket._conn is not None else None
        if transport is not None:
            transport.abort()

    def _take(self, kind: str, fields: dict[str, Any]) -> Frame | None:
        for place, frame in enumerate(self.unheard):
            if frame.type == kind and all(_fits(frame.get(name), value) for name, value in fields.items()):
                return self.unheard.pop(place)
        return None

    async def _next(self) -> None:
        message = await received(self.socket)
        if message.type is WSMsgType.TEXT:
            self.unheard.append(Frame(json.loads(message.data)))
            return
        if message.type is WSMsgType.CLOSE:
            self.close_code, self.close_reason = message.data, message.extra or ""
        raise ConnectionResetError(f"closed with {self.socket.close_code}: {self.unheard}")


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(value, dict) and isinstance(wanted, str):
        return bool(value.get("name") == wanted)
    return bool(value == wanted)


class Person:
    """Somebody with an account and a browser, on one process of the site."""

    def __init__(self, client: TestClient[web.Request, Any], name: str, user_id: int) -> None:
        self.client = client
        self.name = name
        self.id = user_id
        self.tabs: list[Tab] = []
        self._token: str | None = None

    # -- over HTTP -----------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """Where their pages come from."""
        return str(self.client.make_url("")).rstrip("/")

    async def opens(self, path: str, **headers: str) -> Answer:
        """GET a page."""
        return await self._asks("GET", path, headers={"Accept": "text/html", **headers})

    async def sends(self, path: str, **fields: str) -> Answer:
        """POST a form as it stands, without looking at its page."""
        return await self._asks("POST", path, data=fields, headers={"Accept": "text/html"})

    async def fills(self, path: str, *, on: str | None = None, **fields: str) -> Answer:
        """Open a page, type into its form and send it."""
        page = await self.opens(on or path)
        return await self.sends(path, csrf=page.field("csrf"), **fields)

    async def gets(self, path: str, **headers: str) -> Answer:
        """GET from the API."""
        return await self._asks("GET", path, headers=headers)

    async def posts(self, path: str, body: Any, **headers: str) -> Answer:
        """POST to the API; a string goes as it stands."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        given = {"Content-Type": "application/json", "Origin": self.origin, **headers}
        return await self._asks("POST", path, data=data, headers=given)

    async def _asks(self, method: str, path: str, **how: Any) -> Answer:
        url: Any = path
        async with self.client.request(method, url, allow_redirects=False, **how) as response:
            return Answer(response, await response.text())

    async def signs_in(self) -> None:
        """By the front door."""
        answer = await self.fills("/login", name=self.name, password=PASSWORD)
        assert answer.status == 303, answer.text

    # -- in a room -----------------------------------------------------------------------------------------------------

    async def knocks(self, room: str = "lobby", **headers: str | None) -> Answer:
        """Ask for a socket by plain HTTP, to read why it is refused. None takes a header out."""
        wanted = {**HANDSHAKE, "Origin": self.origin, **{k.replace("_", "-"): v for k, v in headers.items()}}
        given = {name: value for name, value in wanted.items() if value is not None}
        return await self._asks("GET", f"/rooms/{room}/ws", headers=given)

    async def enters(self, room: str = "lobby", **how: Any) -> Frame:
        """Open a tab in a room; its `hello`."""
        url: Any = f"/rooms/{room}/ws"
        socket = await self.client.ws_connect(
            url, protocols=[PROTOCOL], headers={"Origin": self.origin}, autoping=True, max_msg_size=0, **how
        )
        self.tabs.append(Tab(socket))
        return await self.tab.hears("hello")

    @property
    def tab(self) -> Tab:
        """The tab opened last."""
        return self.tabs[-1]

    async def says(self, text: str, /, **fields: Any) -> Frame:
        """Type a line; its `ack`. Raises Refused."""
        return await self.tab.says(text, **fields)

    async def hears(self, kind: str, **fields: Any) -> Frame:
        """The next frame of this kind."""
        return await self.tab.hears(kind, **fields)

    async def refused(self, text: str) -> Frame:
        """Type a line that is refused; why."""
        try:
            answer = await self.says(text)
        except Refused as refused:
            return refused.frame
        raise AssertionError(f"{text} was not refused: {answer}")

    async def leaves(self) -> None:
        """Close every tab in order."""
        for tab in self.tabs:
            await tab.leaves()


class House:
    """The site, in as many processes as the play needs."""

    def __init__(self, settings: Settings, aiohttp_client: AiohttpClient) -> None:
        self.settings = settings
        self._aiohttp_client = aiohttp_client
        self.servers: list[TestServer] = []
        self._people: list[Person] = []

    async def opens(self) -> Node:
        """One process more."""
        server: TestServer = TestServer(create_app(self.settings))
        with pytest.MonkeyPatch.context() as patch:
            # Each process is waited for, however slow it is, and nobody is let go for listening only.
            patch.setattr(nodes, "Pace", partial(Pace, confirm=PATIENCE / 2, silence=3600))
            await server.start_server()
        self.servers.append(server)
        node = server.app[NODE]
        # Nobody here waits ten seconds to see whether somebody comes back.
        node.comings._grace = 0.0
        return node

    @property
    def node(self) -> Node:
        """The first process."""
        return self.nodes[0]

    @property
    def nodes(self) -> list[Node]:
        """All of them."""
        return [server.app[NODE] for server in self.servers]

    async def stranger(self, *, at: int = 0) -> Person:
        """A browser nobody is signed in with."""
        client: TestClient[web.Request, Any] = await self._aiohttp_client(self.servers[at])
        return self._known(Person(client, "", 0))

    async def person(self, name: str, *, at: int = 0, is_admin: bool = False) -> Person:
        """Somebody with a new account, signed in."""
        user = await register(self.node.manager, name, PASSWORD, is_admin=is_admin)
        return await self.again(name, user.id, at=at)

    async def again(self, name: str, user_id: int, *, at: int = 0) -> Person:
        """Somebody known, in another browser."""
        found = await self.stranger(at=at)
        found.name, found.id = name, user_id
        await found.signs_in()
        return found

    async def program(self, person: Person, *, at: int = 0) -> Person:
        """The same account, by an API token and without cookies."""
        token = await create_token(self.node.manager, person.id, "tests")
        bearer = {"Authorization": f"Bearer {token}"}
        client: TestClient[web.Request, Any] = await self._aiohttp_client(self.servers[at], headers=bearer)
        return self._known(Person(client, person.name, person.id))

    def _known(self, person: Person) -> Person:
        self._people.append(person)
        return person

    async def room(self, slug: str, owner: Person, **how: Any) -> Room:
        """A room of somebody's."""
        return await rooms.create(self.node, owner.id, slug, **how)

    async def ranks(self, person: Person, role: Role, slug: str = "lobby") -> None:
        """Make somebody a member of a room with this rank, before the play begins."""
        await self.node.manager.execute(
            "INSERT INTO memberships (room_id, user_id, role) SELECT id, %s, %s FROM rooms WHERE slug = %s "
            "ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, is_member = true",
            person.id,
            int(role),
            slug,
        )

    async def sets(self, switches: dict[str, Any], slug: str = "lobby") -> None:
        """Turn switches of a room, before the play begins."""
        await self.node.manager.execute(
            "UPDATE rooms SET switches = switches || %s::jsonb WHERE slug = %s", json.dumps(switches), slug
        )

    async def marks(self, person: Person, what: str, slug: str = "lobby") -> None:
        """Set a column of somebody's membership, as SQL says it."""
        await self.node.manager.execute(
            f"UPDATE memberships m SET {what} FROM rooms r WHERE r.id = m.room_id AND r.slug = %s AND m.user_id = %s",
            slug,
            person.id,
        )

    async def log(self, slug: str = "lobby") -> list[tuple[int, str, str | None]]:
        """Number, kind and words of everything in a room's log."""
        rows = await self.node.manager.rows(
            "SELECT m.seq, m.kind, m.text FROM messages m JOIN rooms r ON r.id = m.room_id "
            "WHERE r.slug = %s ORDER BY m.seq",
            slug,
        )
        return [(seq, kind, text) for seq, kind, text in rows]

    async def kinds(self, slug: str = "lobby") -> list[str]:
        """The kinds in a room's log, in their order."""
        return [kind for _, kind, _ in await self.log(slug)]

    async def closes(self) -> None:
        """Everybody goes home."""
        for tab in (tab for person in self._people for tab in person.tabs):
            # Nobody reads any more in an open tab, and the server would wait for its goodbye.
            tab.breaks()
        for server in self.servers:
            await server.close()


@asynccontextmanager
async def opened_house(settings: Settings, aiohttp_client: AiohttpClient) -> AsyncIterator[House]:
    """A house with one process, anybody may register; closed at the end."""
    house = House(settings, aiohttp_client)
    node = await house.opens()
    await node.manager.execute(
        "UPDATE site SET set_up_at = now(), registration = 'open', title = 'Tidewater'"
    )
    try:
        yield house
    finally:
        await house.closes()
