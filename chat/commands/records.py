"""What moderators type to look back at what was done."""

from __future__ import annotations

from typing import Annotated

from chat.actions import audit
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Nick, Number
from chat.errors import UsageError
from chat.policy import Permission
from chat.times import say_moment

records = CommandTable("Moderation")

Most = Annotated[int, Number(1, audit.MOST)]


@records.command(
    Permission.SEE_AUDIT, aliases=("audit",), example="/log 50 @ann", shape="[N] [@user]", harmless=True
)
async def log(context: Context, count: Most = audit.USUAL, user: Nick = "") -> str:
    """Lists what moderators did here: when, who, what they typed, who took it back"""
    if user.isdigit() and "@" not in context.line:
        raise UsageError("/log [N] [@user]", "/log 50 @ann")
    done = await audit.done_in(context.node, context.room, context.member, count, user)
    return "\n".join(line_of(one) for one in done) or "No one has been muted or removed here."


def line_of(one: audit.Done) -> str:
    """An act as one line of an answer. What was typed on several lines is one."""
    actor = f"{one.actor} (as site admin)" if one.as_admin else one.actor
    undone = f" · undone by {one.undone_by}" if one.undone else ""
    return f"{say_moment(one.at)} · {actor} · {' '.join(one.typed.split())}{undone}"
