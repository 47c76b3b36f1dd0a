"""The multi-room JSON socket, `GET /ws`: one connection hears all rooms of its user; see docs/protocols/rooms.md."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from aiohttp import web

from accounts.actions import load_user
from accounts.keys import GATE, SECRET
from accounts.passes import Gate
from accounts.refs import token_ref
from accounts.tokens import Shown, user_of_key
from chat.actions import membership
from chat.actions.previews import Preview, previews
from chat.connection import CloseCode
from chat.errors import Busy, Empty
from chat.events import MessagePosted, News, Person
from chat.input import require_patience, say
from chat.keys import NODE
from chat.node import Node
from chat.signals import Belongs
from chat.sockets import rooms_frames as frames
from chat.sockets.doorstep import Doorstep
from chat.sockets.room import NoHandshake
from chat.sockets.rooms_dialect import Seat
from chat.sockets.rooms_frames import frame, message, message_id, seq_of
from chat.sockets.rooms_places import NOT_FOR_YOU, Places
from chat.sockets.socket import Refused, Socket
from helpers.errors import AppError
from helpers.middlewares import welcomes_origins

SHUTDOWN = "Server shutdown"
# A key that is signed ends with all sessions of its user, as one of them does.
SIGNED = "a signed key"
# Short frames that make the server look for much: each counts as so many.
WEIGHTS = {"authenticate": 20, "resume": 10, "history": 5, "rooms": 5, "select_room": 3}


def farewell(code: CloseCode, reason: str) -> tuple[bytes, int, str]:
    """A server that stops says 1001 here, as it always did."""
    if code is CloseCode.RESTART:
        return b"", CloseCode.GOING_AWAY, SHUTDOWN
    return b"", code, reason


@welcomes_origins("allowed")
async def rooms_socket(request: web.Request) -> web.StreamResponse:
    """`GET /ws`: whoever comes is nobody until they show a key, whatever cookies they carry.

    Raises NoHandshake, Busy, TooManyStrangers.
    """
    node = request.config_dict[NODE]
    if not web.WebSocketResponse().can_prepare(request):
        raise NoHandshake
    if node.closing:
        raise Busy
    doorstep = Doorstep(node, request.remote)
    secret, gate = request.config_dict[SECRET], request.config_dict[GATE]
    return await RoomsConversation(node, doorstep, secret, gate).hold(request)


class RoomsConversation:
    """One socket: nobody's until somebody shows a key, then it hears all rooms of theirs."""

    def __init__(self, node: Node, doorstep: Doorstep, secret: bytes, gate: Gate | None) -> None:
        self.node = node
        self.doorstep = doorstep
        self.user_id = 0
        self.socket = Socket(node, Person(0, ""), farewell=farewell)
        self._secret = secret
        self._gate = gate
        self._asked: tuple[Any, Any] = (None, None)

    async def hold(self, request: web.Request) -> web.StreamResponse:
        """From the handshake to the end."""
        self.connection = await self.socket.open(request, None, self._tell)
        self.places = Places(self.node, self.connection)
        self.doorstep.wait(self.connection)
        try:
            await self.socket.listen(self._hear, self._refuse, self._hear_bytes)
        finally:
            # Beside this request, for that may be cut short where its line is.
            await asyncio.shield(self.node.tasks.once("a socket goes", self._go()))
        return self.socket.response

    async def _go(self) -> None:
        try:
            await self._leave(lost=self.socket.was_lost, grace=self.socket.may_return)
        finally:
            self.doorstep.leave()

    # -- what comes in ---------------------------------------------------------------------------------------

    async def _hear(self, data: str) -> None:
        self._asked = None, None
        try:
            asked = json.loads(data)
        except json.JSONDecodeError as error:
            return self._end(str(error))
        except (ValueError, RecursionError):
            return self._end("Too deep, or a number too long")
        if not isinstance(asked, dict) or "uuid" not in asked:
            return self._end("Missing required keys")
        given, action = frames.echo(asked["uuid"]), asked.get("action")
        self._asked = given, frames.echo(action) if isinstance(action, str) else None
        if not given or not action:
            raise frames.MissingKeys
        if action != "authenticate" and not self.user_id:
            raise frames.AuthenticationRequired
        weight = WEIGHTS.get(action, 1) if isinstance(action, str) else 1
        if self.socket.takes(min(weight, self.node.limits.burst) - 1):
            await self._do(asked, action)
        return None

    def _end(self, reason: str) -> None:
        self.connection.close(CloseCode.UNSUPPORTED, reason)

    def _hear_bytes(self, _: bytes) -> None:
        self._asked = None, None
        self._refuse(Refused(), None)

    async def _do(self, asked: dict[str, Any], action: Any) -> None:
        match action:
            case "authenticate":
                await self._authenticate(asked)
            case "select_room":
                await self._select(await self._enter(asked))
            case "new_message":
                await self._say(asked)
            case "history":
                wanted, seat = frames.read(asked, frames.Before), await self._enter(asked)
                await self._show(seat, seq_of(seat.channel.room.id, wanted.before), wanted.limit, paging=True)
            case "resume":
                await self._resume(frames.read(asked, frames.After), await self._enter(asked))
            case "read":
                wanted_upto, seat = frames.read(asked, frames.Upto).upto, await self._enter(asked)
                room = seat.channel.room
                await membership.mark_read(self.node, room, self.user_id, seq_of(room.id, wanted_upto))
                self._answer(room=room.uuid.hex)
            case "rooms":
                listed = [_listed(room) for room in await previews(self.node, self.user_id)]
                self._answer(rooms=listed, epoch=self.node.epoch)
            case _:
                raise frames.InvalidAction

    async def _select(self, seat: Seat) -> None:
        try:
            await self.places.select(seat)
        except NOT_FOR_YOU:
            raise frames.InvalidRoom from None
        if seat.held is None:
            seat.held = []
        try:
            # What comes while we read is not on the page; it follows it.
            await self._show(seat, seat.channel.heard + 1, frames.PAGE)
        finally:
            seat.release()

    async def _show(self, seat: Seat, before: int, limit: int, *, paging: bool = False) -> None:
        room = seat.channel.room
        page = await self.node.history.words(room.id, before, limit, seat.member.floor)
        told = [seat.voice.told(entry) for entry in page.entries if isinstance(entry, MessagePosted)]
        more = {"complete": page.complete} if paging else {}
        self._answer(room=room.uuid.hex, room_messages=told, **more)

    async def _say(self, asked: dict[str, Any]) -> None:
        text, words = asked.get("text"), frames.read(asked, frames.Words)
        if text is None or (isinstance(text, str) and not text.strip()):
            raise frames.EmptyText
        if not isinstance(text, str):
            raise frames.TextNotString
        seat = await self._enter(asked)
        room = seat.channel.room
        reply_to = seq_of(room.id, words.reply_to)
        require_patience(self.node, self.user_id)
        nonce = words.nonce or uuid.uuid4().hex
        seat.asks(nonce, self._asked[0])
        is_late = False
        try:
            answer = await say(self.node, room, seat.member, text, nonce, reply_to)
            # Words that were kept and not heard yet come back from the log with their uuid; answers do not.
            is_late = answer.seq > seat.channel.heard and not answer.text
        except Empty:
            raise frames.EmptyText from None
        finally:
            if not is_late:
                seat.is_answered(nonce)
        if answer.text:
            self._answer("notice", room=room.uuid.hex, text=answer.text)
        if words.nonce:
            told: dict[str, Any] = {"room": room.uuid.hex, "nonce": nonce, "at": answer.at}
            if answer.seq:
                told |= {"seq": answer.seq, "id": message_id(room.id, answer.seq)}
            if answer.duplicate:
                told["duplicate"] = True
            self._answer("ack", **told)

    async def _resume(self, wanted: frames.After, seat: Seat) -> None:
        room, (given, action) = seat.channel.room, self._asked

        def resumed(head: int, *, recovered: bool = True) -> bytes:
            told = {"room": room.uuid.hex, "recovered": recovered, "head": head}
            return frame(**told, uuid=given, action=action, status="success")

        after = seq_of(room.id, wanted.after)
        if wanted.epoch != self.node.epoch or not await seat.channel.replay(seat, after, resumed):
            self.connection.send(resumed(seat.channel.heard, recovered=False))

    # -- who it is -------------------------------------------------------------------------------------------

    async def _authenticate(self, asked: dict[str, Any]) -> None:
        token, key = asked.get("token"), frames.read(asked, frames.Key)
        if not isinstance(token, str):
            raise frames.InvalidToken
        self.doorstep.pause()
        try:
            shown = await user_of_key(self.node.manager, self._secret, token, self._gate)
        finally:
            self.doorstep.go_on()
        if shown is None:
            raise frames.InvalidToken
        await self._leave(lost=False, grace=False)
        try:
            await self._become(shown, token_ref(token) if shown.lasts else SIGNED)
            self.places.whole = key.events
            async with self.places.taken(self.user_id):
                self._answer()
        except Exception:
            await self._leave(lost=False, grace=False)
            raise

    async def _become(self, shown: Shown, by: str) -> None:
        user, audience = shown.user, self.node.hub.audience
        self.connection.user = Person(user.id, user.name, user.is_guest)
        self.connection.session = by
        self.connection.session_epoch = user.session_epoch
        self.user_id = user.id
        audience.connect(self.connection)
        # Looked at again, now that nothing that ends it can be missed.
        fresh = await load_user(self.node.manager, user.id)
        if fresh is None or fresh.is_suspended or fresh.session_epoch != user.session_epoch:
            raise frames.InvalidToken
        self.doorstep.leave()
        if len(audience.of(user.id)) > self.node.limits.connections:
            self.connection.close(CloseCode.TOO_MANY, "Too many connections. Close another one first.")

    async def _leave(self, *, lost: bool, grace: bool) -> None:
        if not self.user_id:
            return
        await self.places.leave(lost=lost, grace=grace)
        self.user_id = 0
        self.node.hub.audience.disconnect(self.connection)
        self.doorstep.wait(self.connection)

    async def _enter(self, asked: dict[str, Any]) -> Seat:
        given = asked.get("room")
        try:
            return await self.places.enter(frames.room_key(given))
        except NOT_FOR_YOU:
            raise frames.not_found(given) from None

    # -- what goes out ---------------------------------------------------------------------------------------

    def _answer(self, action: str = "", /, **told: Any) -> None:
        given, asked = self._asked
        self.connection.send(frame(**told, uuid=given, action=action or asked, status="success"))

    def _refuse(self, error: AppError, _: str | None) -> None:
        self.connection.send(frames.refused(error, *self._asked))

    def _tell(self, room_id: int, news: News | Belongs) -> None:
        if isinstance(news, Belongs):
            look = self.places.look_again(room_id, is_member=news.member)
            self.node.tasks.once("looking at rooms again", look)
        elif self.places.whole and (seat := self.places.at(room_id)) is not None:
            hex_ = seat.channel.room.uuid.hex
            self.connection.send(frame(room=hex_, event=news, uuid=None, action="event", status="success"))


def _listed(room: Preview) -> dict[str, Any]:
    last, hex_ = room.last, room.uuid.hex
    preview = message(room.id, hex_, last.seq, last.name, last.at, last.text, last.style) if last else None
    return {
        "room": hex_,
        "id": room.id,
        "slug": room.slug,
        "title": room.title,
        "topic": room.topic,
        "private": room.private,
        "head": room.head,
        "read": room.read,
        "unread": room.unread,
        "mentions": room.mentions,
        "last_message": preview,
    }
