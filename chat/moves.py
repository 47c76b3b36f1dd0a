"""How comings and goings get into the logs: everybody who comes or goes at the same time, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import msgspec
import peewee

from chat.errors import Unavailable
from chat.events import Batch, Event, Here, MemberJoined, MemberLeft, Person
from helpers.database import Manager
from helpers.line import Line, Row
from helpers.together import Together

log = logging.getLogger(__name__)

STATEMENTS = {
    "come_and_go": "SELECT verdict, seq::text, extract(epoch FROM at)::text, name, guest::text "
    "FROM come_and_go($1::jsonb, $2::boolean)"
}
LOCKED = "locked"


class Move(msgspec.Struct, frozen=True):
    """Somebody comes into a room or leaves it; `lost` when their line broke."""

    room_id: int
    user_id: int
    comes: bool
    lost: bool = False


class Moves:
    """Writes who comes and who goes, and tells it once it is kept.

    Whoever is here already does not come, and who is not here does not go: a move asked for twice happens once.
    """

    def __init__(self, manager: Manager, tell: Callable[[Batch], None]) -> None:
        self._tell = tell
        self._line = manager.line(STATEMENTS)
        self._patient_line = manager.lines(STATEMENTS)
        self._trips = Together(self._keep_at_once)
        self._patient_trips: WeakValueDictionary[int, Together[Move, str]] = WeakValueDictionary()

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    async def record(self, move: Move) -> None:
        """Keep a move, if it is one; where the room records no comings and goings it is only told.

        Raises Unavailable.
        """
        if await self._trips.ask(move) == LOCKED:
            # Somebody acts there for longer. Whoever else waits for that room waits with us, the others do not.
            await self._waiting_for(move.room_id).ask(move)

    def _waiting_for(self, room_id: int) -> Together[Move, str]:
        trips = self._patient_trips.get(room_id)
        if trips is None:
            trips = self._patient_trips[room_id] = Together(self._keep_patiently)
        return trips

    async def _keep_at_once(self, moves: list[Move]) -> list[str]:
        return await self._keep(moves, self._line, "f")

    async def _keep_patiently(self, moves: list[Move]) -> list[str]:
        return await self._keep(moves, self._patient_line, "t")

    async def _keep(self, moves: list[Move], line: Line, waits: str) -> list[str]:
        verdicts = [""] * len(moves)
        places = list(range(len(moves)))
        while places:
            # One move of a person in a room at a time: their next one begins where this one ends.
            turn = {(moves[place].room_id, moves[place].user_id): place for place in reversed(places)}
            now = sorted(turn.values())
            rows = await self._ask([moves[place] for place in now], line, waits)
            for place, row in zip(now, rows, strict=True):
                verdicts[place] = row[0] or ""
            self._tell_all([moves[place] for place in now], rows)
            places = [place for place in places if not verdicts[place]]
        return verdicts

    async def _ask(self, moves: list[Move], line: Line, waits: str) -> list[Row]:
        asked = msgspec.json.encode(moves).decode()
        try:
            # Perhaps it was kept before the line broke: then it is no move any more, and who listens finds it in the
            # log.
            return await line.insist("come_and_go", asked, waits)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            log.warning("moves: %d were not kept: %s", len(moves), error)
            raise Unavailable from error

    def _tell_all(self, moves: list[Move], rows: list[Row]) -> None:
        told: dict[int, list[Event]] = {}
        for move, row in zip(moves, rows, strict=True):
            event = event_of(move, row)
            if event is not None:
                told.setdefault(move.room_id, []).append(event)
        for room_id, events in told.items():
            try:
                self._tell(Batch(room_id, events))
            except Exception:
                # It is kept: readers find it when they look where the log ends.
                log.exception("moves: what was kept in room %d could not be told", room_id)


def event_of(move: Move, row: Row) -> Event | None:
    """What is told of a move, by the database's answer; None where it was none."""
    verdict, seq, at, name, guest = row
    if verdict not in ("recorded", "told"):
        return None
    assert at is not None
    assert name is not None
    person = Person(move.user_id, name, guest == "true")
    if verdict == "told":
        return Here([person], []) if move.comes else Here([], [person])
    assert seq is not None
    number, moment = int(seq), datetime.fromtimestamp(float(at), UTC)
    if move.comes:
        return MemberJoined(seq=number, at=moment, by=person, user=person)
    return MemberLeft(seq=number, at=moment, by=person, user=person, lost=move.lost)
