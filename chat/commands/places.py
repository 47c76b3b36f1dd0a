"""What everybody types to go from room to room, and to speak with one person alone."""

from __future__ import annotations

from typing import Literal

from chat.actions import directs, looking, membership
from chat.actions import rooms as making
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Nick, Rest, Slug, Text
from chat.log import Answer
from chat.policy import Permission

places = CommandTable("Everyone")


@places.command(Permission.DIRECT, aliases=("dm", "query"), example="/msg @ann are you there?")
async def msg(context: Context, user: Nick, text: Text = "") -> Answer:
    """Speaks with one person alone"""
    return await directs.send(context.node, context.room, context.member, user, text, context.request)


@places.command(Permission.READ, example="/whois @ann", harmless=True)
async def whois(context: Context, user: Nick) -> str:
    """Tells who somebody is in this room"""
    return await looking.about(context.node, context.room, context.member, user)


@places.command(Permission.READ, aliases=("rooms",), example="/list design", name="list", harmless=True)
async def list_(context: Context, text: Rest = "") -> str:
    """Lists the rooms you may see"""
    return await looking.list_rooms(context.node, context.member, text)


@places.command(Permission.JOIN, example="/join #design")
async def join(context: Context, room: Slug, invite_code: str = "") -> Answer:
    """Joins another room, with an invitation where it asks for one"""
    return await membership.join_by_word(
        context.node, context.room, context.member, room, invite_code, context.request
    )


@places.command(Permission.JOIN, aliases=("part",), example="/leave")
async def leave(context: Context, room: Slug = "") -> Answer:
    """Gives up this room, or another one"""
    return await membership.leave(context.node, context.room, context.member, room, context.request)


@places.command(Permission.CREATE_ROOM, example="/create #design private")
async def create(context: Context, room: Slug, who: Literal["private"] | None = None) -> Answer:
    """Makes a room that is yours"""
    private = who is not None
    return await making.create_by_word(
        context.node, context.room, context.member, room, private, context.request
    )
