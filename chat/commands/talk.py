"""What everybody may type."""

from __future__ import annotations

from datetime import UTC, datetime

from chat.actions import membership, messages
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Name, Rest, Text
from chat.log import Answer
from chat.policy import Permission, Role
from chat.times import say_until

talk = CommandTable("Everyone")


@talk.command(Permission.READ, aliases=("?", "commands"), example="/help kill", name="help", harmless=True)
async def help_(context: Context, command: Name = "") -> str:
    """Lists what you may do here, or explains one command"""
    return context.commands.help_text(context.role, command or None, context.switches, context.off)


@talk.command(Permission.SPEAK, example="/me waves")
async def me(context: Context, action: Text) -> Answer:
    """Says what you do: * ann waves"""
    return await messages.post(
        context.node, context.room, context.member, action, context.request, style="action"
    )


@talk.command(Permission.READ, aliases=("names", "members"), example="/who", harmless=True)
async def who(context: Context) -> str:
    """Lists who is here, with their roles"""
    channel = context.node.hub.here(context.room.id)
    if channel is None:
        channel = await context.node.hub.look(context.room.id)
    people = channel.state.people(context.node.limits.people)
    now = datetime.now(UTC)
    lines = [
        " · ".join(
            part
            for part in (
                one.person.name,
                one.role.word if one.role is not Role.MEMBER else "",
                f"muted {say_until(one.muted_until, now)}"
                if one.muted_until and one.muted_until > now
                else "",
                one.status.words(now),
            )
            if part
        )
        for one in people
    ]
    more = len(channel.state.here) - len(people)
    count = f"{len(channel.state.here)} here in #{context.room.slug}"
    return "\n".join([count, *lines, *([f"and {more} more"] if more else [])])


@talk.command(Permission.RENAME_SELF, aliases=("name",), example="/nick Anna")
async def nick(context: Context, new_name: Rest) -> Answer:
    """Changes your name, everywhere on this site"""
    return await membership.change_name(context.node, context.room, context.member, new_name, context.request)
