"""How much of their other rooms each connected person has not read, kept up to date by a word per room and second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from chat.signals import ReadMoved, Stirred
from helpers.database import Manager
from helpers.locks import Locks

# Of membership m in room r. What ignored people said is taken off the count for those alone who ignore somebody.
IGNORES = "EXISTS (SELECT FROM ignores i WHERE i.user_id = m.user_id)"
MARK = "greatest(m.read_seq, r.cleared_upto)"
HIDDEN = f"CASE WHEN {IGNORES} THEN unread_of_ignored(m.user_id, r.id, {MARK}) ELSE 0 END"
MENTIONS = f"""CASE WHEN {IGNORES} THEN unread_mentions(m.user_id, r.id, {MARK}) ELSE
    (SELECT count(*) FROM mentions n WHERE n.room_id = r.id AND n.user_id = m.user_id AND n.seq > {MARK}) END"""
STANDING = f"""SELECT m.user_id, m.room_id, r.slug, r.last_ordinal, greatest(m.read_ordinal, r.cleared_ordinal),
    {MENTIONS}, r.last_seq, {HIDDEN}, {IGNORES}
    FROM memberships m JOIN rooms r ON r.id = m.room_id WHERE m.is_member"""


ALL = 0
# In the place of a person: everybody is to be told, also that nothing waits any more.
ANEW = -1


@dataclass(slots=True)
class Standing:
    """Where one person stands in one room: messages there, messages read, and unread mentions of them.

    All mentions up to the number `seq` are counted, and they were `told` of so many messages. `hidden` of the unread
    messages are of people they ignore; where somebody `ignores` people, only the database knows how many. It `moved` so
    often by what was said or read.
    """

    slug: str
    ordinal: int
    read: int
    mentions: int
    seq: int = field(default=0, compare=False)
    hidden: int = 0
    ignores: bool = False
    told: int = field(default=-1, compare=False)
    moved: int = field(default=0, compare=False)

    @property
    def count(self) -> int:
        """How many messages are unread."""
        return max(0, self.ordinal - self.read - self.hidden)

    @property
    def waits(self) -> bool:
        """Whether anything is unread."""
        return bool(self.count or self.mentions)


class Unread:
    """The standing of everybody who is connected to this process, in every room of theirs.

    Where a newcomer stands is asked only when something is said that may concern them, for all newcomers at once.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._newcomers: set[int] = set()
        # Where something was said: for all newcomers, or for one of them.
        self._missed: set[tuple[int, int]] = set()
        self._welcoming = asyncio.Lock()
        self._counting: Locks[int] = Locks()
        self._people: dict[int, dict[int, Standing]] = {}
        self._members: dict[int, set[int]] = {}

    def follow(self, user_id: int) -> None:
        """From now on."""
        if user_id not in self._people:
            self._newcomers.add(user_id)

    def is_new(self, user_id: int) -> bool:
        """Whether nobody has asked yet where this person stands."""
        return user_id in self._newcomers

    def look_again(self, user_id: int, room_id: int) -> None:
        """What is known of a person is true no more: they are a newcomer again, who has missed something in a room."""
        if user_id in self._people or user_id in self._newcomers:
            self.forget(user_id)
            self._newcomers.add(user_id)
            self._missed.add((user_id, room_id))

    def look_everywhere(self, user_id: int) -> None:
        """The same of all their rooms."""
        self.look_again(user_id, ALL)

    @property
    def has_missed(self) -> bool:
        """Whether newcomers wait to be welcomed."""
        return bool(self._missed)

    async def welcome(self) -> list[tuple[int, int, Standing]]:
        """Ask where the newcomers stand, once more if anything is said meanwhile.

        Person, room, and where they stand there: of the rooms in which they missed something.
        """
        concerned: dict[tuple[int, int], Standing] = {}
        async with self._welcoming:
            while self._missed:
                missed, self._missed = self._missed, set()
                asked = list(self._newcomers)
                found: dict[int, dict[int, Standing]] = {user_id: {} for user_id in asked}
                rows = await self._manager.rows(f"{STANDING} AND m.user_id = ANY (%s::bigint[])", asked)
                for user_id, room_id, *rest in rows:
                    found[user_id][room_id] = Standing(*rest)
                    standing = found[user_id][room_id]
                    # What an ignored one said stirs the room, and for who ignores them nothing has happened.
                    stirred = (ALL, room_id) in missed and (standing.waits or not standing.ignores)
                    told = {(ANEW, room_id), (user_id, room_id), (user_id, ALL)}
                    if stirred or not missed.isdisjoint(told):
                        standing.told = standing.ordinal
                        concerned[user_id, room_id] = standing
                if not self._missed:
                    self._settle(found)
        return [(*where, standing) for where, standing in concerned.items()]

    def _settle(self, found: dict[int, dict[int, Standing]]) -> None:
        # Who has gone meanwhile is no newcomer any more.
        for user_id in self._newcomers & found.keys():
            self._newcomers.discard(user_id)
            self._people[user_id] = found[user_id]
            for room_id in found[user_id]:
                self._members.setdefault(room_id, set()).add(user_id)

    def forget(self, user_id: int) -> None:
        """Follow them no more."""
        self._newcomers.discard(user_id)
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
        if self._newcomers:
            self._missed.add((ANEW if stirred.anew else ALL, stirred.room_id))
        concerned: list[tuple[int, Standing]] = []
        for user_id in self.members(stirred.room_id):
            standing = self._people[user_id][stirred.room_id]
            # The database may have counted already what nobody was told of yet.
            if stirred.ordinal > standing.told:
                standing.ordinal = standing.told = max(standing.ordinal, stirred.ordinal)
                standing.mentions += sum(
                    who == user_id and seq > standing.seq for who, seq in stirred.mentioned
                )
                standing.seq = max(standing.seq, stirred.seq)
                standing.moved += 1
                concerned.append((user_id, standing))
        return concerned

    async def count_anew(self, room_id: int, people: Sequence[int] = ()) -> list[tuple[int, Standing]]:
        """Ask the database once for everybody followed here whose room it is, or for these people alone; and again for
        those who moved meanwhile, for the answer may be older.

        Who they are, and where they stand.
        """
        counted: list[tuple[int, Standing]] = []
        async with self._counting.of(room_id):
            asked = list(people or self.members(room_id))
            while asked:
                before = {user_id: self._mark(user_id, room_id) for user_id in asked}
                rows = await self._manager.rows(
                    f"{STANDING} AND m.room_id = %s AND m.user_id = ANY (%s::bigint[])", room_id, asked
                )
                asked = []
                for user_id, _, _, ordinal, read, mentions, seq, hidden, ignores in rows:
                    standing = self._people.get(user_id, {}).get(room_id)
                    if standing is None:
                        continue
                    if before[user_id] != self._mark(user_id, room_id):
                        asked.append(user_id)
                        continue
                    standing.ordinal = max(standing.ordinal, ordinal)
                    standing.read, standing.mentions, standing.seq = read, mentions, max(standing.seq, seq)
                    standing.hidden, standing.ignores = hidden, ignores
                    standing.told = standing.ordinal
                    counted.append((user_id, standing))
        return counted

    def _mark(self, user_id: int, room_id: int) -> tuple[Standing, int] | None:
        standing = self._people.get(user_id, {}).get(room_id)
        return (standing, standing.moved) if standing is not None else None

    def read(self, moved: ReadMoved) -> Standing | None:
        """Take in that somebody has read; where they stand now, if they are followed here."""
        standing = self._people.get(moved.user_id, {}).get(moved.room_id)
        if standing is not None and moved.ordinal >= standing.read:
            standing.read = moved.ordinal
            standing.moved += 1
            if standing.count == 0:
                standing.mentions = 0
        return standing
