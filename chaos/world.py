"""One run: the site, the rooms, the book; and what it means that all is well again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from chaos.book import Book
from chaos.checker import Checker, Findings
from chaos.client import Client
from chaos.people import Room
from chaos.site import Site

PATIENCE = 90.0
LOOKS = 3


class NotRecovered(Exception):
    """After a fault the site did not come back by itself."""


@dataclass
class World:
    """Everything a fault may touch. `cool_down` is how long a removed member stays out, in seconds."""

    site: Site
    rooms: list[Room]
    book: Book
    rng: random.Random
    cool_down: float

    @property
    def clients(self) -> list[Client]:
        """All of them."""
        return [client for room in self.rooms for client in room.clients]

    async def recovered(self, since: float) -> float:
        """Wait until everybody is back and a new message was kept in every room; the seconds it took."""
        loop = asyncio.get_running_loop()
        probes: dict[str, str] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    away = [
                        client for client in self.clients if not client.live and not client.may_be_refused()
                    ]
                    for room in self.rooms:
                        if room.slug not in probes and (
                            speakers := [one for one in room.clients if one.live]
                        ):
                            text = f"{room.slug} probe {loop.time()}"
                            probes[room.slug] = await speakers[0].send("say", text=text)
                    done = [self.book.sent[nonce].acked for nonce in probes.values()]
                    if not away and len(done) == len(self.rooms) and all(done):
                        return loop.time() - since
                    await self.book.changes()
        except TimeoutError:
            states = "; ".join(client.state for client in self.clients if not client.live)
            raise NotRecovered(
                f"{PATIENCE:g} s after a fault these are not back: {states or 'none'}. "
                f"Refusals: {dict(self.book.errors)}. Closes: {dict(self.book.closes)}."
            ) from None

    async def drained(self) -> None:
        """Wait until nothing that was asked is without an answer, and everybody has heard everything."""
        try:
            async with asyncio.timeout(PATIENCE):
                while any(client.outbox for client in self.clients) or not self._level():
                    await self.book.changes()
        except TimeoutError:
            self.book.fail(
                "not everything was answered or heard at the end: "
                + ", ".join(
                    f"{client.name} ({len(client.outbox)} waiting, at {client.view.last})"
                    for client in self.clients
                    if client.outbox
                )
                + f"; levels {[[client.view.last for client in room.clients] for room in self.rooms]}"
            )

    async def checked(self) -> Findings:
        """What the checker finds, everybody being back and level with the log.

        Somebody may come or go while it looks: what it finds then it looks for again. What is truly wrong stays so.
        """
        for look in range(LOOKS):
            if look:
                await self.recovered(asyncio.get_running_loop().time())
                await self.drained()
            checker = Checker(self.site.servers.database_url, self.rooms, self.book)
            found = await asyncio.to_thread(checker.check)
            if not found.wrong:
                break
        return found

    def _level(self) -> bool:
        return all(
            client.live and client.view.last == room.owner.view.last
            for room in self.rooms
            for client in room.clients
        )
