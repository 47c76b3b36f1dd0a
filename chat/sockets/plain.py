"""The plain-text socket of one room: words in, small JSON out; docs/protocols/plain.md is written for its clients."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from accounts.sessions import claim_of
from chat.actions import membership
from chat.commands import COMMANDS
from chat.commands.command import is_command, parse
from chat.connection import CloseCode, text_frame
from chat.errors import Busy, UnknownCommand
from chat.events import (
    Belonging,
    Event,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberUnmuted,
    MessageEdited,
    MessagePosted,
    News,
    Person,
    Recorded,
    Renamed,
    RoleChanged,
    RoomCleared,
    TopicChanged,
)
from chat.input import require_patience, say
from chat.keys import NODE
from chat.listeners import Listener
from chat.log import new_nonce
from chat.signals import Belongs
from chat.sockets.room import NoHandshake, RoomConversation, come_in
from helpers.errors import AppError
from helpers.middlewares import opens_sockets

HELP = (
    "- /help - display this msg\n"
    "- /kill {username} - remove user from room\n"
    "- /clear - empty all messages in room\n"
)
MOST_ECHOED = 200
SHUTDOWN = "Server shutdown"
# Whoever reads too slowly or not at all would not read why.
UNHEARD = frozenset({CloseCode.NORMAL, CloseCode.SLOW, CloseCode.SILENT})


class WrongCommand(AppError):
    """No command of this protocol."""

    code = "unknown_command"
    message = "wrong cmd {line}"

    def __init__(self, line: str) -> None:
        super().__init__(line=line if len(line) <= MOST_ECHOED else f"{line[: MOST_ECHOED - 1]}…")


class PlainDialect:
    """Words with who said them and when; what else happened as a notice that is nobody's."""

    def encode(self, event: Event) -> bytes | None:
        match event:
            case MessagePosted(text=str(text), style=style):
                words = f"* {event.by.name} {text}" if style == "action" else text
                return _words(event, words, event.by.name)
            case RoomCleared():
                return frame(cmd="empty")
            case Recorded():
                notice = notice_of(event)
                return _words(event, notice, None) if notice else None
            case _:
                return None

    encode_for_author = encode

    def encode_unseen(self, event: Event) -> bytes | None:
        return None

    def dismiss(self, listener: Listener, code: CloseCode, reason: str) -> None:
        listener.connection.close(code, reason)


DIALECT = PlainDialect()


def frame(**fields: Any) -> bytes:
    """A frame of this protocol."""
    return text_frame(msgspec.json.encode(fields))


def _words(event: Recorded, text: str, name: str | None) -> bytes:
    return frame(text=text, created_at=event.at.isoformat(timespec="microseconds"), user=name)


def notice_of(event: Recorded) -> str:
    """What is told to all as a notice; nothing where this protocol has no words for it."""
    by = f"@{event.by.name} (as site admin)" if event.as_admin else f"@{event.by.name}"
    match event:
        case MemberJoined(user=user):
            return f"@{user.name} join chat room"
        case MemberLeft(user=user):
            return f"@{user.name} left chat room"
        case MemberKicked(user=user, reason=reason):
            return f"@{user.name} was removed by {by}{_because(reason)}"
        case MemberBanned(user=user, reason=reason):
            return f"@{user.name} was banned by {by}{_because(reason)}"
        case MemberMuted(user=user, reason=reason):
            return f"@{user.name} was muted by {by}{_because(reason)}"
        case MemberUnmuted(user=user):
            return f"@{user.name} may speak again"
        case RoleChanged(user=user, voiced=bool(voiced)):
            return f"@{user.name} may speak now" if voiced else f"@{user.name} may speak no more"
        case RoleChanged(user=user, role="member") if user.id == event.by.id:
            return f"@{user.name} stepped down"
        case RoleChanged(user=user, role=role):
            return f"@{user.name} is {role} now"
        case Renamed(user=user, was=was):
            return f"@{was} is @{user.name} now"
        case TopicChanged(topic=topic):
            return f"{by} set the topic: {topic}" if topic else f"{by} emptied the topic"
        case MessageEdited(text=str(text)):
            return f"{by} changed a message: {text}"
        case _:
            return ""


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def farewell(code: CloseCode, reason: str) -> tuple[bytes, int, str]:
    """Its end is told in words; who was shown out gets the old 1000, and a server that stops says 1001."""
    match code:
        case CloseCode.RESTART:
            return frame(text=SHUTDOWN), CloseCode.GOING_AWAY, SHUTDOWN
        case CloseCode.KICKED:
            return frame(text=f"You were removed from the room{_because(reason)}"), CloseCode.NORMAL, reason
        case CloseCode.BANNED:
            return frame(text=f"You were banned from the room{_because(reason)}"), CloseCode.NORMAL, reason
        case _:
            return b"" if code in UNHEARD or not reason else frame(text=reason), code, reason


@opens_sockets
async def room_door(request: web.Request) -> web.StreamResponse:
    """`GET /rooms/<slug>/ws` and `GET /ws/<slug>`: who names no protocol at all speaks plain text."""
    comes_in = come_in if "Sec-WebSocket-Protocol" in request.headers else _come_in
    # What was needed on the way in is not kept as long as the socket lives.
    conversation = await comes_in(request)
    return await conversation.hold(request)


async def _come_in(request: web.Request) -> PlainConversation:
    """Who comes to talk in plain text. Who may not is refused, before the 101.

    Raises NotSignedIn, NoSuchRoom, Banned, Removed, NoHandshake, Busy.
    """
    node = request.config_dict[NODE]
    claim = await claim_of(request)
    if not web.WebSocketResponse().can_prepare(request):
        raise NoHandshake
    if node.closing:
        raise Busy
    room, member = await node.entrance.enter(claim.user_id, claim.session_epoch, request.match_info["slug"])
    member = await membership.join(node, room, member)
    return PlainConversation(node, room, member, claim)


class PlainConversation(RoomConversation):
    """One plain-text socket in one room."""

    protocols = ()
    dialect = DIALECT
    farewell = staticmethod(farewell)

    def _welcome(self, head: int) -> None:
        """Nothing: what happens from now on is all this protocol tells."""

    def _hear_at_once(self, data: str) -> bool:
        return False

    async def _hear(self, data: str) -> None:
        line = data.strip()
        if line == "close":
            self.connection.close(CloseCode.NORMAL)
            return
        if line.startswith("/") and not line.startswith("//") and not is_command(line):
            # Nothing that begins with a slash was ever words here; two of them say one.
            raise WrongCommand(line)
        clears = is_command(line) and parse(line).name in COMMANDS["clear"].names
        if clears and parse(line).line + parse(line).more:
            raise WrongCommand(line)
        require_patience(self.node, self.member.user_id)
        try:
            answer = await say(self.node, self.channel.room, self.listener.member, line, new_nonce())
        except UnknownCommand:
            raise WrongCommand(line) from None
        if line.lower() == "/help":
            self.connection.send(frame(text=HELP + answer.text))
        elif answer.text and not clears:
            # An emptied screen is the answer to /clear.
            self.connection.send(frame(text=answer.text))

    def _refuse(self, error: AppError, nonce: str | None) -> None:
        self.connection.send(frame(text=error.text))

    def _tell(self, room_id: int, news: News | Belongs) -> None:
        """An invitation, in words; there are none for what is read elsewhere."""
        match news:
            case Belonging(room=slug, member=True, by=Person(name=name)):
                self.connection.send(frame(text=f"@{name} brought you into #{slug}: /rooms/{slug}"))
            case _:
                pass
