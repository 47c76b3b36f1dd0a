"""Faults that touch one client, made all the time by several hands at once."""

from __future__ import annotations

import asyncio
import random

from chaos.client import Client
from chaos.wire import DOWN, UP
from chaos.world import World

KINDS = (
    "cut inside a frame going up",
    "cut inside a frame coming down",
    "reset",
    "closed in order",
    "silence",
    "stalled reader",
    "slow line",
)
LONGEST_FRAME = 400
SOON = 3.0
LONGEST_ABSENCE = 60.0


class Gremlins:
    """They choose a client and spoil its line, every so often. `every` counts seconds."""

    def __init__(self, world: World, rng: random.Random, every: float, most: int) -> None:
        self._world = world
        self._rng = rng
        self._every = every
        self.left = most
        self._byte = 0

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
                # Byte after byte in turn, so that every place of a frame has its cut.
                self._byte = self._byte % LONGEST_FRAME + 1
                wire.cut_after(UP, self._byte)
            case "cut inside a frame coming down":
                self._byte = self._byte % LONGEST_FRAME + 1
                wire.cut_after(DOWN, self._byte)
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
