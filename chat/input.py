"""A typed line: words, or a command."""

from __future__ import annotations

from datetime import UTC, datetime

from chat.actions import messages
from chat.commands import COMMANDS
from chat.commands.command import Context, is_command, parse, words
from chat.errors import TooFast
from chat.log import Answer, Repeated, Request, digest
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.parts import tidy
from chat.post import Post


def require_patience(node: Node, user_id: int) -> None:
    """Count one thing done by this user here. Raises TooFast."""
    wait = node.patience(user_id)
    if wait:
        raise TooFast(wait)


def takes_part(text: str) -> bool:
    """Whether who types this becomes a member by it, as by any words: giving the room up needs no coming in before."""
    return not is_command(text) or parse(text).name not in COMMANDS["leave"].names


async def say(node: Node, room: Room, member: Member, text: str, nonce: str, reply_to: int = 0) -> Answer:
    """What somebody typed: `/x` is run, `//x` says "/x", all else is said. What begins like a command is never posted.

    The same nonce again gives the same answer, and nothing happens twice. Raises what the command or the words refuse.
    """
    text = tidy(text, node.limits.text)
    request = Request(nonce, digest("say", text, str(reply_to)))
    if not is_command(text):
        return await messages.post(node, room, member, words(text), request, reply_to=reply_to)
    request = Request(nonce, request.digest, text)
    off = node.limits.switched_off(admin=member.admin)
    context = Context(node, room, member, text, request, COMMANDS, room.set, off)
    try:
        answer = await COMMANDS.run(context, text)
    except Repeated as repeated:
        return repeated.answer
    return answer if isinstance(answer, Answer) else Answer(at=datetime.now(UTC), text=answer or "")


def plain_words(node: Node, room: Room, member: Member, text: str, nonce: str) -> Post | None:
    """The post that `say` would make of plain words; None for what it must look up or run. Raises what it would."""
    text = tidy(text, node.limits.text)
    if "@" in text or is_command(text):
        return None
    require_patience(node, member.user_id)
    return messages.plain(room, member, words(text), Request(nonce, digest("say", text, "0")))
