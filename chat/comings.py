"""Comings and goings: marks in Redis become `joined` and `left` in the log, always in pairs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from redis.exceptions import RedisError

from chat.errors import NoSuchRoom
from chat.events import Here, MemberJoined, MemberLeft, Person
from chat.journal import Journal
from chat.log import Log
from chat.presence import REFRESH, Mark, Presence
from helpers.database import Manager

log = logging.getLogger(__name__)

GRACE = 10.0
SWEEP = 10
SETTLE = 30
PRESENT = """SELECT m.room_id, m.user_id, m.present_since, u.name, u.is_guest
    FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.present_since IS NOT NULL"""


class Comings:
    """Records who comes and goes.

    The log is the truth of who was told to be here, Redis of who is; a sweep compares both, so that after the death of
    every process, or of Redis, each `joined` still gets its `left`. `pass_on` tells what a room does not record.
    """

    def __init__(
        self,
        manager: Manager,
        journal: Journal,
        presence: Presence,
        pass_on: Callable[[int, Here], None],
        grace: float = GRACE,
    ) -> None:
        self._manager = manager
        self._journal = journal
        self._presence = presence
        self._pass_on = pass_on
        self._grace = grace
        self._suspects: set[tuple[int, int, int]] = set()

    async def arrive(self, mark: Mark, person: Person, *, known: bool) -> None:
        """A connection came into a room: the first one of a person is recorded.

        `known` says that the log has them here already.
        """
        try:
            await self._presence.track([mark])
        except (RedisError, OSError) as error:
            log.warning("presence: a mark waits for Redis: %s", error)
        if not known:
            await self._record_joined(mark[0], person)

    async def depart(self, mark: Mark, person: Person, *, lost: bool, grace: bool) -> None:
        """A connection left a room: the last one of a person is recorded, after a pause where they may be back."""
        room_id, user_id, _ = mark
        try:
            await self._presence.untrack([mark])
            if grace:
                await asyncio.sleep(self._grace)
            if any(await self._presence.count([(room_id, user_id)])):
                return
        except (RedisError, OSError) as error:
            log.warning("presence: the sweep will see who left: %s", error)
            return
        await self._record_left(room_id, person, lost=lost)
        if any(await self._presence.count([(room_id, user_id)])):
            # Somebody came back between the look and the entry.
            await self._record_joined(room_id, person)

    async def unmark(self, mark: Mark) -> None:
        """Take a mark away and say nothing."""
        try:
            await self._presence.untrack([mark])
        except (RedisError, OSError) as error:
            log.warning("presence: a mark is left to expire: %s", error)

    async def _record_joined(self, room_id: int, person: Person) -> None:
        here: Here | None = None
        async with self._journal.transaction(room_id) as room:
            member = await room.member(person.id)
            if member.present_since is not None:
                return
            if room.room.set.comings_and_goings:
                await room.record(MemberJoined(by=member.person, user=member.person))
            else:
                await self._set_present(room, person.id, room.room.last_seq)
                here = Here([member.person], [])
        if here is not None:
            self._pass_on(room_id, here)

    async def _record_left(self, room_id: int, person: Person, *, lost: bool) -> None:
        here: Here | None = None
        async with self._journal.transaction(room_id) as room:
            member = await room.member(person.id)
            if member.present_since is None:
                return
            if room.room.set.comings_and_goings:
                await leave(room, member.person, member.present_since, lost=lost)
            else:
                await self._set_present(room, person.id, None)
                here = Here([], [member.person])
        if here is not None:
            self._pass_on(room_id, here)

    async def _set_present(self, room: Log, user_id: int, since: int | None) -> None:
        await self._manager.execute(
            "UPDATE memberships SET present_since = %s WHERE room_id = %s AND user_id = %s",
            since,
            room.room.id,
            user_id,
        )

    # -- healing ---------------------------------------------------------------------------------------------

    async def keep_marking(self, marks: Callable[[], Iterable[Mark]], again: asyncio.Event) -> None:
        """Renew this process's marks, at once when Redis was away or has forgotten."""
        while True:
            try:
                async with asyncio.timeout(REFRESH):
                    await again.wait()
                again.clear()
            except TimeoutError:
                pass
            try:
                await self._presence.track(marks())
            except (RedisError, OSError) as error:
                log.warning("presence: marks wait for Redis: %s", error)

    async def keep_sweeping(self, remark: Callable[[], None]) -> None:
        """Every ten seconds one process compares what the log and the marks say."""
        while True:
            await asyncio.sleep(SWEEP)
            try:
                if not await self._presence.is_known():
                    # Everybody says again who is here before anybody is called gone.
                    remark()
                    self._suspects.clear()
                    await asyncio.sleep(SETTLE)
                elif await self._presence.leads(3 * SWEEP):
                    await self.sweep()
            except (RedisError, OSError) as error:
                log.warning("presence: no sweep without Redis: %s", error)

    async def sweep(self) -> None:
        """Whoever is here by the log, and by no mark in two sweeps, has left."""
        rows = await self._manager.rows(PRESENT)
        counts = await self._presence.count([(row[0], row[1]) for row in rows])
        missing = {
            (row[0], row[1], row[2]): row for row, count in zip(rows, counts, strict=True) if count == 0
        }
        for suspect in self._suspects & missing.keys():
            room_id, user_id, _, name, guest = missing[suspect]
            try:
                await self._record_left(room_id, Person(user_id, name, guest), lost=True)
            except NoSuchRoom:
                log.info("presence: room %d is gone", room_id)
        self._suspects = set(missing)


async def leave(room: Log, person: Person, present_since: int, *, lost: bool = False) -> None:
    """Record that somebody left. The nonce is made of their joining: whoever announces it, it happens once."""
    await room.record(MemberLeft(by=person, user=person, lost=lost), nonce=f"~left/{present_since}")
