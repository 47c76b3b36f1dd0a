"""What everybody types to tell the others how they are: away, back, not to be disturbed, or in words of their own."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from chat.actions import statuses as telling
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Converter, Duration, Misfit, Rest, Token
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission
from chat.times import read_duration

statuses = CommandTable("Everyone")

LONGEST_EMOJI = 16
JOINER = "\u200d"
LAST_ASCII = "\x7f"


@dataclass(frozen=True, slots=True)
class EmojiWord(Converter):
    """A word of pictures alone: no letter, no digit, no sign of ASCII."""

    def read(self, token: Token) -> Any:
        kinds = {unicodedata.category(one) for one in token.word if one != JOINER}
        if token.quoted or len(token.word) > LONGEST_EMOJI or min(token.word) <= LAST_ASCII:
            raise Misfit
        if "So" not in kinds or not kinds <= {"So", "Sk", "Mn", "Me"}:
            raise Misfit
        return token.word


Emoji = Annotated[str, EmojiWord()]


@statuses.command(Permission.READ, example="/away lunch")
async def away(context: Context, text: Rest = "") -> Answer:
    """Shows you as away, with a word about it"""
    return await telling.away(context.node, context.room, context.member, text, context.request)


@statuses.command(Permission.READ, example="/back")
async def back(context: Context) -> Answer:
    """Shows you as back; ends /away and /dnd"""
    return await telling.back(context.node, context.room, context.member, context.request)


@statuses.command(Permission.READ, example="/dnd for 2h", shape="[for 2h]")
async def dnd(context: Context, for_: Literal["for"] | None = None, length: Duration | None = None) -> Answer:
    """Lets nothing disturb you, for a time or until /back"""
    if for_ is not None and length is None:
        raise _usage(context, "dnd")
    return await telling.dnd(context.node, context.room, context.member, length, context.request)


@statuses.command(
    Permission.SET_STATUS,
    example="/status 🌴 By the sea --for 2h",
    shape="clear or [emoji] <text> [--for 2h]",
)
async def status(
    context: Context, emoji: Emoji = "", text: Rest = "", *, for_: Duration | None = None
) -> Answer:
    """Tells the others something of you; clear takes it back"""
    head, found, last = text.rpartition("--for")
    if found and head[-1:].isspace() and (not last or last[0].isspace()):
        # The rest of a line is taken as it stands, but here the length is said behind it.
        length = read_duration(last.strip())
        if length is None or for_ is not None:
            raise _usage(context, "status")
        text, for_ = head.rstrip(), length
    if not text and not emoji:
        raise _usage(context, "status")
    if text.lower() == "clear" and not emoji and for_ is None:
        return await telling.clear_text(context.node, context.room, context.member, context.request)
    return await telling.set_text(
        context.node, context.room, context.member, emoji, text, for_, context.request
    )


def _usage(context: Context, name: str) -> UsageError:
    command = context.commands[name]
    return UsageError(command.usage, command.example)
