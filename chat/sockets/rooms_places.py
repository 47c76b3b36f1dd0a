"""The rooms one connection of the multi-room protocol hears, gained and lost while it lives; in one of them it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from chat.actions import membership
from chat.connection import Connection
from chat.errors import NoSuchRoom
from chat.forbidden import Banned, Removed
from chat.members import Member, address_of, admit, enter, member_in, memberships_of
from chat.node import Node
from chat.presence import ANYWHERE, Mark
from chat.sockets.rooms_dialect import Seat, dialect
from chat.sockets.rooms_frames import room_added

NOT_FOR_YOU = (NoSuchRoom, Banned, Removed)


class Places:
    """A connection's seats in rooms, by room. Its user counts as being in the one that is `selected`, and in no other.

    With `whole`, everything that happens in the rooms is told, not only messages.
    """

    def __init__(self, node: Node, connection: Connection) -> None:
        self.whole = False
        self.selected: Seat | None = None
        self.seats: dict[int, Seat] = {}
        self._node = node
        self._connection = connection
        self._user_id = 0
        self._shown_out: set[int] = set()
        self._departing: asyncio.Task[None] | None = None
        # Rooms are gained and lost beside the frames of the client.
        self._moving = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, user_id: int) -> AsyncIterator[None]:
        """Hear every room of this user. What happens there is held until the end of the block."""
        async with self._moving:
            self._user_id = user_id
            await self._node.comings.mark(self._mark_anywhere)
            seats = await self._follow(0)
            yield
            for seat in seats:
                seat.release()

    async def leave(self, *, lost: bool, grace: bool) -> None:
        """Hear no room any more. `lost` and `grace` as in `Comings.depart`."""
        async with self._moving:
            await self._node.comings.unmark(self._mark_anywhere)
            self._user_id = 0
            self._shown_out.clear()
            seat, self.selected = self.selected, None
            if seat is not None:
                self._see_off(seat, lost=lost, grace=grace)
            for seat in tuple(self.seats.values()):
                await self._get_up(seat)

    def at(self, room: UUID | int | str) -> Seat | None:
        """The seat in the room with this uuid, number or address."""
        if isinstance(room, int):
            return self.seats.get(room)
        for seat in self.seats.values():
            if room in (seat.channel.room.uuid, seat.channel.room.slug):
                return seat
        return self.seats.get(int(room)) if isinstance(room, str) and room.isdigit() else None

    async def enter(self, room: UUID | int | str) -> Seat:
        """The seat in a room; in a public one there is one for whoever comes. Raises NoSuchRoom, Banned, Removed."""
        seat = self.at(room)
        if seat is not None:
            return seat
        manager, user_id = self._node.manager, self._user_id
        found, member = await enter(manager, user_id, await address_of(manager, room))
        member = await membership.join(self._node, found, member)
        async with self._moving:
            known = self.seats.get(found.id)
            if known is not None:
                return known
            seat = await self._sit(member)
            await self._stay(seat, await member_in(manager, found.id, user_id))
            self._shown_out.discard(found.id)
            seat.release()
        return seat

    async def select(self, seat: Seat) -> None:
        """Be in this room, and in no other any more. Raises NoSuchRoom where one was shown out meanwhile."""
        if self.selected is seat:
            return
        before, self.selected = self.selected, None
        if before is not None:
            self._see_off(before, lost=False, grace=False)
        if self._departing is not None:
            # The mark is the connection's: it must not be taken away after it was made anew.
            await asyncio.wait({self._departing})
        if self.seats.get(seat.channel.room.id) is not seat:
            raise NoSuchRoom
        self.selected, seat.is_here = seat, True
        await self._node.comings.arrive(self._mark(seat))

    async def look_again(self, room_id: int, *, is_member: bool) -> None:
        """The user became a member of a room, or is none any more; 0 stands for any room of theirs."""
        async with self._moving:
            if not self._user_id or self._connection.closing is not None:
                return
            seat = self.seats.get(room_id)
            if is_member:
                self._shown_out.discard(room_id)
                for gained in await self._follow(room_id):
                    if self.whole:
                        self._connection.send(room_added(gained.channel.room))
                    gained.release()
            elif seat is not None:
                self._lose(seat)

    async def _follow(self, room_id: int) -> list[Seat]:
        manager, user_id = self._node.manager, self._user_id
        fresh = [
            await self._sit(member)
            for member in await memberships_of(manager, user_id, room_id)
            if member.room_id not in self.seats and member.room_id not in self._shown_out
        ]
        now = {one.room_id: one for one in await memberships_of(manager, user_id, room_id)} if fresh else {}
        for seat in fresh:
            with suppress(*NOT_FOR_YOU):
                await self._stay(seat, now.get(seat.channel.room.id))
        return [seat for seat in fresh if self.seats.get(seat.channel.room.id) is seat]

    async def _sit(self, member: Member) -> Seat:
        channel = await self._node.hub.channel(member.room_id)
        voice = dialect(channel.room.id, channel.room.uuid, self.whole)
        seat = Seat(
            self._connection, member, voice, [], is_here=False, channel=channel, voice=voice, lost=self._lose
        )
        # From this line on nothing passes by unheard; it waits until whoever asked is answered.
        channel.listeners.add(seat)
        self.seats[channel.room.id] = seat
        return seat

    async def _stay(self, seat: Seat, member: Member | None) -> None:
        """Keep the seat if its user may be there still, now that nothing can be missed. Raises NOT_FOR_YOU."""
        try:
            if member is None or self.seats.get(seat.channel.room.id) is not seat:
                raise NoSuchRoom
            admit(seat.channel.room, member)
        except NOT_FOR_YOU:
            await self._get_up(seat)
            raise
        seat.member = member

    async def _get_up(self, seat: Seat) -> None:
        if self.seats.get(seat.channel.room.id) is seat:
            del self.seats[seat.channel.room.id]
        await self._node.hub.leave(seat.channel, seat)

    def _lose(self, seat: Seat) -> None:
        """Shown out: the room is heard no more, until its user comes again by an act of their own."""
        self._shown_out.add(seat.channel.room.id)
        if self.seats.get(seat.channel.room.id) is seat:
            del self.seats[seat.channel.room.id]
        self._node.tasks.once("leaving a room", self._get_up(seat))
        if self.selected is seat:
            self.selected = None
            self._see_off(seat, lost=False, grace=False)

    def _see_off(self, seat: Seat, *, lost: bool, grace: bool) -> None:
        seat.is_here = False
        self._departing = self._node.tasks.once("departing", self._depart(seat, lost=lost, grace=grace))

    async def _depart(self, seat: Seat, *, lost: bool, grace: bool) -> None:
        comings = self._node.comings
        if self._node.closing:
            # Nobody is called gone for a restart: the sweep looks who did not come back.
            await comings.unmark(self._mark(seat))
        else:
            await comings.depart(self._mark(seat), seat.member.person, lost=lost, grace=grace)

    @property
    def _mark_anywhere(self) -> Mark:
        # By it the processes are found that have to hear of a kick, whether or not one is where it happens.
        return ANYWHERE, self._user_id, self._connection.id

    def _mark(self, seat: Seat) -> Mark:
        return seat.channel.room.id, seat.member.user_id, self._connection.id
