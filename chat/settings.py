"""The settings of a room as a page for its owners: so far its hooks."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from accounts.forms import Form, empty_form, read_form
from accounts.middlewares import login_required, user_of
from chat.actions import hooks
from chat.actions.hooks import Made
from chat.handed import address_of
from chat.input import require_patience
from chat.keys import NODE
from chat.listing import index_of
from chat.members import Member, enter
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from helpers.errors import AppError
from helpers.web import flash, redirect, render_page


@login_required
async def show(request: web.Request) -> web.StreamResponse:
    """GET /rooms/<slug>/settings"""
    node, room, member = await _entered(request)
    return await _page(request, node, room, member, empty_form())


@login_required
async def make_hook(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/hooks: the answer is the only page that ever shows the address."""
    node, room, member = await _entered(request)
    form = await read_form(request, "name")
    try:
        require_patience(node, member.user_id)
        made = await hooks.make(node, room, member, form["name"].strip())
    except AppError as error:
        form.refuse(error, beside="name")
        return await _page(request, node, room, member, form)
    return await _page(request, node, room, member, empty_form(), made)


@login_required
async def revoke_hook(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/hooks/revoke"""
    node, room, member = await _entered(request)
    form = await read_form(request, "name")
    try:
        require_patience(node, member.user_id)
        answer = await hooks.revoke(node, room, member, form["name"])
        await flash(request, answer.text, "good")
    except AppError as error:
        await flash(request, error.text, "error")
    raise redirect(f"/rooms/{room.slug}/settings#hooks")


async def _entered(request: web.Request) -> tuple[Node, Room, Member]:
    node = request.config_dict[NODE]
    room, member = await enter(node.manager, user_of(request).id, request.match_info["slug"])
    require(member.role, Permission.SETTINGS, room=room.slug)
    return node, room, member


async def _page(
    request: web.Request, node: Node, room: Room, member: Member, form: Form, made: Made | None = None
) -> web.StreamResponse:
    context: dict[str, Any] = {
        "room": {**room.told(), "private": room.set.private},
        "you": {"id": member.user_id, "name": member.name, "role": member.role.word},
        "rooms": await index_of(node, member.user_id, room.slug),
        "hooks": await hooks.listed(node, room, member),
        "made": None if made is None else {"name": made.name, "address": address_of(request) + made.path},
        "values": form.values,
        "errors": form.errors,
    }
    return await render_page(request, "chat/settings.html", context, status=form.status)
