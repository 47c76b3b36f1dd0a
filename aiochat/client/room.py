"""One room over its native socket: opened, heard in order, resumed, left."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from aiochat.client.errors import ClientError, Ended
from aiochat.client.events import (
    Event,
    Ignored,
    Missed,
    Offline,
    Online,
    Person,
    Recorded,
    Unknown,
    event_of,
)
from aiochat.client.line import LOST, Down, Frame, Line
from aiochat.client.outbox import Ack, Outbox
from aiochat.client.pauses import Pauses, comes_back
from aiochat.client.people import People

if TYPE_CHECKING:
    from aiochat.client.site import Site

log = logging.getLogger(__name__)

RESUME_WITHIN = 30.0
BACKLOG = 10_000
WITHOUT_NUMBER = frozenset({"typing", "here", "status", "read", "unread", "ignored", "notice"})


class Hello(msgspec.Struct, frozen=True):
    """What the server says first: the room, who one is there, who is here, and how far the log is."""

    epoch: str
    head: int
    room: dict[str, Any]
    you: dict[str, Any]
    here: dict[str, Any]
    floor: int = 1
    read: int = 0
    ignored: list[int] = []
    limits: dict[str, Any] = {}
    heartbeat: float = 25.0


class Room:
    """A room one is in, for as long as `async with` lasts; `Site.room` makes it.

    Entering waits for the server's greeting, also where it cannot be reached just now, and raises `Refused` where one
    may not come in. Then iterate to hear: events come in the order of their numbers, none twice and none left out, over
    any number of broken lines; where that cannot be, `Missed` says so. The iteration ends when this side leaves, and
    raises `Ended` when the server ended it for good.

    Whoever does not iterate loses nothing but the hearing: of more than `backlog` events that wait, all are put away,
    and `Missed` stands for them.
    """

    def __init__(
        self,
        site: Site,
        slug: str,
        *,
        after: int | None = None,
        epoch: str | None = None,
        pauses: Pauses | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        if (after is None) is not (epoch is None):
            raise ValueError(
                "`after` and `epoch` belong together: a number of one epoch says nothing in another"
            )
        self.site = site
        self.slug = slug
        self.people = People()
        self.hello: Hello | None = None
        # Whom one does not want to hear, by id. What they say comes all the same, and is the caller's to hide.
        self.ignored: frozenset[int] = frozenset()
        self._seen = after
        self._epoch = epoch or ""
        self._taken = after or 0
        self._pauses = pauses or Pauses()
        self._backlog = backlog
        self._line = Line(site, slug)
        self._outbox = Outbox(self._line.write)
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._online = False
        self._was_online = False
        self._resuming: float | None = None
        self._running: asyncio.Task[None] | None = None
        self._greeted: asyncio.Future[None] | None = None
        self._end: Exception | None = None

    # -- what can be asked ---------------------------------------------------------------------------------------------

    @property
    def seen(self) -> int:
        """The number of the last entry that was taken from this room: what to hand to `Site.room` after a restart."""
        return self._taken

    @property
    def epoch(self) -> str:
        """The numbering that `seen` belongs to."""
        return self._epoch

    @property
    def you(self) -> Person:
        """Who one is here. Raises `RuntimeError` before the room was entered."""
        if self.hello is None:
            raise RuntimeError("the room was not entered")
        return msgspec.convert(self.hello.you, Person)

    @property
    def online(self) -> bool:
        """Whether the line stands and nothing is missing."""
        return self._online

    @property
    def waiting(self) -> int:
        """How many requests are not answered yet."""
        return len(self._outbox)

    # -- what can be done ----------------------------------------------------------------------------------------------

    async def say(self, text: str, *, reply_to: int = 0, nonce: str | None = None) -> Ack:
        """Say something, or run a command; returns once it is kept, however often the line breaks in between.

        The same `nonce` again, from any process and at any time, says nothing twice. Raises `Refused`, `Ended`.
        """
        more: Frame = {"reply_to": reply_to} if reply_to else {}
        return await self._ask("say", nonce, text=text, **more)

    async def edit(self, target: int, text: str, *, nonce: str | None = None) -> Ack:
        """Put one's own message in other words. Raises `Refused`, `Ended`."""
        return await self._ask("edit", nonce, target=target, text=text)

    async def remove(self, target: int, *, nonce: str | None = None) -> Ack:
        """Take a message back. Raises `Refused`, `Ended`."""
        return await self._ask("remove", nonce, target=target)

    async def mark_read(self, seq: int) -> None:
        """Move one's own read mark forward; while the line is down nothing is sent."""
        await self._line.write({"type": "read", "seq": seq})

    async def is_typing(self) -> None:
        """Say that one is writing: at most every three seconds."""
        await self._line.write({"type": "typing"})

    async def _ask(self, kind: str, nonce: str | None, **fields: Any) -> Ack:
        if self._running is None or self._running.done():
            raise self._end or Ended(1000)
        return await self._outbox.ask({"type": kind, "nonce": nonce or uuid.uuid4().hex, **fields})

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._end is not None:
                raise self._end
            if self._running is None or self._running.done():
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event = self._events.popleft()
        match event:
            case Recorded(seq=seq) | Missed(head=seq) | Unknown(seq=seq) if seq:
                self._taken = seq
            case _:
                pass
        return event

    # -- life ----------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._greeted = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(), name=f"aiochat: #{self.slug}")
        try:
            await self._greeted
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave in order. What is not answered by then raises `Ended` where it waits, and may be done or not."""
        if self._running is None:
            return
        self._running.cancel()
        await asyncio.wait([self._running])
        self._outbox.fail(Ended(1000, "This side left."))

    async def _run(self) -> None:
        delivering = asyncio.create_task(self._outbox.deliver(), name=f"aiochat: outbox of #{self.slug}")
        try:
            await self._stay()
        except (ClientError, ValueError) as error:
            self._end = error
        except Exception as error:
            log.exception("a room failed")
            self._end = error
        finally:
            delivering.cancel()
            await asyncio.wait([delivering])
            end = self._end or Ended(1000, "This side left.")
            self._outbox.fail(end)
            if self._greeted is not None and not self._greeted.done():
                self._greeted.set_exception(end)
            # Whoever listens looks again once this task is done.
            asyncio.get_running_loop().call_soon(self._news.set)

    async def _stay(self) -> None:
        while True:
            code, reason, least = await self._line.hold(self._hear)
            was_online, self._online = self._online, False
            self._resuming = None
            self._outbox.closes()
            if not comes_back(code):
                raise Ended(code, reason)
            pause = max(least, self._pauses.next())
            if was_online:
                self._hand(Offline(code=code, reason=reason, pause=pause))
            log.info("#%s: the line is down (%s %s), next try in %.1f s", self.slug, code, reason, pause)
            await asyncio.sleep(pause)

    # -- what comes in -------------------------------------------------------------------------------------------------

    async def _hear(self, frame: Frame) -> Down | None:
        """Take one frame; how it is down where the line is of no more use."""
        if self._resuming is not None and asyncio.get_running_loop().time() - self._resuming > RESUME_WITHIN:
            return Down(LOST, "the replay did not come")
        match frame.get("type"):
            case "hello":
                await self._be_greeted(msgspec.convert(frame, Hello))
            case "resumed":
                self._be_resumed(msgspec.convert(frame, _Resumed))
            case "ack":
                await self._outbox.acknowledge(frame)
            case "pong":
                self._outbox.pong()
            case "notice" if self._outbox.notice(frame):
                pass
            case "error":
                if not self._outbox.refuse(frame):
                    log.warning("#%s: %s", self.slug, frame.get("message"))
                    # Of all that is asked without a nonce, only a replay is worth another line.
                    return None if self._resuming is None else Down(LOST, str(frame.get("message")))
            case kind if kind in WITHOUT_NUMBER or "seq" not in frame:
                event = event_of(frame)
                if isinstance(event, Ignored):
                    self.ignored = frozenset(event.ids)
                self._take(event)
            case _:
                await self._take_numbered(frame)
        return None

    async def _be_greeted(self, hello: Hello) -> None:
        self.hello = hello
        self.ignored = frozenset(hello.ignored)
        self._line.silence = 2 * hello.heartbeat
        self.people.begin(msgspec.convert(person, Person) for person in hello.here.get("people", ()))
        if self._seen is None:
            self._seen, self._epoch = hello.head, hello.epoch
            self._taken = hello.head
            self._be_online()
            return
        # What lies below the floor is not sent, and would look like a gap for ever.
        if hello.epoch == self._epoch:
            self._seen = max(self._seen, hello.floor - 1)
        await self._resume()

    async def _resume(self) -> None:
        if self._resuming is None:
            self._resuming = asyncio.get_running_loop().time()
            await self._line.write({"type": "resume", "epoch": self._epoch, "after": self._seen})

    def _be_resumed(self, resumed: _Resumed) -> None:
        assert self.hello is not None
        assert self._seen is not None
        self._resuming = None
        if not resumed.recovered:
            after = self._seen if self.hello.epoch == self._epoch else 0
            self._seen, self._epoch = resumed.head, self.hello.epoch
            self._hand(Missed(after=after, head=resumed.head))
        self._be_online()

    def _be_online(self) -> None:
        self._pauses.reset()
        self._outbox.opens()
        if not self._online:
            self._online = True
            self._hand(Online(again=self._was_online))
            self._was_online = True
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_result(None)

    async def _take_numbered(self, frame: Frame) -> None:
        assert self._seen is not None
        seq = frame["seq"]
        if seq > self._seen + 1:
            # What is early comes again in the replay.
            await self._resume()
        elif seq == self._seen + 1:
            self._seen = seq
            if frame["type"] != "skip":
                self._take(event_of(frame))

    def _take(self, event: Event) -> None:
        self.people.apply(event)
        self._hand(event)

    def _hand(self, event: Event) -> None:
        if len(self._events) >= self._backlog:
            self._events.clear()
            event = Missed(after=self._taken, head=self._seen or 0)
        self._events.append(event)
        self._news.set()


class _Resumed(msgspec.Struct, frozen=True):
    recovered: bool
    head: int
