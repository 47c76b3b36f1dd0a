"""Rooms without a web: nodes, people and seats, for tests of how words are kept and delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from chat.channel import Channel
from chat.connection import CloseCode, Connection, Writer
from chat.events import News, Person
from chat.listeners import Listener
from chat.log import digest
from chat.members import member_in
from chat.node import Node
from chat.pace import Pace
from chat.policy import Role, Switches
from chat.post import Post
from chat.presence import Mark
from chat.sockets.room import DIALECT
from helpers.bus import Bus, MemoryBus, RedisBus
from helpers.database import Manager

PATIENCE = 30.0
QUICK = Pace(activity=0.02, check=3600, sweep=3600, grace=0, confirm=PATIENCE / 2)
"""Nothing is healed unless a test asks for it."""


async def until(true: Callable[[], object], why: str = "it did not come to be") -> None:
    """Let the others work until it is true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(why) from None


async def until_kept(true: Callable[[], Awaitable[object]], why: str = "it did not come to be") -> None:
    """The same for what has to be asked for."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(why) from None


def payloads(data: bytes) -> Iterator[bytes]:
    """What is in the text frames of a server; pings and pongs are passed over."""
    at = 0
    while at < len(data):
        kind, size = data[at] & 0x0F, data[at + 1]
        at += 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        elif size == 127:
            size, at = int.from_bytes(data[at : at + 8], "big"), at + 8
        if kind == 1:
            yield data[at : at + size]
        at += size


class Line:
    """A transport whose other side reads when the test says so."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.unread = 0
        self.stalled = False
        self.broken = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("the handler is closed")
        self.writes.append(data)
        if self.stalled:
            self.unread += len(data)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True

    def reads(self) -> None:
        """Take everything."""
        self.stalled, self.unread = False, 0

    @property
    def frames(self) -> list[dict[str, Any]]:
        """What was said, in order."""
        return [msgspec.json.decode(one) for one in payloads(b"".join(self.writes))]

    @property
    def seqs(self) -> list[int]:
        """The numbers of what was said."""
        return [frame["seq"] for frame in self.frames if "seq" in frame and frame["type"] != "read"]


