"""What the clients do all the time: they say, edit, remove, type commands, in a seeded mixture."""

from __future__ import annotations

import asyncio
import random

from chaos.client import Client
from chaos.people import Room

MOST_WAITING = 6


class Talk:
    """Keeps a room talking, `pace` things a second, until `entries` were asked for and `enough` is set."""

    def __init__(
        self, room: Room, rng: random.Random, entries: int, pace: float, enough: asyncio.Event
    ) -> None:
        self.room = room
        self.left = entries
        self._rng = rng
        self._pace = pace
        self._enough = enough
        self._said: dict[str, list[int]] = {}
        self._count = 0

    async def run(self) -> None:
        """Talk."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.left > 0 or not self._enough.is_set():
            due = max(due + 1 / self._pace, loop.time() - 1)
            await asyncio.sleep(max(0, due - loop.time()))
            client = self._rng.choice(self.room.clients)
            if client.live and len(client.outbox) < MOST_WAITING:
                self.left -= 1
                await self._do_something(client)

    async def _do_something(self, client: Client) -> None:
        self._count += 1
        words = f"{self.room.slug} {self._count} {self._rng.randbytes(self._rng.choice((4, 16, 120))).hex()}"
        mine = [seq for seq in list(client.view.nonces)[-40:] if client.view.texts.get(seq)]
        chance = self._rng.random()
        if chance < 0.06 and mine:
            await client.send("edit", target=self._rng.choice(mine), text=f"{words} edited")
        elif chance < 0.10 and mine:
            await client.send("remove", target=self._rng.choice(mine))
        elif chance < 0.12:
            await client.send("say", text=f"/me {words}")
        elif chance < 0.13:
            await client.send("say", text="/who")
        elif chance < 0.135 and client is self.room.owner:
            await client.send("say", text=f"/topic {words[:200]}")
        else:
            await client.send("say", text=words)
