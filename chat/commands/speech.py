"""What moderators type to say who may post in a room, how often, and what is kept in sight."""

from __future__ import annotations

from typing import Literal

from chat.actions import mutes, pins
from chat.actions import speech as actions
from chat.commands.command import CommandTable, Context
from chat.commands.converters import Duration, Link, Nick, Reason
from chat.log import Answer
from chat.policy import Permission

speech = CommandTable("Moderation")


@speech.command(Permission.VOICE, example="/voice @ann")
async def voice(context: Context, user: Nick) -> Answer:
    """Lets them speak where only some may"""
    node, room, member = context.node, context.room, context.member
    return await mutes.set_voice(node, room, member, user, voiced=True, request=context.request)


@speech.command(Permission.VOICE, example="/devoice @ann")
async def devoice(context: Context, user: Nick) -> Answer:
    """Takes that back"""
    node, room, member = context.node, context.room, context.member
    return await mutes.set_voice(node, room, member, user, voiced=False, request=context.request)


@speech.command(Permission.LOCK, example="/moderated on")
async def moderated(context: Context, state: Literal["on", "off"]) -> Answer:
    """Lets only those with a voice post, or everybody again"""
    node, room, member = context.node, context.room, context.member
    return await actions.set_moderated(node, room, member, moderated=state == "on", request=context.request)


@speech.command(Permission.LOCK, example="/lock until the storm is over")
async def lock(context: Context, reason: Reason = "") -> Answer:
    """Lets only moderators post; all still read"""
    return await actions.lock(context.node, context.room, context.member, reason, context.request)


@speech.command(Permission.LOCK, example="/unlock")
async def unlock(context: Context) -> Answer:
    """Lets everybody post again"""
    return await actions.unlock(context.node, context.room, context.member, context.request)


@speech.command(Permission.SLOW_MODE, example="/slowmode 30s", shape="off|5s…6h")
async def slowmode(context: Context, pause: Duration | Literal["off"]) -> Answer:
    """Asks every member for a pause between two posts"""
    length = None if pause == "off" else pause
    return await actions.set_slow_mode(context.node, context.room, context.member, length, context.request)


@speech.command(Permission.PIN, example="/pin")
async def pin(context: Context, link: Link | None = None) -> Answer:
    """Keeps a message in sight; without a link the last one"""
    target = pins.LAST if link is None else link
    return await pins.pin(context.node, context.room, context.member, target, context.request)


@speech.command(Permission.PIN, example="/unpin 42")
async def unpin(context: Context, link: Link) -> Answer:
    """Keeps it in sight no more"""
    return await pins.unpin(context.node, context.room, context.member, link, context.request)


@speech.command(Permission.READ, example="/pins", name="pins", harmless=True)
async def pins_(context: Context) -> str:
    """Lists what is kept in sight here"""
    listed = await pins.pinned_in(context.node, context.room, context.member)
    lines = [
        f"{one.author}: {' '.join(one.words.split())} · pinned by {one.by} · /rooms/{context.room.slug}?at={one.seq}"
        for one in listed
    ]
    return "\n".join(lines) or "Nothing is pinned here. /pin keeps the last message in sight."
