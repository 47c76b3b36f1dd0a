"""What everybody types to be told of more, or of less, of a room."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from chat.actions import notifying
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Duration
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission

notices = CommandTable("Everyone")

SHAPE = "[all|mentions|none] [for 8h]"


@notices.command(Permission.NOTIFY, example="/notify none for 8h", shape=SHAPE)
async def notify(
    context: Context,
    level: Literal["all", "mentions", "none"] | None = None,
    for_: Literal["for"] | None = None,
    length: Duration | None = None,
) -> Answer | str:
    """Shows what this room tells you of, or sets it: all, mentions or none, for a time if you like"""
    node, room, member = context.node, context.room, context.member
    if (for_ is not None and length is None) or length == timedelta() or (level is None and length):
        raise UsageError(f"/notify {SHAPE}", "/notify none for 8h")
    if level is None:
        return await notifying.shown(node, room, member)
    return await notifying.set_level(node, room, member, level, length, context.request)
