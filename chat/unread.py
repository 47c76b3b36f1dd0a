"""How much of their other rooms each connected person has not read, kept up to date by a word per room and second."""

from __future__ import annotations

from dataclasses import dataclass

from chat.signals import ReadMoved, Stirred
from helpers.database import Manager

STANDING = """SELECT m.user_id, m.room_id, r.slug, r.last_ordinal, greatest(m.read_ordinal, r.cleared_ordinal),
    (SELECT count(*) FROM mentions n WHERE n.room_id = m.room_id AND n.user_id = m.user_id
        AND n.seq > greatest(m.read_seq, r.cleared_upto))
    FROM memberships m JOIN rooms r ON r.id = m.room_id WHERE m.is_member"""


@dataclass(slots=True)
class Standing:
    """Where one person stands in one room: messages there, messages read, and unread mentions of them."""

    slug: str
    ordinal: int
    read: int
    mentions: int

    @property
    def count(self) -> int:
        """How many messages are unread."""
        return max(0, self.ordinal - self.read)


class Unread:
    """The standing of everybody who is connected to this process, in every room of theirs."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._people: dict[int, dict[int, Standing]] = {}
        self._members: dict[int, set[int]] = {}

    async def watch(self, user_id: int) -> dict[int, Standing]:
        """Begin, or begin anew, to follow this person's rooms: where they stand, by room."""
        rows = await self._manager.rows(f"{STANDING} AND m.user_id = %s", user_id)
        self.forget(user_id)
        self._people[user_id] = {room_id: Standing(*rest) for _, room_id, *rest in rows}
        for room_id in self._people[user_id]:
            self._members.setdefault(room_id, set()).add(user_id)
        return self._people[user_id]

    def forget(self, user_id: int) -> None:
        """Follow them no more."""
        for room_id in self._people.pop(user_id, {}):
            members = self._members.get(room_id)
            if members is not None:
                members.discard(user_id)
                if not members:
                    del self._members[room_id]

    def members(self, room_id: int) -> tuple[int, ...]:
        """Those followed here whose room it is."""
        return tuple(self._members.get(room_id, ()))

    def stir(self, stirred: Stirred) -> list[tuple[int, Standing]]:
        """Take in that something was said; the people here whom it concerns, and where they stand now."""
        concerned: list[tuple[int, Standing]] = []
        for user_id in self.members(stirred.room_id):
            standing = self._people[user_id][stirred.room_id]
            if stirred.ordinal > standing.ordinal:
                standing.ordinal = stirred.ordinal
                standing.mentions += stirred.mentioned.count(user_id)
                concerned.append((user_id, standing))
        return concerned

    async def count_anew(self, room_id: int) -> list[tuple[int, Standing]]:
        """Ask the database once for everybody followed here whose room it is; who they are, and where they stand."""
        rows = await self._manager.rows(
            f"{STANDING} AND m.room_id = %s AND m.user_id = ANY (%s::bigint[])",
            room_id,
            list(self.members(room_id)),
        )
        counted: list[tuple[int, Standing]] = []
        for user_id, _, _, ordinal, read, mentions in rows:
            standing = self._people.get(user_id, {}).get(room_id)
            if standing is not None:
                standing.ordinal = max(standing.ordinal, ordinal)
                standing.read, standing.mentions = read, mentions
                counted.append((user_id, standing))
        return counted

    def read(self, moved: ReadMoved) -> Standing | None:
        """Take in that somebody has read; where they stand now, if they are followed here."""
        standing = self._people.get(moved.user_id, {}).get(moved.room_id)
        if standing is not None and moved.ordinal >= standing.read:
            standing.read = moved.ordinal
            if standing.count == 0:
                standing.mentions = 0
        return standing
