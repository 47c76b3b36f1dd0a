"""What moderators type to look back at what was done."""

from __future__ import annotations

from typing import Annotated

from chat.actions import audit
from chat.actions import reports as reporting
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Link, Nick, Number, Reason
from chat.errors import UsageError
from chat.log import Answer
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


@records.command(Permission.REPORT, example="/report 42 spam again")
async def report(context: Context, link: Link, reason: Reason = "") -> Answer:
    """Shows a message to the moderators; its author is not told"""
    return await reporting.report(context.node, context.room, context.member, link, reason, context.request)


@records.command(Permission.SEE_AUDIT, example="/reports", harmless=True)
async def reports(context: Context) -> str:
    """Lists what members have reported"""
    waiting = await reporting.reported_in(context.node, context.room, context.member)
    lines = [
        f"{one.author}: {' '.join((one.words or 'removed').split())[:80]} · by {_whys(one)} · "
        f"/rooms/{context.room.slug}?at={one.seq}"
        for one in waiting
    ]
    if not lines:
        return "Nothing is reported."
    return "\n".join([*lines, f"/resolve link says it is done; the page: /rooms/{context.room.slug}/reports"])


@records.command(Permission.SEE_AUDIT, example="/resolve 42")
async def resolve(context: Context, link: Link) -> Answer:
    """Says that the reports of a message were looked at"""
    return await reporting.resolve(context.node, context.room, context.member, link, context.request)


def _whys(one: reporting.Report) -> str:
    pairs = zip(one.by, one.reasons, strict=True)
    return ", ".join(f"{by} ({why})" if why else by for by, why in pairs)


def line_of(one: audit.Done) -> str:
    """An act as one line of an answer. What was typed on several lines is one."""
    actor = f"{one.actor} (as site admin)" if one.as_admin else one.actor
    undone = f" · undone by {one.undone_by}" if one.undone else ""
    return f"{say_moment(one.at)} · {actor} · {' '.join(one.typed.split())}{undone}"
