"""What admins of the site type."""

from __future__ import annotations

from typing import Literal

import msgspec

from chat.actions import site as actions
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Duration, Nick, Reason, Slug, Text
from chat.log import Answer
from chat.policy import Permission

site = CommandTable("Site")


@site.command(Permission.RULE_SITE, example="/siteban @ann 7d spam", confirm=True)
async def siteban(
    context: Context,
    user: Nick,
    length: Duration | Literal["forever"] | None = None,
    reason: Reason = "",
    *,
    code: str = "",
) -> Answer:
    """Shuts an account out of the whole site, and its bots"""
    lasts = None if isinstance(length, str) else length
    return await actions.ban(
        context.node, context.room, context.member, user, lasts, reason, code, context.request
    )


@site.command(Permission.RULE_SITE, example="/siteunban @ann")
async def siteunban(context: Context, user: Nick) -> Answer:
    """Lets an account in again"""
    return await actions.unban(context.node, context.room, context.member, user, context.request)


@site.command(Permission.RULE_SITE, example="/broadcast We close at noon", confirm=True)
async def broadcast(context: Context, text: Text, *, code: str = "") -> Answer:
    """Says something in all rooms"""
    return await actions.broadcast(context.node, context.room, context.member, text, code, context.request)


@site.command(Permission.RULE_SITE, example="/announce #design We close at noon")
async def announce(context: Context, room: Slug, text: Text) -> Answer:
    """Says something in another room"""
    return await actions.announce(context.node, context.room, context.member, room, text, context.request)


@site.command(Permission.RULE_SITE, example="/resetlink @ann")
async def resetlink(context: Context, user: Nick) -> Answer:
    """Makes a link by which somebody sets a new password"""
    answer, path = await actions.reset_link(context.node, context.room, context.member, user, context.request)
    shown = f"{context.node.public_url}{path}\n{answer.text} Hand it to @{user}; it works once."
    return msgspec.structs.replace(answer, text=shown)
