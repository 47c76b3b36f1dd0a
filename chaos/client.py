"""A careful client of `aiochat.v2`: gap rule, resume, back-off. It trusts only its own log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from chaos.book import Book
from chaos.outbox import Outbox
from chaos.view import Frame, View
from chaos.wire import Wire

PROTOCOL = "aiochat.v2"
OPEN_WITHIN = 10.0
SILENCE = 18.0
PING_EVERY = 4.0
PAGE = 200
COME_BACK = frozenset({1001, 1005, 1006, *range(1011, 1015), *range(4000, 4500)})
OUT, REMOVED = 401, 403


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `token` or `cookie` lets them in."""

    id: int
    name: str
    headers: dict[str, str]


class Client:
    """One tab of one person in one room.

    It runs until `leave`; what is given to `send` is sent until it is acknowledged or refused for good.
    """

    def __init__(
        self,
        name: str,
        person: Person,
        room: str,
        wire: Wire,
        book: Book,
        rng: random.Random,
        shortest: float,
    ) -> None:
        self.name = name
        self.person = person
        self.room = room
        self.wire = wire
        self.view = View()
        self.live = False
        self.out_at: int | None = None
        self.stopped: str | None = None
        self.pausing = asyncio.Event()
        self.pausing.set()
        self.outbox = Outbox(name, person.id, room, book, rng, self._write)
        self._book = book
        self._rng = rng
        self._shortest = shortest
        self._failures = 0
        self._leaving = False
        self._epoch = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._session: aiohttp.ClientSession | None = None
        self._resuming = False
        self._away_since = 0.0
        self.returns = 0
        self.last_away = 0.0
        self._may_be_out_until = 0.0

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Be there, and come back whenever the line breaks."""
        timeout = aiohttp.ClientTimeout(total=OPEN_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout, headers=self.person.headers) as self._session:
            while not self._leaving:
                code = await self._one_line()
                self._lost(code)
                if code not in COME_BACK and code != 1000:
                    if code != 4502:
                        self._stop(f"closed with {code}")
                        return
                    self._book.kicks[self.name] = self._book.kicks.get(self.name, 0) + 1
                await self._back_off()
                await self.pausing.wait()

    async def leave(self) -> None:
        """Close in order and stay away."""
        self.come_back_no_more()
        self.pausing.set()
        if self._socket is not None:
            await self._socket.close(code=1000)

    def come_back_no_more(self) -> None:
        """Whatever ends the line now, it was the last one."""
        self._leaving = True

    async def close_for(self, seconds: float) -> None:
        """Close in order, and be back a while later."""
        self.pausing.clear()
        if self._socket is not None:
            await self._socket.close(code=1000)
        await asyncio.sleep(seconds)
        self.pausing.set()

    async def _one_line(self) -> int:
        assert self._session is not None
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                socket = await self._session.ws_connect(
                    f"http://127.0.0.1:{self.wire.port}/rooms/{self.room}/ws",
                    protocols=[PROTOCOL],
                    autoping=True,
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            return self._refused_at_door(error.status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 1006
        self._socket = socket
        try:
            async with asyncio.TaskGroup() as group:
                pinging = group.create_task(self._keep_pinging(socket))
                code = await self._listen(socket)
                pinging.cancel()
        except* (aiohttp.ClientError, OSError, TimeoutError):
            code = 1006
        finally:
            self._socket = None
        if not socket.closed:
            await socket.close()
        return code

    def _refused_at_door(self, status: int) -> int:
        self._book.errors[f"http {status}"] += 1
        if status == OUT:
            self._book.fail(f"{self.name} was signed out")
        if status == REMOVED and not self.may_be_refused():
            self._book.fail(f"{self.name} was refused with 403 at the door and was not removed")
        return 1006

    @property
    def state(self) -> str:
        """What it is doing just now, for whoever must find out why it is not back."""
        doing = "reads" if self._resuming else "is greeted" if self._socket is not None else "knocks"
        return f"{self.name} {doing}, {self._failures} failures, at {self.view.last}, {self.stopped or 'running'}"

    def may_be_refused(self) -> bool:
        """Whether somebody was asked to remove this person in the last moments."""
        return asyncio.get_running_loop().time() < self._may_be_out_until

    def expect_removal(self, seconds: float) -> None:
        """This person is about to be removed, for so long."""
        self._may_be_out_until = asyncio.get_running_loop().time() + seconds

    def _stop(self, why: str) -> None:
        self.stopped = why
        self._book.fail(f"{self.name} stopped: {why}")

    def _lost(self, code: int) -> None:
        if self.live:
            self._away_since = asyncio.get_running_loop().time()
            self._book.closes[str(code)] += 1
        self.live = False
        self._resuming = False
        self.outbox.close()
        self.view.forget_early()
        self._book.ring()

    async def _back_off(self) -> None:
        longest = min(3.0, self._shortest * 2**self._failures)
        self._failures += 1
        await asyncio.sleep(self._rng.random() * longest)

    async def _keep_pinging(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not socket.closed:
            await asyncio.sleep(PING_EVERY)
            with suppress(aiohttp.ClientError, OSError):
                # Where the line has gone, whoever listens to it hears why.
                await socket.send_str('{"type":"ping"}')
            await self.outbox.remind()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> int:
        self.out_at = None
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    message = await socket.receive()
            except TimeoutError:
                self._book.errors["silence"] += 1
                return 4408
            except aiohttp.ClientConnectionResetError:
                # No answer is possible to a ping that came just before the end, which is next.
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return socket.close_code or 1006
            await self._hear(msgspec.json.decode(message.data))

    # -- hearing ---------------------------------------------------------------------------------------------

    async def _hear(self, frame: Frame) -> None:
        match frame["type"]:
            case "hello":
                await self._greeted(frame)
            case "ack":
                self.outbox.acknowledged(frame)
            case "error":
                self._refused(frame)
            case "resumed":
                await self._resumed(frame)
            case "pong" | "notice" | "here" | "typing" | "read" | "unread":
                pass
            case _:
                await self._hear_numbered(frame)

    async def _greeted(self, hello: Frame) -> None:
        if not self._epoch:
            self._epoch = hello["epoch"]
            self.view.begin(hello["head"])
            self._back()
            await self.outbox.open()
            return
        if hello["epoch"] != self._epoch:
            self._book.resumes["another epoch"] += 1
        await self._resume()

    async def _resume(self) -> None:
        if not self._resuming:
            self._resuming = True
            await self._write({"type": "resume", "epoch": self._epoch, "after": self.view.last})

    async def _resumed(self, frame: Frame) -> None:
        self._resuming = False
        if not frame["recovered"]:
            self._book.resumes["reloaded"] += 1
            page = await self._read(f"messages?limit={PAGE}")
            self._epoch = page["epoch"]
            self.view.reload(frame["head"], page["entries"])
        else:
            self._book.resumes["recovered"] += 1
            if self.view.last < frame["head"]:
                self._book.fail(
                    f"{self.name}: resumed at {frame['head']}, but heard only up to {self.view.last}"
                )
        self._back()
        await self.outbox.open()

    def _back(self) -> None:
        self.live = True
        self._failures = 0
        if self._away_since:
            self.last_away = asyncio.get_running_loop().time() - self._away_since
            self.returns += 1
            self._book.longest_away = max(self._book.longest_away, self.last_away)
        self._book.ring()

    def _refused(self, error: Frame) -> None:
        self._book.errors[error["code"]] += 1
        self._book.refused[self.name] += 1
        if error.get("nonce"):
            self.outbox.refused(error)
        elif self._resuming:
            self._book.errors[f"while resuming: {error['code']}"] += 1

    async def _hear_numbered(self, frame: Frame) -> None:
        if "seq" not in frame:
            self._book.fail(f"{self.name} heard an unknown frame: {frame['type']}")
            return
        if self.out_at is not None and frame["seq"] > self.out_at:
            self._book.fail(f"{self.name} heard {frame['seq']} after they were removed at {self.out_at}")
        if frame["type"] in ("kicked", "banned") and frame["user"]["id"] == self.person.id and self.live:
            self.out_at = frame["seq"]
        if not self.view.hear(frame) and self.live:
            if not self._resuming:
                self._book.fail(f"{self.name}: {frame['seq']} came after {self.view.last}")
            await self._resume()
        if self.view.is_stale:
            await self._refresh()
        self._book.ring()

    async def _refresh(self) -> None:
        """Words came back that may not be known here: read the window again."""
        known = [seq for seq, text in self.view.texts.items() if text is None]
        after, upto = min(known, default=0) - 1, max(known, default=0)
        while after < upto:
            page = await self._read(f"messages?limit={PAGE}&after={max(after, 0)}")
            self.view.refresh(page["entries"])
            if page["complete"] or not page["entries"]:
                break
            after = page["entries"][-1]["seq"]
        self.view.refreshed()

    async def _read(self, path: str) -> Any:
        assert self._session is not None
        async with self._session.get(
            f"http://127.0.0.1:{self.wire.port}/api/rooms/{self.room}/{path}"
        ) as answer:
            if answer.status != 200:
                # The line is given up; the next one begins with the same number.
                raise aiohttp.ClientError(f"{path}: {answer.status}")
            return msgspec.json.decode(await answer.read())

    # -- saying ----------------------------------------------------------------------------------------------

    async def send(self, kind: str, *, target: int = 0, text: str = "") -> str:
        """Ask for something; it stays in the outbox until it is answered. Its nonce."""
        return await self.outbox.send(kind, target=target, text=text)

    async def _write(self, frame: Frame) -> None:
        socket = self._socket
        if socket is None or socket.closed:
            return
        if "nonce" in frame:
            self._book.sent[frame["nonce"]].written = asyncio.get_running_loop().time()
        try:
            await socket.send_str(msgspec.json.encode(frame).decode())
        except (aiohttp.ClientError, OSError):
            return


@asynccontextmanager
async def running(clients: list[Client]) -> AsyncIterator[None]:
    """The clients, coming and going; at the end each leaves in order."""
    tasks = [asyncio.create_task(client.run(), name=client.name) for client in clients]
    try:
        yield
    finally:
        await asyncio.gather(*(client.leave() for client in clients))
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome
