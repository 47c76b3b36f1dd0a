"""The native room socket, `aiochat.v2`: one room, typed JSON frames; docs/protocol.md is written for its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, assert_never

import msgspec
from aiohttp import web

from accounts.errors import NotSignedIn
from accounts.sessions import Claim, claim_of, session_lasts
from chat.actions import membership, messages
from chat.audience import HEARTBEAT
from chat.connection import CloseCode, text_frame
from chat.entrance import Seen
from chat.errors import Busy
from chat.events import Belonging, Event, Ignored, News, NotifyLevel, ReadMark, Recorded, Typing, UnreadCount
from chat.input import plain_words, require_patience, say
from chat.keys import NODE
from chat.listeners import Dialect, Listener
from chat.log import Answer, Request, digest
from chat.members import Member, admit
from chat.models import Room
from chat.node import Node
from chat.presence import Mark
from chat.signals import Belongs
from chat.sockets.frames import ASKED, Ack, Edit, IsTyping, Ping, Read, Remove, Resume, Say
from chat.sockets.socket import Farewell, Socket, as_it_is, refusal_of
from helpers.errors import AppError

PROTOCOL = "aiochat.v2"
TYPING_EVERY = 3.0
# A short frame that makes the server read and send hundreds of entries: it counts as so many.
RESUME_WEIGHS = 10
SHOWN_OUT = {"banned": CloseCode.BANNED, "removed": CloseCode.KICKED, "not_signed_in": CloseCode.SIGNED_OUT}


class UnknownProtocol(AppError):
    """The client offers no subprotocol that is spoken here."""

    code = "unknown_protocol"
    message = f"Offer the subprotocol {PROTOCOL} in Sec-WebSocket-Protocol."


class NoHandshake(AppError):
    """This address is for sockets."""

    code = "no_handshake"
    message = "Here a WebSocket can be opened, and nothing else."


class RoomDialect:
    """Every event as one JSON frame: its own fields, and `nonce` for its author alone."""

    def encode(self, event: Event) -> bytes | None:
        if isinstance(event, Recorded) and event.nonce:
            event = msgspec.structs.replace(event, nonce="")
        return text_frame(msgspec.json.encode(event))

    def encode_for_author(self, event: Event) -> bytes | None:
        return text_frame(msgspec.json.encode(event))

    def encode_unseen(self, event: Event) -> bytes | None:
        return frame("skip", seq=event.seq) if isinstance(event, Recorded) else None

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        listener.connection.close(code, reason)


DIALECT = RoomDialect()


def frame(kind: str, **fields: Any) -> bytes:
    """A frame of this protocol."""
    return text_frame(msgspec.json.encode({"type": kind, **fields}))


PONG = frame("pong")


def resumed(head: int) -> bytes:
    """All that came before was sent."""
    return frame("resumed", recovered=True, head=head)


async def come_in(request: web.Request) -> RoomConversation:
    """Who comes by `GET /rooms/<slug>/ws` into the native protocol. Who may not is refused, before the 101.

    Raises NotSignedIn, NoSuchRoom, Banned, Removed, NoHandshake, UnknownProtocol, Busy.
    """
    node = request.config_dict[NODE]
    claim = await claim_of(request)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    if PROTOCOL not in [one.strip() for one in offered.split(",")]:
        raise UnknownProtocol
    if not web.WebSocketResponse(protocols=(PROTOCOL,)).can_prepare(request):
        # Looked at before the room is: who comes by a plain GET becomes no member.
        raise NoHandshake
    if node.closing:
        raise Busy
    room, member = await node.entrance.enter(claim.user_id, claim.session_epoch, request.match_info["slug"])
    known = member.is_member
    member = await membership.join(node, room, member)
    conversation = RoomConversation(node, room, member, claim)
    conversation.words_for_newcomer = "" if known else room.welcome
    return conversation


class RoomConversation:
    """One socket in one room, in the native protocol; another one says its frames otherwise."""

    __slots__ = (
        *("_ignored", "_typed_at", "channel", "claim", "connection", "listener"),
        *("member", "node", "request", "room", "socket", "words_for_newcomer"),
    )
    protocols: tuple[str, ...] = (PROTOCOL,)
    dialect: Dialect = DIALECT
    farewell: Farewell = staticmethod(as_it_is)

    def __init__(self, node: Node, room: Room, member: Member, claim: Claim) -> None:
        self.node = node
        self.room = room
        self.member = member
        self.claim = claim
        self.words_for_newcomer = ""
        self.socket = Socket(node, member.person, self.protocols, self.farewell)
        self._typed_at = -TYPING_EVERY
        self._ignored: Sequence[int] | None = None

    async def hold(self, request: web.Request) -> web.StreamResponse:
        """From the handshake to the end."""
        self.request = request
        self.connection = await self.socket.open(request, self.claim.way_in, self._tell)
        self.connection.session_epoch = self.claim.session_epoch
        audience = self.node.hub.audience
        try:
            audience.connect(self.connection)
            if len(audience.of(self.member.user_id)) > self.node.limits.connections:
                self.connection.close(CloseCode.TOO_MANY, "Too many connections. Close another one first.")
                await self.socket.listen(self._hear, self._refuse)
            else:
                await self._take_part()
        finally:
            audience.disconnect(self.connection)
        return self.socket.response

    async def _take_part(self) -> None:
        self.channel = await self.node.hub.channel(self.room.id)
        self.room = self.channel.room
        # From this line on nothing passes by unheard; it waits until the greeting is out.
        self.listener = Listener(self.connection, self.member, self.dialect, held=[])
        self.channel.listeners.add(self.listener)
        head = self.channel.heard
        mark = (self.room.id, self.member.user_id, self.connection.id)
        marked = False
        try:
            await self.node.comings.mark(mark)
            marked = True
            if await self._greet(head) and self.member.present_since is None:
                await self.node.comings.come(self.room.id, self.member.user_id)
            await self.socket.listen(self._hear, self._refuse, hear_at_once=self._hear_at_once)
        except Exception as error:  # noqa: BLE001 -- it is told here, and written down where nobody foresaw it
            self._give_up(error)
            # To the end, or the line would be cut before the code has gone out.
            await self.socket.listen(self._hear, self._refuse)
        finally:
            await self.node.hub.leave(self.channel, self.listener)
            if marked:
                await self._depart(mark)

    async def _greet(self, head: int) -> bool:
        """Look once more who this is, now that nothing can be missed; then say hello and let go what waited."""
        try:
            if not await session_lasts(self.request, self.claim.way_in):
                raise NotSignedIn
            seen = await self._look_again()
            if seen is None or not seen.has_account(self.claim.session_epoch):
                raise NotSignedIn
            admit(self.channel.room, seen.member)
            if not seen.member.is_member:
                # How far the log is, a live room does not know; whoever looked it up has.
                seen.member.floor = max(seen.member.floor, self.member.floor)
        except AppError as error:
            if error.temporary:
                raise
            self.connection.close(SHOWN_OUT.get(error.code, CloseCode.ROOM_GONE), error.text)
            return False
        self.member = self.listener.member = seen.member
        if self._ignored is None:
            self._ignored = seen.ignored
        if self._ignored:
            self.node.hub.audience.ignores(seen.member.user_id)
        self._welcome(head)
        if self.words_for_newcomer:
            self.connection.send(frame("notice", text=self.words_for_newcomer))
        self.listener.release()
        return True

    async def _look_again(self) -> Seen | None:
        while True:
            told = self.member.told
            seen = await self.node.entrance.look_again(self.member.user_id, self.room.id)
            # What the room told meanwhile may be newer than the answer.
            if self.member.told == told:
                return seen

    def _welcome(self, head: int) -> None:
        self.connection.send(self._hello(head))

    def _hello(self, head: int) -> bytes:
        limits, member = self.node.limits, self.member
        room, here = self.channel.state.told(limits.people)
        status = self.node.hub.statuses.of(member.user_id)
        return frame(
            "hello",
            protocol=2,
            epoch=self.node.epoch,
            floor=member.floor,
            head=head,
            read=member.read_seq,
            room=room,
            you={
                "id": member.user_id,
                "name": member.name,
                "role": member.role.word,
                "muted_until": member.muted_until,
                **({"muted_reason": member.muted_reason} if member.is_muted and member.muted_reason else {}),
                **({"voiced": True} if member.voiced else {}),
                **({} if status.says_nothing else {"status": status}),
                **({} if member.wishes.is_usual else {"notify": member.wishes.told}),
            },
            here=here,
            **({"ignored": self._ignored} if self._ignored else {}),
            limits={"text": limits.text, "frame": limits.frame},
            heartbeat=HEARTBEAT,
        )

    async def _depart(self, mark: Mark) -> None:
        if self.node.closing:
            # Nobody is called gone for a restart: the sweep looks who did not come back.
            await self.node.comings.unmark(mark)
            return
        lost, grace = self.socket.was_lost, self.socket.may_return
        self.node.tasks.once(
            "departing", self.node.comings.depart(mark, self.member.person, lost=lost, grace=grace)
        )

    # -- what comes in ---------------------------------------------------------------------------------------

    def _hear_at_once(self, data: str) -> bool:
        """Plain words, which is nearly all there is, are on their way to the disk before the next frame is read."""
        asked = ASKED.decode(data)
        if not isinstance(asked, Say) or asked.reply_to:
            return False
        nonce = asked.nonce
        post = plain_words(self.node, self.channel.room, self.listener.member, asked.text, nonce)
        if post is None:
            return False
        post.then = partial(self._said, nonce)
        self.node.journal.put(post)
        self.socket.begins()
        return True

    def _said(self, nonce: str, answer: Answer | AppError) -> None:
        self.socket.ended()
        if isinstance(answer, Answer):
            self._acknowledge(nonce, answer)
        else:
            self._refuse(answer, nonce)

    async def _hear(self, data: str) -> None:
        match ASKED.decode(data):
            case Say(nonce=nonce, text=text, reply_to=reply_to):
                require_patience(self.node, self.member.user_id)
                answer = await say(self.node, self.channel.room, self.listener.member, text, nonce, reply_to)
                self._acknowledge(nonce, answer)
            case Edit(nonce=nonce, target=target, text=text):
                require_patience(self.node, self.member.user_id)
                request = Request(nonce, digest("edit", str(target), text))
                self._acknowledge(
                    nonce,
                    await messages.edit(
                        self.node, self.channel.room, self.listener.member, target, text, request
                    ),
                )
            case Remove(nonce=nonce, target=target):
                require_patience(self.node, self.member.user_id)
                request = Request(nonce, digest("remove", str(target)))
                self._acknowledge(
                    nonce,
                    await messages.remove(
                        self.node, self.channel.room, self.listener.member, target, request
                    ),
                )
            case Resume(epoch=epoch, after=after):
                if self.socket.takes(min(RESUME_WEIGHS, self.node.limits.burst) - 1):
                    await self._resume(epoch, after)
            case Read(seq=seq):
                await membership.mark_read(self.node, self.channel.room, self.member.user_id, seq)
            case IsTyping():
                self._type()
            case Ping():
                self.connection.send(PONG)
            case never:
                assert_never(never)

    def _acknowledge(self, nonce: str, answer: Answer) -> None:
        ack = Ack(nonce, answer.at, answer.seq, answer.duplicate)
        self.connection.send(text_frame(msgspec.json.encode(ack)))
        if answer.text:
            drawn = {"qr": answer.qr} if answer.qr else {}
            self.connection.send(frame("notice", text=answer.text, nonce=nonce, **drawn))

    async def _resume(self, epoch: str, after: int) -> None:
        try:
            recovered = epoch == self.node.epoch and await self.channel.replay(self.listener, after, resumed)
        except Exception as error:  # noqa: BLE001 -- it is told here, and written down where nobody foresaw it
            # Nobody asks again who waits for "resumed".
            self._give_up(error)
            return
        if not recovered:
            self.connection.send(frame("resumed", recovered=False, head=self.channel.heard))

    def _give_up(self, error: Exception) -> None:
        """Something failed without which this socket is of no use: told, and they are to come again."""
        refused = refusal_of(error)
        self._refuse(refused, None)
        self.connection.close(CloseCode.TRY_AGAIN, refused.text)

    def _type(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._typed_at < TYPING_EVERY:
            return
        try:
            messages.require_speech_of(self.listener.member, self.channel.room)
        except AppError:
            # Who may not speak hears so when they try; until then nobody waits for their words.
            return
        self._typed_at = now
        self.node.type(self.room.id, Typing(self.listener.member.person))

    # -- what goes out ---------------------------------------------------------------------------------------

    def _refuse(self, error: AppError, nonce: str | None) -> None:
        fields = error.told()
        if nonce is not None:
            fields["nonce"] = nonce
        self.connection.send(frame("error", **fields))

    def _tell(self, room_id: int, news: News | Belongs) -> None:
        match news:
            case UnreadCount() if room_id != self.room.id:
                self.connection.send(text_frame(msgspec.json.encode(news)))
            case NotifyLevel() | Belonging():
                self.connection.send(text_frame(msgspec.json.encode(news)))
            case ReadMark() if room_id == self.room.id:
                self.connection.send(text_frame(msgspec.json.encode(news)))
            case Ignored(ids=ids):
                # Told while one is being greeted it is later than what was read for that.
                self._ignored = ids
                self.connection.send(text_frame(msgspec.json.encode(news)))
            case _:
                pass
