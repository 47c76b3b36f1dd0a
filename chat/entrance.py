"""The look at whoever comes in: one question to the database for everybody who arrives at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from accounts.actions import load_user
from accounts.errors import NotSignedIn, Rests
from accounts.models import User
from accounts.rests import why_rests
from chat.errors import NoSuchRoom
from chat.members import MEMBER_COLUMNS, Member, admit, member_of, require_address
from chat.models import Room
from chat.notify import Level
from helpers.database import Manager
from helpers.line import Row
from helpers.together import Together

# By key, each for itself, however many there are. Of the room is told whoever came by its address.
STATEMENTS = {
    "look": f"""SELECT x.n::text, r.id::text, CASE WHEN x.slug IS NOT NULL THEN to_json(r)::text END,
            json_build_array({MEMBER_COLUMNS})::text, u.session_epoch::text,
            (coalesce(u.suspended_until, '-infinity') > now())::text,
            (SELECT json_agg(i.ignored_id ORDER BY i.ignored_id) FROM ignores i WHERE i.user_id = u.id)::text
        FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (user_id bigint, slug text, room_id bigint))
            WITH ORDINALITY AS x(user_id, slug, room_id, n)
        JOIN rooms r ON r.id = coalesce(x.room_id, (SELECT s.id FROM rooms s WHERE s.slug = x.slug),
            (SELECT o.room_id FROM room_slugs o WHERE o.slug = x.slug))
        JOIN users u ON u.id = x.user_id
        LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = u.id"""
}
MemberRow = tuple[
    int, str, bool, bool, bool, int, bool,
    datetime | None, datetime | None, datetime | None, str, str, int | None, int, int,
    Level, datetime | None, Level, datetime,
]  # fmt: skip
"""`MEMBER_COLUMNS` in JSON."""
MEMBERS = msgspec.json.Decoder(MemberRow)
IDS = msgspec.json.Decoder(list[int])


class Look(msgspec.Struct, frozen=True):
    """Who is looked for and in which room, by its address or by its number."""

    user_id: int
    slug: str | None = None
    room_id: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody as a room knows them now. `room` is there for whoever came by its address.

    `session_epoch` and `is_suspended` say whether the sessions they came with are good still; `ignored` are the ids of
    those they do not want to hear.
    """

    room: Room | None
    member: Member
    session_epoch: int
    is_suspended: bool
    ignored: Sequence[int] = ()

    def has_account(self, session_epoch: int) -> bool:
        """Whether they are signed in still who signed in when their epoch was this."""
        return not self.is_suspended and self.session_epoch == session_epoch


class Entrance:
    """Looks at everybody who comes into a room of this process."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._line = manager.line(STATEMENTS)
        self._trips = Together(self._look_at_all)

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    async def enter(self, user_id: int, session_epoch: int, slug: str) -> tuple[Room, Member]:
        """The room at this address, or at one it once had, and the user as its member, if they may come in.

        `session_epoch` is what the user's was when they signed in. A private room and none at all are refused alike.
        Raises NotSignedIn, Rests, NoSuchRoom, Banned, Removed.
        """
        require_address(slug)
        seen = await self._trips.ask(Look(user_id, slug=slug))
        if seen is None:
            # No such user, or no such room: people who are nobody learn that first.
            user = await load_user(self._manager, user_id)
            if user is None or user.is_suspended or user.session_epoch != session_epoch:
                raise await self._why_nobody(user)
            raise NoSuchRoom
        if not seen.has_account(session_epoch):
            raise await self._why_nobody(await load_user(self._manager, user_id))
        assert seen.room is not None
        admit(seen.room, seen.member)
        return seen.room, seen.member

    async def _why_nobody(self, user: User | None) -> NotSignedIn:
        if user is None or not user.is_suspended:
            return NotSignedIn()
        return Rests(await why_rests(self._manager, user))

    async def look_again(self, user_id: int, room_id: int) -> Seen | None:
        """The user as this room knows them now, or None for no such user or room."""
        return await self._trips.ask(Look(user_id, room_id=room_id))

    async def _look_at_all(self, looks: list[Look]) -> list[Seen | None]:
        asked = msgspec.json.encode(looks).decode()
        rows = await self._line.insist("look", asked)
        seen: list[Seen | None] = [None] * len(looks)
        rooms: dict[str, Room] = {}
        for row in rows:
            seen[int(row[0] or 0) - 1] = _seen(row, rooms)
        return seen


def _seen(row: Row, rooms: dict[str, Room]) -> Seen:
    _, room_id, stored, member, epoch, suspended, ignored = row
    assert room_id is not None
    assert member is not None
    assert epoch is not None
    if stored is not None and stored not in rooms:
        rooms[stored] = _room(stored)
    return Seen(
        None if stored is None else rooms[stored],
        member_of(int(room_id), MEMBERS.decode(member)),
        int(epoch),
        suspended == "true",
        IDS.decode(ignored) if ignored is not None else (),
    )


def _room(stored: str) -> Room:
    fields = msgspec.json.decode(stored)
    for name in ("created_at", "last_at"):
        fields[name] = datetime.fromisoformat(fields[name])
    return Room(**{**fields, "uuid": UUID(fields["uuid"])})
