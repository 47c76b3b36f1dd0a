"""Everybody's status in this process's memory, so that who comes in is shown with theirs and nobody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chat.events import Person
from chat.status import NOTHING, Status
from helpers.database import Manager

STATUS_COLUMNS = "s.presence, s.why, s.until, s.emoji, s.text, s.text_until"
# Those who say nothing now are asked for only where something is remembered of them.
KEPT = f"""SELECT u.id, u.name, u.is_guest, s.version, {STATUS_COLUMNS}
    FROM statuses s JOIN users u ON u.id = s.user_id
    WHERE s.presence <> '' OR s.emoji <> '' OR s.text <> '' OR s.user_id = ANY (%s::bigint[])"""


class Statuses:
    """Who has which status, site-wide: read when the process starts, and kept up to date by what processes tell.

    A change carries the version its row had; what is older than what is known is passed over.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._known: dict[int, tuple[int, Status]] = {}

    def of(self, user_id: int) -> Status:
        """What holds of somebody now."""
        if user_id not in self._known:
            return NOTHING
        return self._known[user_id][1].at(datetime.now(UTC))

    def take(self, user_id: int, version: int, status: Status) -> bool:
        """Take in a change; False where a later one is known already."""
        if user_id in self._known and self._known[user_id][0] >= version:
            return False
        self._known[user_id] = version, status
        return True

    def forget(self) -> None:
        """Nothing is known any more: the tables were put back from a backup."""
        self._known.clear()

    async def read(self) -> list[tuple[Person, Status]]:
        """Read them all; those who have another than was known."""
        rows = await self._manager.rows(KEPT, list(self._known))
        return [
            (Person(user_id, name, guest), status_of(columns))
            for user_id, name, guest, version, *columns in rows
            if self.take(user_id, version, status_of(columns))
        ]


def status_of(columns: list[Any]) -> Status:
    """A status from `STATUS_COLUMNS`."""
    presence, why, until, emoji, text, text_until = columns
    return Status(presence, why, _utc(until), emoji, text, _utc(text_until))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None
