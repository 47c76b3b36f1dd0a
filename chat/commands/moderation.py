"""What moderators and owners type."""

from __future__ import annotations

from chat.actions import moderation as actions
from chat.actions import undo as undoing
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Nick, Rest
from chat.commands.oneself import ONLY_A_PAGE
from chat.log import Answer
from chat.policy import Permission, Role

moderation = CommandTable("Moderation")


@moderation.command(Permission.KICK, aliases=("kick", "remove"), example="/kill @ann off topic")
async def kill(context: Context, user: Nick, reason: Rest = "") -> Answer:
    """Shows them out; they may come back"""
    return await actions.kick(context.node, context.room, context.member, user, reason, context.request)


@moderation.command(Permission.CLEAR, example="/clear a clean page")
async def clear(context: Context, reason: Rest = "") -> Answer | str:
    """Empties the room for all; undo 15 min"""
    if reason.lower() == "me":
        # It means one's own view: nobody else's is to be emptied for it.
        return ONLY_A_PAGE
    return await actions.clear(context.node, context.room, context.member, reason, context.request)


@moderation.command(Permission.UNDO_OWN, example="/undo")
async def undo(context: Context, user: Nick = "") -> Answer:
    """Takes back your newest act here; an owner may name whose"""
    return await undoing.undo(context.node, context.room, context.member, user, context.request)


@moderation.command(Permission.SET_ROLE, aliases=("mod",), example="/op @ann")
async def op(context: Context, user: Nick) -> Answer:
    """Makes a member a moderator"""
    return await actions.set_role(
        context.node, context.room, context.member, user, Role.MODERATOR, context.request, command="op"
    )


@moderation.command(Permission.SET_ROLE, example="/deop @ann")
async def deop(context: Context, user: Nick) -> Answer:
    """Makes a moderator a member again"""
    return await actions.set_role(
        context.node, context.room, context.member, user, Role.MEMBER, context.request, command="deop"
    )
