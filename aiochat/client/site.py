"""One aiochat and who one is there: its rooms, and what it tells over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from aiochat.client.errors import ClientError, Refused, Unreachable
from aiochat.client.events import Event, event_of
from aiochat.client.outbox import Ack
from aiochat.client.pauses import Pauses
from aiochat.client.room import BACKLOG, Room

ANSWER_WITHIN = 15.0


class Page(msgspec.Struct, frozen=True):
    """Some of a room's log, oldest first. `complete`: nothing lies further in the direction asked."""

    entries: list[Event]
    complete: bool
    head: int
    epoch: str


class Site:
    """An aiochat at an address such as https://chat.example.org, entered with an API token.

    To be used with `async with`; a `session` given is used and not closed. Raises `ValueError` for what is no
    address or no token.
    """

    def __init__(self, url: str, token: str, *, session: aiohttp.ClientSession | None = None) -> None:
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("An API token is needed: docs/clients.md says how to get one.")
        if not _is_address(url):
            raise ValueError(f"{url!r} is no address of a site: it begins with https:// or http://.")
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"}
        self._given = session
        self._session = session

    async def __aenter__(self) -> Self:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None and self._given is None:
            await self._session.close()
        self._session = self._given

    @property
    def session(self) -> aiohttp.ClientSession:
        """What requests go through. Raises `RuntimeError` outside of `async with`."""
        if self._session is None:
            raise RuntimeError("a Site is to be used with `async with`")
        return self._session

    def room(
        self,
        slug: str,
        *,
        after: int | None = None,
        epoch: str | None = None,
        pauses: Pauses | None = None,
        backlog: int = BACKLOG,
    ) -> Room:
        """A room, to be entered with `async with`.

        A program that keeps `room.seen` and `room.epoch` hands them back here after a restart, and misses nothing.
        """
        return Room(self, slug, after=after, epoch=epoch, pauses=pauses, backlog=backlog)

    async def rooms(self) -> list[dict[str, Any]]:
        """The rooms one may know of, the liveliest first. Raises `Refused`, `Unreachable`."""
        return list((await self.get("/api/rooms"))["rooms"])

    async def commands(self, slug: str | None = None) -> list[dict[str, Any]]:
        """What one may type in a room, or anywhere. Raises `Refused`, `Unreachable`."""
        query = {} if slug is None else {"room": slug}
        return list((await self.get("/api/commands", **query))["commands"])

    async def me(self, slug: str) -> dict[str, Any]:
        """Whether one may come into a room, and as what. Raises `Refused` with the reason, `Unreachable`."""
        answer: dict[str, Any] = await self.get(f"/api/rooms/{quote(slug, safe='')}/me")
        return answer

    async def messages(self, slug: str, **asked: int) -> Page:
        """A page of a room's log: `before=`, `after=` or `around=` a number, `limit=`; the latest if nothing is said.

        Raises `Refused`, `Unreachable`.
        """
        told = await self.get(f"/api/rooms/{quote(slug, safe='')}/messages", **asked)
        entries = [event_of(entry) for entry in told["entries"]]
        return Page(entries, told["complete"], told["head"], told["epoch"])

    async def post(
        self,
        slug: str,
        text: str,
        *,
        nonce: str | None = None,
        within: float = 60.0,
        pauses: Pauses | None = None,
    ) -> Ack:
        """Say something without a socket, again and again under one nonce until it is answered or `within` s are over.

        Raises `Refused`, `Unreachable`; after the latter the same nonce may be tried again, a week later too.
        """
        body = {"text": text, "nonce": nonce or uuid.uuid4().hex}
        pauses = pauses or Pauses()
        until = asyncio.get_running_loop().time() + within
        while True:
            try:
                told = await self._ask("POST", f"/api/rooms/{quote(slug, safe='')}/messages", json=body)
                return msgspec.convert(told, Ack)
            except ClientError as error:
                if isinstance(error, Refused) and not error.temporary:
                    raise
                pause = max(pauses.next(), getattr(error, "retry_after", None) or 0.0)
                if asyncio.get_running_loop().time() + pause > until:
                    raise
                await asyncio.sleep(pause)

    async def get(self, path: str, **query: Any) -> Any:
        """GET some JSON. Raises `Refused`, `Unreachable`."""
        return await self._ask("GET", path, params=query)

    async def _ask(self, method: str, path: str, **how: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        try:
            async with self.session.request(
                method, self.url + path, headers=self.headers, timeout=timeout, allow_redirects=False, **how
            ) as answer:
                body = await answer.read()
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{self.url} does not answer: {str(error) or type(error).__name__}") from error
        try:
            told = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = None
        if status < 300 and isinstance(told, dict):
            return told
        if isinstance(told, dict) and "error" in told:
            raise Refused.told(told["error"], status)
        if status >= 500 or status == 429:
            raise Unreachable(f"{self.url} answers {status} just now.")
        raise Refused(
            "not_aiochat", f"{self.url}{path} answers {status}, and not as an aiochat does.", status=status
        )


def _is_address(url: str) -> bool:
    try:
        told = urlsplit(url)
        # A port that is none shows itself only when it is asked for.
        return told.scheme in ("http", "https") and bool(told.hostname) and told.port != 0
    except ValueError:
        return False
