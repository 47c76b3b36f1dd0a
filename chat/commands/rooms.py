"""What shapes a room."""

from __future__ import annotations

from typing import Literal

from chat.actions import destroying, hooks, steering
from chat.actions import rooms as actions
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Rest, Slug, Text
from chat.errors import UsageError
from chat.log import Answer
from chat.policy import Permission, Role

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


@rooms.command(Permission.RENAME_ROOM, example="/rename Design")
async def rename(context: Context, new: Rest) -> Answer:
    """Calls the room otherwise; its old address leads to it still"""
    return await steering.rename(context.node, context.room, context.member, new, context.request)


@rooms.command(Permission.SETTINGS, example="/private")
async def private(context: Context) -> Answer:
    """Lets in only who is invited; who is a member stays one"""
    return await _switched(
        context, "private", True, "{room} is private now: only an invitation brings people in.", "private"
    )


@rooms.command(Permission.SETTINGS, example="/public", confirm=True)
async def public(context: Context, code: str = "") -> Answer:
    """Lets everybody in, to read all that was said"""
    return await steering.open_to_all(context.node, context.room, context.member, code, context.request)


@rooms.command(Permission.SETTINGS, example="/archive")
async def archive(context: Context) -> Answer:
    """Makes the room read-only for all"""
    return await _switched(
        context,
        "archived",
        True,
        "{room} is archived: it can be read, and /unarchive opens it again.",
        "archived",
    )


@rooms.command(Permission.SETTINGS, example="/unarchive")
async def unarchive(context: Context) -> Answer:
    """Opens an archived room again"""
    return await _switched(context, "archived", False, "{room} is open again.", "open")


@rooms.command(Permission.SETTINGS, example="/allowinvite on")
async def allowinvite(context: Context, who: Literal["on", "off"]) -> Answer:
    """Lets every member invite people by name, or moderators alone"""
    role = Role.MEMBER if who == "on" else Role.MODERATOR
    said = f"In {{room}} {role.all} may invite people now."
    wanted = {"invite_by": role.word}
    return await steering.set_switches(
        context.node, context.room, context.member, wanted, context.request, command="allowinvite", said=said
    )


@rooms.command(Permission.SETTINGS, example="/history-from join", name="history-from")
async def history_from(context: Context, where: Literal["join", "all"]) -> Answer:
    """Lets who comes in from now on read all that was said, or only what is said after they joined"""
    from_join = where == "join"
    said = "Who comes in from now on reads {room} from the moment they join."
    if not from_join:
        said = "Who comes in from now on reads all that was said in {room}."
    return await steering.set_switches(
        context.node,
        context.room,
        context.member,
        {"history_from_join": from_join},
        context.request,
        command="history-from",
        said=said,
        already=f"Newcomers to #{context.room.slug} read {'from their joining' if from_join else 'all'} already",
    )


@rooms.command(Permission.SETTINGS, example="/welcome Say who you are, then ask")
async def welcome(context: Context, text: Text = "") -> Answer | str:
    """Shows what newcomers are greeted with, or sets it; /welcome clear empties it"""
    if not text:
        shown = await steering.welcome_of(context.node, context.room)
        return shown or "Newcomers are not greeted. /welcome text sets words for them."
    wanted = "" if text == "clear" else text
    return await steering.set_welcome(context.node, context.room, context.member, wanted, context.request)


@rooms.command(Permission.DESTROY, example="/destroy #lobby", confirm=True)
async def destroy(context: Context, room: Slug, code: str = "") -> Answer:
    """Deletes a room: a week in the bin, then for good"""
    return await destroying.destroy(context.node, context.room, context.member, room, code, context.request)


async def _switched(context: Context, name: str, value: bool, said: str, state: str) -> Answer:
    already = f"#{context.room.slug} is {state} already"
    command = {"open": "unarchive", "archived": "archive"}.get(state, state)
    return await steering.set_switches(
        context.node,
        context.room,
        context.member,
        {name: value},
        context.request,
        command=command,
        said=said,
        already=already,
    )


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
