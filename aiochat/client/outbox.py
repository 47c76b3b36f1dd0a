"""What was asked and is not answered yet: sent in order, one at a time, under the same nonce until it is."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from aiochat.client.errors import Refused
from aiochat.client.line import Frame
from aiochat.client.pauses import LONGEST, SHORTEST

# The server answers within ten seconds, if only that it cannot just now.
PATIENCE = 15.0
UNREADABLE = "This text holds characters that cannot be sent. Take them out and send it again."
COMMAND = re.compile(r"/([^\W\d_]|\?)")


class Ack(msgspec.Struct, frozen=True):
    """It is done and kept. `seq` is its number in the room, 0 for a command that recorded nothing.

    `duplicate` says that it was done before, under this nonce; `notices` are what a command answered.
    """

    seq: int = 0
    at: datetime | None = None
    duplicate: bool = False
    notices: list[str] = []

    @property
    def text(self) -> str:
        """What a command answered, in one text."""
        return "\n".join(self.notices)


@dataclass(slots=True, eq=False)
class _Asked:
    frame: Frame
    is_command: bool
    answered: asyncio.Future[Ack]
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    notices: list[str] = field(default_factory=list)
    ack: Frame | None = None
    pause: float = 0.0
    refusals: int = 0


class Outbox:
    """Requests on their way. `write` puts a frame on the line, and may fail silently: what is unanswered goes again."""

    def __init__(self, write: Callable[[Frame], Awaitable[None]], *, patience: float = PATIENCE) -> None:
        self._write = write
        self._patience = patience
        self._waiting: deque[_Asked] = deque()
        self._something = asyncio.Event()
        self._open = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, frame: Frame) -> Ack:
        """Send a request with a `nonce` until it is answered; through any number of broken lines.

        Whoever stops waiting takes it back if it has not been sent yet; otherwise it may be done or not.
        Raises `Refused`, and what `fail` is given.
        """
        try:
            msgspec.json.encode(frame)
        except UnicodeEncodeError as error:
            # Half a surrogate pair, as bytes that are no UTF-8 become it: found only on the way, it would hold up all.
            raise Refused("bad_request", UNREADABLE, field="text") from error
        answered: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        is_command = frame["type"] == "say" and COMMAND.match(frame["text"]) is not None
        asked = _Asked(frame, is_command, answered)
        answered.add_done_callback(lambda _: asked.heard.set())
        self._waiting.append(asked)
        self._something.set()
        return await answered

    async def deliver(self) -> None:
        """Send what waits, for ever; to be run as a task."""
        while True:
            while not self._waiting:
                self._something.clear()
                await self._something.wait()
            await self._see_through(self._waiting[0])
            self._waiting.popleft()

    async def _see_through(self, asked: _Asked) -> None:
        while not asked.answered.done():
            await self._open.wait()
            if asked.answered.done():
                return
            asked.heard.clear()
            asked.ack, asked.pause = None, 0.0
            asked.notices.clear()
            await self._write(asked.frame)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await asked.heard.wait()
            if asked.pause and not asked.answered.done():
                await asyncio.sleep(asked.pause)

    def opens(self) -> None:
        """The line stands: send."""
        self._open.set()

    def closes(self) -> None:
        """The line is gone: hold everything back, and send again what is not answered."""
        self._open.clear()
        if self._waiting:
            self._waiting[0].heard.set()

    def fail(self, error: Exception) -> None:
        """It is over: everybody who waits gets this error."""
        for asked in self._waiting:
            if not asked.answered.done():
                asked.answered.set_exception(error)

    def _of(self, nonce: Any) -> _Asked | None:
        first = self._waiting[0] if self._waiting else None
        if first is None or first.frame["nonce"] != nonce or first.answered.done():
            return None
        return first

    async def acknowledge(self, frame: Frame) -> None:
        """An `ack` came. What a command answers comes right after it: a ping tells when that is over."""
        asked = self._of(frame.get("nonce"))
        if asked is None:
            return
        asked.ack = frame
        if asked.is_command:
            await self._write({"type": "ping"})
        else:
            self._answer(asked)

    def pong(self) -> None:
        """Everything said before the ping has been heard."""
        asked = self._waiting[0] if self._waiting else None
        if asked is not None and asked.ack is not None and not asked.answered.done():
            self._answer(asked)

    def notice(self, frame: Frame) -> bool:
        """Keep a command's answer for whoever asked; False where nobody waits for it."""
        asked = self._of(frame.get("nonce"))
        if asked is None:
            return False
        asked.notices.append(str(frame.get("text", "")))
        return True

    def refuse(self, frame: Frame) -> bool:
        """An `error` with a nonce came: again after a pause, or never. False where nobody waits for it."""
        asked = self._of(frame.get("nonce"))
        if asked is None:
            return False
        refused = Refused.told(frame)
        if refused.temporary:
            asked.pause = refused.retry_after or min(LONGEST, SHORTEST * 2**asked.refusals)
            asked.refusals += 1
            asked.heard.set()
        else:
            asked.answered.set_exception(refused)
        return True

    def _answer(self, asked: _Asked) -> None:
        assert asked.ack is not None
        told: Frame = {name: asked.ack[name] for name in ("seq", "at", "duplicate") if name in asked.ack}
        asked.answered.set_result(msgspec.convert({**told, "notices": list(asked.notices)}, Ack))
