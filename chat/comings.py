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
from chat.pace import Pace
from chat.presence import Mark, Presence
from helpers.database import Manager

log = logging.getLogger(__name__)

PRESENT = """SELECT m.room_id, m.user_id, m.present_since, u.name, u.is_guest
    FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.present_since IS NOT NULL"""

ABSENT = """SELECT DISTINCT m.room_id, m.user_id, u.name, u.is_guest
    FROM unnest(%s::bigint[], %s::bigint[]) AS x(room_id, user_id)
    JOIN memberships m USING (room_id, user_id) JOIN users u ON u.id = m.user_id
    WHERE m.present_since IS NULL AND (m.is_member OR u.is_guest)
      AND coalesce(greatest(m.out_until, m.banned_until), '-infinity') < now()"""


class Comings:
    """Records who comes and goes.

    The log is the truth of who was told to be here, Redis of who is; a sweep compares both, so that after the death of
    every process, or of Redis, each `joined` still gets its `left`.
    """

    def __init__(self, manager: Manager, journal: Journal, presence: Presence, pace: Pace) -> None:
        self._manager = manager
        self._journal = journal
        self._presence = presence
        self._pace = pace
        self._grace = pace.grace
        self._suspects: set[tuple[int, int, int]] = set()
        self._marking = asyncio.Lock()

    async def arrive(self, mark: Mark, person: Person, *, known: bool) -> None:
        """A connection came into a room: the first one of a person is recorded.

        `known` says that the log had them here a moment ago.
        """
        try:
            await self._presence.track([mark])
        except (RedisError, OSError) as error:
            log.warning("presence: a mark waits for Redis: %s", error)
        # Whoever says that they left looks for marks after saying so: one of us two sees the other.
        if not known or not await self._is_present(mark[0], person):
            await self._record_joined(mark[0], person)

    async def depart(self, mark: Mark, person: Person, *, lost: bool, grace: bool) -> None:
        """A connection left a room: the last one of a person is recorded, after a pause where they may be back.

        Nobody waits for a guest.
        """
        room_id, user_id, _ = mark
        try:
            await self._untrack(mark)
            if grace and not person.guest:
                await asyncio.sleep(self._grace)
            if not any(await self._presence.count([(room_id, user_id)])):
                await self._see_out(room_id, person, lost=lost)
        except (RedisError, OSError) as error:
            log.warning("presence: the sweep will see who left: %s", error)

    async def unmark(self, mark: Mark) -> None:
        """Take a mark away and say nothing."""
        try:
            await self._untrack(mark)
        except (RedisError, OSError) as error:
            log.warning("presence: a mark is left to expire: %s", error)

    async def _untrack(self, mark: Mark) -> None:
        # Not while all marks are being renewed, or this one would come back.
        async with self._marking:
            await self._presence.untrack([mark])

    async def _see_out(self, room_id: int, person: Person, *, lost: bool) -> None:
        await self._record_left(room_id, person, lost=lost)
        if any(await self._presence.count([(room_id, person.id)])):
            # Somebody came back between the look and the entry.
            await self._record_joined(room_id, person)

    async def _is_present(self, room_id: int, person: Person) -> bool:
        since = await self._manager.value(
            "SELECT present_since FROM memberships WHERE room_id = %s AND user_id = %s", room_id, person.id
        )
        return since is not None

    async def _record_joined(self, room_id: int, person: Person) -> None:
        async with self._journal.transaction(room_id) as room:
            member = await room.member(person.id)
            if member.present_since is not None:
                return
            if room.room.set.comings_and_goings:
                await room.record(MemberJoined(by=member.person, user=member.person))
            else:
                await room.mark_present(member.person, room.room.last_seq)
                room.pass_on(Here([member.person], []))

    async def _record_left(self, room_id: int, person: Person, *, lost: bool) -> None:
        async with self._journal.transaction(room_id) as room:
            member = await room.member(person.id)
            if member.present_since is not None:
                await leave(room, member.person, member.present_since, lost=lost)

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
                async with self._marking:
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
        for room_id, user_id, name, guest in rows:
            log.warning("presence: %s is in room %d all the same", name, room_id)
            await self._record_joined(room_id, Person(user_id, name, guest))

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
        missing = {
            (row[0], row[1], row[2]): row for row, count in zip(rows, counts, strict=True) if count == 0
        }
        for suspect in self._suspects & missing.keys():
            room_id, user_id, _, name, guest = missing[suspect]
            try:
                await self._see_out(room_id, Person(user_id, name, guest), lost=True)
            except NoSuchRoom:
                log.info("presence: room %d is gone", room_id)
        self._suspects = set(missing)


async def leave(room: Log, person: Person, present_since: int, *, lost: bool = False) -> None:
    """Somebody is not here any more: recorded, or only told where the room does not record it.

    The nonce is made of their joining: whoever announces it, it happens once.
    """
    if room.room.set.comings_and_goings:
        await room.record(MemberLeft(by=person, user=person, lost=lost), nonce=f"~left/{present_since}")
    else:
        await room.mark_present(person, None)
        room.pass_on(Here([], [person]))
