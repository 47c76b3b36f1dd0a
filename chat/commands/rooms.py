"""What shapes a room."""

from __future__ import annotations

from typing import Literal

from chat.actions import hooks
from chat.actions import rooms as actions
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Rest
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission

rooms = CommandTable("Room")


@rooms.command(Permission.READ, aliases=("header", "subject"), example="/topic Demos at nine")
async def topic(context: Context, text: Rest = "") -> Answer | str:
    """Shows the topic, or sets it; /topic clear empties it"""
    if not text:
        return (
            f"Topic: {context.room.topic}"
            if context.room.topic
            else "There is no topic. /topic text sets one."
        )
    wanted = "" if text == "clear" else text
    return await actions.set_topic(context.node, context.room, context.member, wanted, context.request)


@rooms.command(Permission.SETTINGS, aliases=("hooks",), example="/hook ci")
async def hook(
    context: Context, what: Literal["make", "list", "revoke"] | None = None, name: str = ""
) -> Answer | str:
    """Makes an address by which a program posts here under that name, lists them, or ends one"""
    node, room, member = context.node, context.room, context.member
    if name and what == "revoke":
        return await hooks.revoke(node, room, member, name, context.request)
    if name and what != "list":
        made = await hooks.make(node, room, member, name, context.request)
        return hooks.shown(made, node.public_url)
    if what in ("make", "revoke"):
        raise UsageError("/hook [make|list|revoke] [name]", f"/hook {what} ci")
    there = await hooks.listed(node, room, member)
    return (
        "\n".join(f"{each.name} · made by {each.by}, {_used(each)}" for each in there)
        or "There is no hook here. /hook name makes one."
    )


def _used(each: hooks.Hook) -> str:
    return "never used" if each.last_used_at is None else f"last used {each.last_used_at:%d %B, %H:%M} UTC"
