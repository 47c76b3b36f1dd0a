"""What is typed to let people in."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from chat.actions import inviting as actions
from chat.actions.inviting import LASTS, MOST_AT_ONCE, Link
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Duration, Nick, Number
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission
from chat.times import say_until
from helpers.qr import qr_rows

inviting = CommandTable("Inviting")

MOST_USES = 100_000
HOW = "/invitelink [uses] [7d]|list|revoke <n>"


@inviting.command(Permission.INVITE, example="/invite @ann @bob")
async def invite(context: Context, *users: Nick) -> Answer:
    """Makes people members of this room"""
    if len(users) > MOST_AT_ONCE:
        raise UsageError(f"/invite @user […], at most {MOST_AT_ONCE} at once", "/invite @ann @bob")
    return await actions.bring(context.node, context.room, context.member, users, context.request)


@inviting.command(Permission.KICK, example="/uninvite @ann")
async def uninvite(context: Context, user: Nick) -> Answer:
    """Ends somebody's membership of a private room"""
    return await actions.send_away(context.node, context.room, context.member, user, context.request)


@inviting.command(Permission.INVITE_LINK, example="/invitelink 5 1d", shape="[uses] [7d]|list|revoke <n>")
async def invitelink(
    context: Context,
    what: Literal["uses", "list", "revoke"] | None = None,
    number: Annotated[int, Number(least=1)] | None = None,
    lasts: Duration | None = None,
) -> Answer | str:
    """Makes a link by which people come in, one of them if no number is given; lists links, or ends one"""
    node, room, member = context.node, context.room, context.member
    if what == "list":
        links = await actions.links_of(node, room, member)
        return "\n".join(map(_line, links)) or "There is no link here. /invitelink makes one."
    if what == "revoke":
        if number is None or lasts is not None:
            raise UsageError(HOW, "/invitelink revoke 3")
        return await actions.revoke_link(node, room, member, number, context.request)
    if (number or 1) > MOST_USES or lasts == timedelta():
        raise UsageError(HOW, "/invitelink 5 1d")
    answer, path = await actions.make_link(
        node, room, member, uses=number or 1, lasts=lasts or LASTS, request=context.request
    )
    link = f"{node.public_url}{path}"
    return msgspec.structs.replace(answer, text=f"{link}\n{answer.text}", qr=qr_rows(link))


def _line(link: Link) -> str:
    uses = "any number of uses" if link.uses_left is None else f"{link.uses_left:,} left"
    until = "for ever" if link.expires_at is None else say_until(link.expires_at)
    return f"{link.id} · made by {link.by}, {uses}, good {until}"
