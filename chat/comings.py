"""Comings and goings: marks in Redis become `joined` and `left` in the log, always in pairs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from redis.exceptions import RedisError

from chat.events import Here, MemberLeft, Person
from chat.log import Log
from chat.moves import Move, Moves
from chat.pace import Pace
from chat.presence import Mark, Presence
from helpers.database import Manager

log = logging.getLogger(__name__)

PRESENT = "SELECT room_id, user_id, present_since FROM memberships WHERE present_since IS NOT NULL"

ABSENT = """SELECT DISTINCT m.room_id, m.user_id, u.name
    FROM unnest(%s::bigint[], %s::bigint[]) AS x(room_id, user_id)
    JOIN memberships m USING (room_id, user_id) JOIN users u ON u.id = m.user_id
    WHERE m.present_since IS NULL AND (m.is_member OR u.is_guest)
      AND coalesce(greatest(m.out_until, m.banned_until), '-infinity') < now()"""


class Comings:
    """Records who comes and goes.

    The log is the truth of who was told to be here, Redis of who is; a sweep compares both, so that after the death of
    every process, or of Redis, each `joined` still gets its `left`.
    """

    def __init__(self, manager: Manager, moves: Moves, presence: Presence, pace: Pace) -> None:
        self._manager = manager
        self._moves = moves
        self._presence = presence
        self._pace = pace
        self._grace = pace.grace
        self._suspects: set[tuple[int, int, int]] = set()

    async def arrive(self, mark: Mark) -> None:
        """A connection came into a room: the first one of its user is recorded. Raises Unavailable."""
        await self.mark(mark)
        await self.come(*mark[:2])

    async def mark(self, mark: Mark) -> None:
        """A connection is in a room. Whoever looks after that, and finds that the log does not have its user there,
        says `come`.

        In this order: who says that somebody left looks for marks after saying so, and one of the two sees the other.
        """
        try:
            await self._presence.track([mark])
        except (RedisError, OSError) as error:
            log.warning("presence: a mark waits for Redis: %s", error)

    async def come(self, room_id: int, user_id: int) -> None:
        """Somebody with a mark is in a room: recorded, unless the log has them there. Raises Unavailable."""
        await self._moves.record(Move(room_id, user_id, comes=True))

    async def depart(self, mark: Mark, person: Person, *, lost: bool, grace: bool) -> None:
        """A connection left a room: the last one of a person is recorded, after a pause where they may be back.

        Nobody waits for a guest.
        """
        room_id, user_id, _ = mark
        try:
            await self._presence.untrack([mark])
            if grace and not person.guest:
                await asyncio.sleep(self._grace)
            if not any(await self._presence.count([(room_id, user_id)])):
                await self._see_out(room_id, user_id, lost=lost)
        except (RedisError, OSError) as error:
            log.warning("presence: the sweep will see who left: %s", error)

    async def unmark(self, mark: Mark) -> None:
        """Take a mark away and say nothing."""
        try:
            await self._presence.untrack([mark])
        except (RedisError, OSError) as error:
            log.warning("presence: a mark is left to expire: %s", error)

    async def _see_out(self, room_id: int, user_id: int, *, lost: bool) -> None:
        await self._moves.record(Move(room_id, user_id, comes=False, lost=lost))
        if any(await self._presence.count([(room_id, user_id)])):
            # Somebody came back between the look and the entry.
            await self.come(room_id, user_id)

    # -- healing -----------------------------------------------------------------------------------------------

    async def keep_marking(self, marks: Callable[[], Iterable[Mark]], again: asyncio.Event) -> None:
        """Renew this process's marks, at once when Redis was away or has forgotten."""
        while True:
            try:
                async with asyncio.timeout(self._pace.remark):
                    await again.wait()
                again.clear()
            except TimeoutError:
                pass
            try:
                await self._presence.track(marks())
                await self.heal(marks())
            except (RedisError, OSError) as error:
                log.warning("presence: marks wait for Redis: %s", error)

    async def heal(self, marks: Iterable[Mark]) -> None:
        """Whoever has a connection here and was called gone by mistake, of a clock or of a lost Redis, is here."""
        marks = list(marks)
        if not marks:
            return
        rows = await self._manager.rows(ABSENT, [mark[0] for mark in marks], [mark[1] for mark in marks])
        for room_id, _, name in rows:
            log.warning("presence: %s is in room %d all the same", name, room_id)
        await asyncio.gather(*(self.come(room_id, user_id) for room_id, user_id, _ in rows))

    async def keep_sweeping(self, remark: Callable[[], None]) -> None:
        """Every ten seconds one process compares what the log and the marks say."""
        while True:
            await asyncio.sleep(self._pace.sweep)
            try:
                if not await self._presence.is_known():
                    # Everybody says again who is here before anybody is called gone.
                    remark()
                    self._suspects.clear()
                    await asyncio.sleep(self._pace.settle)
                elif await self._presence.leads(3 * self._pace.sweep):
                    await self.sweep()
            except (RedisError, OSError) as error:
                log.warning("presence: no sweep without Redis: %s", error)

    async def sweep(self) -> None:
        """Whoever is here by the log, and by no mark in two sweeps, has left."""
        rows = await self._manager.rows(PRESENT)
        counts = await self._presence.count([(row[0], row[1]) for row in rows])
        missing = {row for row, count in zip(rows, counts, strict=True) if count == 0}
        gone, self._suspects = self._suspects & missing, missing
        await asyncio.gather(*(self._see_out(room_id, user_id, lost=True) for room_id, user_id, _ in gone))


async def leave(room: Log, person: Person, present_since: int) -> None:
    """Somebody is not here any more: recorded, or only told where the room does not record it.

    The nonce is made of their joining: whoever announces it, it happens once.
    """
    if room.room.set.comings_and_goings:
        await room.record(MemberLeft(by=person, user=person), nonce=f"~left/{present_since}")
    else:
        await room.mark_present(person, None)
        room.pass_on(Here([], [person]))
