"""Rooms of nicks, `GET /chat`: guests of one room at a time; docs/protocols/nicks.md is written for its clients."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from chat.actions import guests
from chat.actions.named_rooms import START, BadRoomName, people_in
from chat.channel import Channel
from chat.connection import CloseCode
from chat.errors import Busy, Empty, NoSuchRoom
from chat.guests import Guest
from chat.input import say
from chat.keys import GUESTS, NODE
from chat.members import member_in
from chat.node import Node
from chat.presence import Mark
from chat.sockets.nick_dialect import Doorway, GuestListener, NickDialect, answer, frame
from chat.sockets.room import NoHandshake
from chat.sockets.socket import Socket, refusal_of
from helpers.errors import AppError
from helpers.middlewares import welcomes_origins

log = logging.getLogger(__name__)

Request = dict[str, msgspec.Raw]

REQUESTS = msgspec.json.Decoder(Request)
NULL = msgspec.Raw(b"null")
NOT_ALLOWED = "Not allowed."
JOIN_WITHIN = 5.0


class GuestsOff(AppError):
    """This site is for people with accounts."""

    code = "disabled"
    message = "Guests are not let in on this site. Its admin can change that by AIOCHAT_GUESTS=on."
    status = 403


class Misfit(AppError):
    """A frame that is no request: not JSON, no object, or a field is not what it should be."""

    code = "bad_request"
    message = "{sentence}"

    def __init__(self, sentence: str = NOT_ALLOWED) -> None:
        super().__init__(sentence=sentence)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a guest sits: in one room at a time."""

    channel: Channel
    listener: GuestListener
    mark: Mark


@welcomes_origins("allowed")
async def nick_socket(request: web.Request) -> web.StreamResponse:
    """`GET /chat`: whoever comes is a guest, whatever cookies they carry.

    Raises, before the 101, GuestsOff, NoHandshake, Busy, TooManyGuests, RateLimited, Removed, Unavailable.
    """
    node = request.config_dict[NODE]
    if not request.config_dict[GUESTS]:
        raise GuestsOff
    if not web.WebSocketResponse().can_prepare(request):
        raise NoHandshake
    if node.closing:
        raise Busy
    limits = node.limits
    with node.guests.door(
        request.remote, most=limits.guests, rate=limits.rate, burst=limits.burst
    ) as address:
        conversation = NickConversation(node, await guests.come(node, address))
        try:
            return await conversation.hold(request)
        finally:
            # Beside this request, for that may be cut short where its line is.
            await asyncio.shield(node.tasks.once("a guest goes", conversation.go()))


def farewell(code: CloseCode, reason: str) -> tuple[bytes, int, str]:
    """A server that stops says so by the code of old."""
    return b"", CloseCode.GOING_AWAY if code is CloseCode.RESTART else code, reason


