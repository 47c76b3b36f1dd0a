"""What shapes a room."""

from __future__ import annotations

from chat.actions import rooms as actions
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Rest
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
