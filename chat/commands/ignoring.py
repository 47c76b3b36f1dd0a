"""What everybody types about people they do not want to hear."""

from __future__ import annotations

from chat.actions import ignoring as hearing
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Nick
from chat.log import Answer
from chat.policy import Permission

ignoring = CommandTable("Everyone")


@ignoring.command(Permission.READ, example="/ignore @rex")
async def ignore(context: Context, user: Nick = "") -> Answer | str:
    """Hides what somebody says from you alone; without a name, lists whom"""
    if not user:
        return await hearing.list_ignored(context.node, context.member)
    return await hearing.ignore(context.node, context.room, context.member, user, context.request)


@ignoring.command(Permission.READ, example="/unignore @rex")
async def unignore(context: Context, user: Nick) -> Answer:
    """Shows you again what somebody says"""
    return await hearing.unignore(context.node, context.room, context.member, user, context.request)
