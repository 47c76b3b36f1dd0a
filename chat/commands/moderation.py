"""What moderators and owners type to rule over people and words."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from chat.actions import bans, mutes, notifying, owners, purging
from chat.actions import moderation as actions
from chat.actions import undo as undoing
from chat.commands.command import CommandTable, Context, Form
from chat.commands.converters import Duration, Hashed, Link, Nick, Number, Reason
from chat.commands.oneself import ONLY_A_PAGE
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission, Role
from chat.times import say_until

moderation = CommandTable("Moderation")

Count = Annotated[int, Number(1, purging.MOST)]
PURGE = "N|@user [N|1h]|from <link>"
LENGTH = "[10m…90d|forever]"
MUTE = "[#room] or @user [10m] [reason]"


@moderation.command(Permission.KICK, aliases=("kick", "remove"), example="/kill @ann off topic")
async def kill(context: Context, user: Nick, reason: Reason = "") -> Answer:
    """Shows them out; they may come back"""
    return await actions.kick(context.node, context.room, context.member, user, reason, context.request)


@moderation.command(
    Permission.BAN,
    example="/ban @ann 2d --purge 1h spam",
    shape=f"@user {LENGTH} [--purge 1h|all] [reason]",
)
async def ban(
    context: Context,
    user: Nick,
    length: Duration | Literal["forever"] | None = None,
    reason: Reason = "",
    *,
    purge: Duration | Literal["all"] | None = None,
) -> Answer:
    """Keeps them out, also who never came; moderators for 30 days at most"""
    if length == timedelta() or purge == timedelta():
        raise UsageError(f"/ban @user {LENGTH} [--purge 1h|all] [reason]", "/ban @ann 2d --purge 1h spam")
    node, room, member = context.node, context.room, context.member
    return await bans.ban(node, room, member, user, length, reason, context.request, purge=purge)


@moderation.command(Permission.BAN, example="/unban @ann")
async def unban(context: Context, user: Nick) -> Answer:
    """Lets them come back"""
    return await bans.unban(context.node, context.room, context.member, user, context.request)


@moderation.command(Permission.BAN, example="/banlist", harmless=True)
async def banlist(context: Context) -> str:
    """Lists who is banned: by whom, why, until when"""
    listed = await bans.banned_from(context.node, context.room, context.member)
    lines = [
        f"@{one.name} · {say_until(one.until)}"
        + (f", by {one.by}" if one.by else "")
        + (f": {one.reason}" if one.reason else "")
        for one in listed
    ]
    return "\n".join(lines) or f"Nobody is banned from #{context.room.slug}."


@moderation.command(
    Permission.NOTIFY,
    example="/mute @ann 30m off topic",
    shape=MUTE,
    forms=(
        Form(
            "",
            Permission.NOTIFY,
            "For you alone: this room tells you of nothing; again, and it does as before",
        ),
        Form(
            "#",
            Permission.NOTIFY,
            "For you alone: that room tells you of nothing; again, and it does as before",
        ),
        Form(
            "@",
            Permission.MUTE,
            "For all: they may read but not speak, for 10 minutes unless you say otherwise",
        ),
    ),
)
async def mute(
    context: Context,
    room: Hashed = "",
    user: Nick = "",
    length: Duration | None = None,
    reason: Reason = "",
) -> Answer:
    """Silences a room for you alone; with a name, that person for all: they read but do not speak"""
    node, here, member = context.node, context.room, context.member
    if length == timedelta() or (room and user) or (reason and not user):
        raise UsageError(f"/mute {MUTE}", "/mute @ann 30m off topic")
    if not user:
        return await notifying.toggle(node, here, member, room, context.request)
    return await mutes.mute(node, here, member, user, length, reason, context.request)


@moderation.command(
    Permission.NOTIFY,
    example="/unmute @ann",
    shape="[#room] or @user",
    forms=(
        Form("", Permission.NOTIFY, "For you alone: this room tells you again of what it did before"),
        Form("#", Permission.NOTIFY, "For you alone: that room tells you again of what it did before"),
        Form("@", Permission.MUTE, "For all: they may speak again"),
    ),
)
async def unmute(context: Context, room: Hashed = "", user: Nick = "") -> Answer:
    """Takes back /mute: for you alone, or of somebody"""
    node, here, member = context.node, context.room, context.member
    if room and user:
        raise UsageError("/unmute [#room] or @user", "/unmute @ann")
    if not user:
        return await notifying.restore(node, here, member, room, context.request)
    return await mutes.unmute(node, here, member, user, context.request)


@moderation.command(Permission.PURGE, example="/purge @ann 1h", shape=PURGE)
async def purge(
    context: Context,
    count: Count | None = None,
    start: Literal["from"] | None = None,
    link: Link | None = None,
    user: Nick = "",
    much: Count | Duration | None = None,
) -> Answer:
    """Hides the last messages, somebody's, or all from one on; undo 15 min"""
    node, room, member = context.node, context.room, context.member
    match count, start, link, user, much:
        case int(), None, None, "", None:
            return await purging.purge_last(node, room, member, count, context.request)
        case None, "from", int(), "", None:
            return await purging.purge_from(node, room, member, link, context.request)
        case None, None, None, str(), _ if user and much != timedelta():
            return await purging.purge_of(node, room, member, user, much, context.request)
        case _:
            raise UsageError(f"/purge {PURGE}", "/purge @ann 1h")


@moderation.command(Permission.CLEAR, example="/clear a clean page")
async def clear(context: Context, reason: Reason = "") -> Answer | str:
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


@moderation.command(Permission.SET_ROLE, example="/owner @ann")
async def owner(context: Context, user: Nick) -> Answer:
    """Makes a member an owner beside you"""
    return await actions.set_role(
        context.node, context.room, context.member, user, Role.OWNER, context.request, command="owner"
    )


@moderation.command(Permission.SET_ROLE, example="/transfer @ann")
async def transfer(context: Context, user: Nick) -> Answer:
    """Offers your place as owner; it is theirs once they /accept"""
    return await owners.offer(context.node, context.room, context.member, user, context.request)


@moderation.command(Permission.UNDO_OWN, example="/accept")
async def accept(context: Context) -> Answer:
    """Takes the room that its owner offers you"""
    return await owners.accept(context.node, context.room, context.member, context.request)
