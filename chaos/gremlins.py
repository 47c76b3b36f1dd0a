"""Faults that touch one client, made all the time by several hands at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from chaos.client import Client
from chaos.wire import DOWN, UP
from chaos.world import World

LONGEST_FRAME = {UP: 200, DOWN: 400}
CUT = {UP: "cut inside a frame going up", DOWN: "cut inside a frame coming down"}
KINDS = (
    *CUT.values(),
    "reset",
    "closed in order",
    "silence",
    "stalled reader",
    "slow line",
)
SOON = 3.0
LONGEST_ABSENCE = 60.0


class Gremlins:
    """They choose a client and spoil its line, every so often. `every` counts seconds.

    `places` is where the last frame was cut, by direction: shared by all hands, so that every byte has its turn.
    """

    def __init__(
        self, world: World, rng: random.Random, every: float, most: int, places: Counter[str]
    ) -> None:
        self._world = world
        self._rng = rng
        self._every = every
        self.left = most
        self._places = places

    async def saw(self, direction: str, bytes_: int) -> None:
        """Cut one client's line after the first byte of a frame, the second, the third … up to so many."""
        client = self._rng.choice(self._world.clients)
        for place in range(1, bytes_ + 1):
            while not client.live:
                await self._world.book.changes()
            returns = client.returns
            client.wire.cut_after(direction, place)
            # Longer than where it is cut, so that it is cut.
            words = f"{client.room} sawn {direction} at {place} {self._rng.random()} "
            await client.send("say", text=words.ljust(place, "x") + "x")
            self._world.book.note(f"wire: {CUT[direction]}", await self._absence(client, returns))
            self._places[direction] = place

    async def run(self) -> None:
        """Spoil, until told to stop or all was done."""
        while self.left > 0:
            await asyncio.sleep(self._rng.random() * 2 * self._every)
            client = self._rng.choice(self._world.clients)
            if not client.live:
                continue
            kind = self._rng.choice(KINDS)
            self.left -= 1
            returns = client.returns
            await self._spoil(kind, client)
            self._world.book.note(f"wire: {kind}", await self._absence(client, returns))

    async def _spoil(self, kind: str, client: Client) -> None:
        wire = client.wire
        match kind:
            case "cut inside a frame going up":
                wire.cut_after(UP, self._next_place(UP))
            case "cut inside a frame coming down":
                wire.cut_after(DOWN, self._next_place(DOWN))
            case "reset":
                wire.cut()
            case "closed in order":
                await client.close_for(self._rng.random() * 2)
            case "silence":
                wire.silent = True
                await asyncio.sleep(1 + 2 * self._rng.random())
                wire.cut()
                wire.silent = False
            case "stalled reader":
                wire.stall(True)
                await asyncio.sleep(1 + 3 * self._rng.random())
                wire.stall(False)
            case "slow line":
                wire.delay = 0.05 + 0.2 * self._rng.random()
                await asyncio.sleep(1 + 2 * self._rng.random())
                wire.delay = 0.0

    def _next_place(self, direction: str) -> int:
        self._places[direction] = self._places[direction] % LONGEST_FRAME[direction] + 1
        return self._places[direction]

    async def _absence(self, client: Client, returns: int) -> float:
        """How long the client was away for it; none where the line held."""
        try:
            async with asyncio.timeout(SOON):
                while client.live and client.returns == returns:
                    await self._world.book.changes()
            async with asyncio.timeout(LONGEST_ABSENCE):
                while client.returns == returns:
                    await self._world.book.changes()
        except TimeoutError:
            return 0.0 if client.live else LONGEST_ABSENCE
        return client.last_away