class Seat:
    """One connection of one person in one room, as a socket would hold it; only the socket is not there."""

    def __init__(self, node: Node, channel: Channel, listener: Listener, line: Line) -> None:
        self.node = node
        self.channel = channel
        self.listener = listener
        self.line = line
        self.closed: tuple[CloseCode, str] | None = None
        self.news: list[tuple[int, News]] = []
        self._read = 0

    @property
    def mark(self) -> Mark:
        """How Redis knows this connection."""
        return self.channel.room.id, self.listener.member.user_id, self.listener.connection.id

    @property
    def frames(self) -> list[dict[str, Any]]:
        return self.line.frames

    @property
    def seqs(self) -> list[int]:
        return self.line.seqs

    def forgets(self) -> None:
        """Begin anew to listen."""
        self.line.writes.clear()
        self._read = 0

    async def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this kind and content; what came before it is passed over."""

        def there() -> bool:
            return any(fits(frame) for frame in self.frames[self._read :])

        def fits(frame: dict[str, Any]) -> bool:
            return frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items())

        heard = [frame["type"] for frame in self.frames[self._read :]]
        await until(there, f"{kind} {fields} was not heard, only {heard}")
        for at, frame in enumerate(self.frames):
            if at >= self._read and fits(frame):
                self._read = at + 1
                return frame
        raise AssertionError

    async def goes(self, *, lost: bool = False, grace: bool = False) -> None:
        """The socket ends."""
        await self.node.hub.leave(self.channel, self.listener)
        await self.node.comings.depart(self.mark, self.listener.member.person, lost=lost, grace=grace)
        self.node.hub.audience.disconnect(self.listener.connection)


class Backstage:
    """Makes what a play needs."""

    def __init__(self, manager: Manager, redis: Redis, stack: AsyncExitStack) -> None:
        self.manager = manager
        self.redis = redis
        self._stack = stack
        self._bus = MemoryBus()

    async def node(
        self, bus: Bus | None = None, *, pace: Pace = QUICK, manager: Manager | None = None
    ) -> Node:
        """One process more, on a bus in memory or the given one."""
        bus = bus or self._bus.twin()
        await bus.open()
        self._stack.push_async_callback(bus.close)
        node = Node(manager or self.manager, bus, self.redis, pace=pace)
        return await self._stack.enter_async_context(node)

    def redis_bus(self) -> RedisBus:
        """A bus as the site has it."""
        return RedisBus(self.redis)

    async def person(self, name: str, *, guest: bool = False, admin: bool = False) -> Person:
        """Somebody with an account, or a guest."""
        user_id = await self.manager.value(
            "INSERT INTO users (name, name_key, is_guest, is_admin) VALUES (%s, %s, %s, %s) RETURNING id",
            name,
            name.casefold(),
            guest,
            admin,
        )
        return Person(user_id, name, guest)

    async def room(self, *members: Person, slug: str = "lobby", **switches: Any) -> int:
        """A room whose members these are."""
        room_id: int = await self.manager.value(
            "INSERT INTO rooms (slug, title, switches) VALUES (%s, %s, %s::jsonb) RETURNING id",
            slug,
            slug.title(),
            msgspec.json.encode(Switches(**switches).told()).decode(),
        )
        for member in members:
            await self.joins(room_id, member)
        return room_id

    async def joins(self, room_id: int, person: Person, role: Role = Role.MEMBER, **columns: Any) -> None:
        """A member from now on, or one with another rank."""
        await self.manager.execute(
            "INSERT INTO memberships (room_id, user_id, role) VALUES (%s, %s, %s) "
            "ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role",
            room_id,
            person.id,
            role,
        )
        for column, value in columns.items():
            await self.manager.execute(
                f"UPDATE memberships SET {column} = %s WHERE room_id = %s AND user_id = %s",
                value,
                room_id,
                person.id,
            )

    async def seat(self, node: Node, room_id: int, person: Person, *, arrive: bool = False) -> Seat:
        """Open a connection in a room."""
        line = Line()
        seat: Seat

        def end(code: CloseCode, reason: str) -> None:
            seat.closed = code, reason

        def news(about: int, told: News) -> None:
            seat.news.append((about, told))

        connection = Connection(
            person, line, node.hub.audience.writer, end, news, session=f"session of {person.name}"
        )
        node.hub.audience.connect(connection)
        channel = await node.hub.channel(room_id)
        member = await member_in(self.manager, room_id, person.id)
        assert member is not None
        listener = Listener(connection, member, DIALECT)
        channel.listeners.add(listener)
        seat = Seat(node, channel, listener, line)
        if arrive:
            await node.comings.arrive(seat.mark)
        return seat

    async def log(self, room_id: int) -> list[tuple[int, str]]:
        """The numbers of a room and what happened there."""
        rows = await self.manager.rows(
            "SELECT seq, kind FROM messages WHERE room_id = %s ORDER BY seq", room_id
        )
        return [(seq, kind) for seq, kind in rows]

    async def texts(self, room_id: int) -> list[str]:
        """What was said in a room, in order."""
        rows = await self.manager.rows(
            "SELECT text FROM messages WHERE room_id = %s AND kind = 'message' ORDER BY seq", room_id
        )
        return [text for (text,) in rows]

    async def present(self, room_id: int) -> set[int]:
        """Who is here, by the log."""
        rows = await self.manager.rows(
            "SELECT user_id FROM memberships WHERE room_id = %s AND present_since IS NOT NULL", room_id
        )
        return {user_id for (user_id,) in rows}


def words(
    room_id: int, author: Person, text: str, nonce: str = "", *, mentions: list[int] | None = None
) -> Post:
    """Something to be said."""
    nonce = nonce or text
    parts: list[dict[str, Any]] = [{"t": "text", "s": text}]
    parts += [{"t": "mention", "s": "@", "id": user_id} for user_id in mentions or ()]
    return Post(
        room_id=room_id,
        room="lobby",
        author=author,
        nonce=nonce,
        digest=digest("say", text),
        text=text,
        parts=msgspec.json.encode(parts),
        mentions=mentions or [],
        shown_nonce=nonce,
    )


@pytest.fixture
async def backstage(manager: Manager, redis: Redis) -> AsyncIterator[Backstage]:
    async with AsyncExitStack() as stack:
        yield Backstage(manager, redis, stack)


@pytest.fixture
async def node(backstage: Backstage) -> Node:
    return await backstage.node()


@pytest.fixture
async def ann(backstage: Backstage) -> Person:
    return await backstage.person("ann")


@pytest.fixture
async def ben(backstage: Backstage) -> Person:
    return await backstage.person("ben")


@pytest.fixture
async def max_(backstage: Backstage) -> Person:
    """Moderates."""
    return await backstage.person("max")


@pytest.fixture
async def lobby(backstage: Backstage, ann: Person, ben: Person, max_: Person) -> int:
    """A room of ann and ben, moderated by max."""
    room_id = await backstage.room(ann, ben)
    await backstage.joins(room_id, max_, Role.MODERATOR)
    return room_id


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    made.close()