class NickConversation:
    """One guest, from the handshake to the end."""

    def __init__(self, node: Node, guest: Guest) -> None:
        self.node = node
        self.guest = guest
        self.socket = Socket(node, guest.person, farewell=farewell)
        # The last one is where they are; on the way from room to room there are two.
        self.seats: list[Seat] = []
        # Their name may be taken from them while they change it themselves.
        self._alone = asyncio.Lock()
        guest.loses_name = self._lose_name

    async def hold(self, request: web.Request) -> web.StreamResponse:
        """Greet, hear, and see out."""
        self.connection = await self.socket.open(request, None, lambda *_: None)
        strangers = self.node.hub.audience.strangers
        strangers.add(self.connection)
        try:
            await self._take_part()
        finally:
            strangers.discard(self.connection)
        return self.socket.response

    async def _take_part(self) -> None:
        name = self.guest.person.name
        greeting = frame("connecting", room=START, user=name) + frame("join", user=name, room=START)
        try:
            seat = await self._sit_down(self.guest.room_id, greeting)
            await self.node.comings.arrive(seat.mark)
            await self._settle(seat)
            await self.socket.listen(self._hear, self._refuse)
        except Exception as error:  # noqa: BLE001 -- it is told here, and written down where nobody foresaw it
            refused = refusal_of(error)
            self._refuse(refused, None)
            self.connection.close(CloseCode.TRY_AGAIN, refused.text)
            await self.socket.listen(self._hear, self._refuse)

    async def go(self) -> None:
        """They have gone: those in the room hear it, and how."""
        for seat in self.seats:
            await self.node.hub.leave(seat.channel, seat.listener)
            await guests.give_up_name(self.node, self.guest, seat.channel.room.id)
            try:
                await self.node.comings.depart(
                    seat.mark, self.guest.person, lost=self.socket.was_lost, grace=False
                )
            except AppError as error:
                log.warning("guests: the sweep will see that %s left: %s", self.guest.person.name, error)
        await guests.go(self.node, self.guest)
        # They lead back here.
        self.seats.clear()
        self.guest.loses_name = lambda: None

    async def _sit_down(self, room_id: int, greeting: bytes) -> Seat:
        user_id = self.guest.person.id
        member = await member_in(self.node.manager, room_id, user_id)
        if member is None:
            raise NoSuchRoom
        channel = await self.node.hub.channel(room_id)
        if channel.room.set.history_from_join:
            # They are a member of nothing, so nobody wrote down when they came.
            member.floor = max(member.floor, channel.heard + 1)
        # From this line on nothing passes by unheard.
        doorway = Doorway(NickDialect(channel), user_id, greeting)
        listener = GuestListener(self.connection, member, doorway, shown_out=self._shown_out)
        channel.listeners.add(listener)
        self.seats.append(Seat(channel, listener, (room_id, user_id, self.connection.id)))
        return self.seats[-1]

    async def _settle(self, seat: Seat) -> None:
        """Wait until the greeting is out: their joining may be told a little after it was kept."""
        doorway = seat.listener.dialect
        assert isinstance(doorway, Doorway)
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await doorway.opened.wait()
        except TimeoutError:
            # It was told already, by a process that thought them gone by mistake.
            self.connection.send(doorway.open())
        seat.channel.listeners.turn(seat.listener, doorway.dialect)

    def _shown_out(self) -> None:
        self.node.tasks.once("shutting a guest out", guests.show_out(self.node, self.guest))

    def _lose_name(self) -> None:
        self.node.tasks.once("a guest loses their name", self._take_another())

    async def _take_another(self) -> None:
        async with self._alone:
            if self.connection.closing is None:
                await guests.rename_by_chance(self.node, self.guest)

    # -- what comes in -----------------------------------------------------------------------------------------

    async def _hear(self, data: str) -> None:
        request = read(data)
        action = request.get("action", NULL)
        try:
            guests.require_quiet(self.node, self.guest)
            async with self._alone:
                await self._do(action, request)
        except Exception as error:
            # Told under the name of what was asked.
            refused = refusal_of(error)
            refused.facts["action"] = action
            raise refused from error

    async def _do(self, action: msgspec.Raw, request: Request) -> None:
        match value_of(action):
            case "chat_message":
                guests.require_patience(self.node, self.guest)
                told = await self._say(value_of(request.get("message", NULL)))
                self.connection.send(answer(action, told))
            case "set_nick":
                guests.require_patience(self.node, self.guest)
                await guests.rename(self.node, self.guest, value_of(request.get("nick", NULL)))
                self.connection.send(answer(action))
            case "join_room":
                guests.require_patience(self.node, self.guest)
                await self._join_room(value_of(request.get("room", NULL)))
            case "user_list":
                guests.require_patience(self.node, self.guest)
                await self._list(value_of(request.get("room", NULL)))
            case _:
                self.connection.send(answer(action, NOT_ALLOWED, success=False))

    async def _say(self, message: Any) -> str:
        """What they are answered: their own words, or what a command says to them."""
        if message is None:
            raise Empty("message")
        if not isinstance(message, str):
            raise Misfit("Message must be a string.")
        seat = self.seats[-1]
        told = await say(self.node, seat.channel.room, seat.listener.member, message, uuid.uuid4().hex)
        return told.text or message

    async def _list(self, name: Any) -> None:
        if not isinstance(name, str):
            raise BadRoomName
        users = await people_in(self.node, name)
        self.connection.send(frame("user_list", success=True, room=name, users=users))

    async def _join_room(self, name: Any) -> None:
        room = await guests.room_to_join(self.node, self.guest, name)
        old = self.seats[-1]
        try:
            seat = await self._sit_down(room.id, answer("join_room"))
        except BaseException:
            await guests.stay(self.node, self.guest, room)
            raise
        # They hear of the old room no more, not even that they left it.
        old.channel.listeners.discard(old.listener)
        try:
            await guests.move(self.node, self.guest, room, old.mark, seat.mark)
        except Exception as error:  # noqa: BLE001 -- told here, before the end: they are in neither room now
            refused = refusal_of(error)
            self.connection.send(answer("join_room", refused.text, success=False))
            self.connection.close(CloseCode.TRY_AGAIN, refused.text)
            return
        await self.node.hub.leave(old.channel, old.listener)
        self.seats.remove(old)
        await self._settle(seat)

    def _refuse(self, error: AppError, _: str | None) -> None:
        self.connection.send(answer(error.facts.get("action"), error.text, success=False))


def read(data: str) -> Request:
    """The fields of a request, each as it was written. Raises Misfit for what is none."""
    try:
        return REQUESTS.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise Misfit from None


def value_of(field: msgspec.Raw) -> Any:
    """What is written there; NotImplemented for what can be written but not read, such as 1e999."""
    try:
        return msgspec.json.decode(field)
    except (msgspec.DecodeError, RecursionError):
        return NotImplemented
