"""What everybody types to say something otherwise than plainly, to change it, or to find it again."""

from __future__ import annotations

from typing import Annotated

from chat.actions import looking, messages
from chat.commands.command import CommandTable, Context, parse
from chat.commands.converters import Day, Duration, Link, Number, Text
from chat.log import Answer
from chat.parts import block, spoiled, spoiler
from chat.policy import Permission

words = CommandTable("Everyone")

FACES = {
    "shrug": "¯\\_(ツ)_/¯",
    "tableflip": "(╯°□°)╯︵ ┻━┻",
    "unflip": "┬─┬ ノ( ゜-゜ノ)",
    "lenny": "( ͡° ͜ʖ ͡°)",
}


@words.command(Permission.SPEAK, aliases=("tableflip", "unflip", "lenny"), example="/shrug who knows")
async def shrug(context: Context, text: Text = "") -> Answer:
    """Says something with a face behind it"""
    said = f"{text} {FACES[parse(context.line).name]}".strip()
    return await messages.post(context.node, context.room, context.member, said, context.request)


@words.command(Permission.SPEAK, example="/code make test")
async def code(context: Context, text: Text) -> Answer:
    """Says something letter by letter, in a block of its own"""
    kept = f"```\n{text}\n```"
    parts = [block(text)]
    return await messages.post(context.node, context.room, context.member, kept, context.request, parts=parts)


@words.command(Permission.SPEAK, example="/plain 2*3*4 is *not* bold")
async def plain(context: Context, text: Text) -> Answer:
    """Says something without any formatting"""
    parts = [{"t": "text", "s": text}]
    return await messages.post(context.node, context.room, context.member, text, context.request, parts=parts)


@words.command(Permission.SPEAK, example="/spoiler the gardener did it", name="spoiler")
async def spoiler_(context: Context, text: Text) -> Answer:
    """Says something that stays hidden until it is pressed"""
    node, room, member = context.node, context.room, context.member
    return await messages.post(node, room, member, spoiled(text), context.request, parts=[spoiler(text)])


@words.command(Permission.EDIT_OWN, example="/edit Demos at ten")
async def edit(context: Context, new_text: Text) -> Answer:
    """Changes what you said last"""
    return await messages.edit(
        context.node, context.room, context.member, messages.LAST, new_text, context.request
    )


@words.command(Permission.REMOVE_OWN, aliases=("redact",), example="/delete #m12")
async def delete(context: Context, link: Link | None = None) -> Answer:
    """Takes back what you said last, or the message of that link"""
    target = messages.LAST if link is None else link
    return await messages.remove(context.node, context.room, context.member, target, context.request)


@words.command(Permission.READ, example="/history 2h", harmless=True, shape="[N|2h]")
async def history(context: Context, back: Annotated[int, Number(least=1)] | Duration = looking.USUAL) -> str:
    """Shows what was said last, to you alone: so many messages, or as far back as that"""
    return await looking.latest(context.node, context.room, context.member, back)


@words.command(Permission.READ, example="/jump 2026-05-03", harmless=True)
async def jump(context: Context, where: Day | Link) -> str:
    """Leads to a message by its link, or to a day"""
    return await looking.place_of(context.node, context.room, context.member, where)
