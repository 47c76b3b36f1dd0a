"""Rooms over HTTP, for programs: pages of the log, saying something, who is here, what can be typed."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from accounts.middlewares import user_of
from chat.actions import membership, rooms
from chat.actions.ignored import ignored_by
from chat.actions.newcomers import require_place
from chat.commands import COMMANDS
from chat.events import told_to
from chat.history import PAGE
from chat.input import require_patience, say, takes_part
from chat.keys import NODE
from chat.log import Nonce, new_nonce
from chat.members import Member, enter_by_any
from chat.models import Room
from chat.node import Node
from chat.policy import Role, Switches
from helpers.web import json_response, read_json, read_paging


class Said(msgspec.Struct):
    """What a program says."""

    text: str
    nonce: Nonce | None = None
    reply_to: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0


class NewRoom(msgspec.Struct):
    """A room to be made."""

    slug: str
    title: str = ""
    topic: str = ""
    private: bool = False


async def _entered(request: web.Request) -> tuple[Node, Room, Member]:
    node = request.config_dict[NODE]
    user = user_of(request)
    room, member = await enter_by_any(node.manager, user.id, request.match_info["slug"])
    return node, room, member


async def list_rooms(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms: the rooms one may know of."""
    node = request.config_dict[NODE]
    return json_response({"rooms": await rooms.visible_to(node, user_of(request).id)})


async def create_room(request: web.Request) -> web.StreamResponse:
    """POST /api/rooms: make one. 201 with the room."""
    node = request.config_dict[NODE]
    user = user_of(request)
    wanted = await read_json(request, NewRoom)
    require_patience(node, user.id)
    await rooms.require_maker(node, user.id)
    room = await rooms.create(
        node, user.id, wanted.slug, wanted.title, topic=wanted.topic, private=wanted.private
    )
    return json_response(room.told(), status=201)


async def read_messages(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms/<slug>/messages?before=|after=|around=&limit=: a page of the log, oldest first."""
    node, room, member = await _entered(request)
    asked = read_paging(request, usual=PAGE).asked()
    page = await node.history.page(room.id, floor=member.floor, **asked)
    # What was said since the room was looked up stands in the page; one around a number is read in two parts.
    last = page.entries[-1].seq if page.entries and asked.get("around") is None else 0
    return json_response(
        {
            "entries": [told_to(member.user_id, entry) for entry in page.entries],
            "complete": page.complete,
            "head": max(room.last_seq, last),
            "epoch": node.epoch,
        }
    )


async def post_message(request: web.Request) -> web.StreamResponse:
    """POST /api/rooms/<slug>/messages: 201 with the number, or 200 with notices where a command was typed."""
    said = await read_json(request, Said)
    node, room, member = await _entered(request)
    if takes_part(said.text):
        member = await membership.join(node, room, member)
    require_patience(node, member.user_id)
    answer = await say(node, room, member, said.text, said.nonce or new_nonce(), said.reply_to)
    fields: dict[str, Any] = {"at": answer.at}
    if answer.seq:
        fields["seq"] = answer.seq
    if answer.duplicate:
        fields["duplicate"] = True
    if answer.text:
        fields["notices"] = [answer.text]
    return json_response(fields, status=200 if answer.text or answer.duplicate else 201)


async def who_is_here(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms/<slug>/here"""
    node, room, _ = await _entered(request)
    channel = node.hub.here(room.id) or await node.hub.look(room.id)
    people = channel.state.people(node.limits.people)
    return json_response({"count": len(channel.state.here), "people": [one.told() for one in people]})


async def about_me(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms/<slug>/me: whether one may come in, and as what. A browser cannot see why a socket was refused."""
    node, room, member = await _entered(request)
    await require_place(node, room, member)
    return json_response(
        {
            "id": member.user_id,
            "name": member.name,
            "role": member.role.word,
            "member": member.is_member,
            "muted_until": member.muted_until,
            "ignored": sorted(await ignored_by(node, member.user_id)),
            "room": room.told(),
        }
    )


async def list_commands(request: web.Request) -> web.StreamResponse:
    """GET /api/commands?room=<slug>: what one may type there; without a room, what a member may."""
    node = request.config_dict[NODE]
    user = user_of(request)
    off = node.limits.switched_off(admin=user.is_admin)
    slug = request.query.get("room")
    if slug is None:
        described = COMMANDS.describe(Role.MEMBER, Switches(), off)
    else:
        room, member = await enter_by_any(node.manager, user.id, slug)
        described = COMMANDS.describe(member.role, room.set, off)
    return json_response({"commands": described, "total": len(COMMANDS)})
