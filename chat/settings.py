"""The settings of a room as a page for its owners: what can be typed, by forms, through the same acts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from aiohttp import web

from accounts.forms import Form, empty_form, read_form
from accounts.middlewares import login_required, user_of
from chat.actions import destroying, hooks, inviting, rooms, steering
from chat.actions.hooks import Made
from chat.errors import DirectRoom
from chat.handed import address_of
from chat.input import require_patience
from chat.keys import NODE
from chat.listing import index_of
from chat.members import Member, enter_by_any, find_room
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, Role, require
from helpers.errors import AppError
from helpers.qr import qr
from helpers.web import flash, redirect, render_page

FIELDS = (
    *("title", "topic", "welcome", "enter", "open", "guests_welcome", "write", "slow_mode"),
    *("moderators_clear", "members_topic", "members_invite", "comings_and_goings", "history"),
)
LONGEST_PAUSE = 21_600


class NotTyped(AppError):
    """What cannot be brought back asks for the room's name. `field` is where it is typed."""

    code = "confirm_required"
    message = "Type {name} here to confirm it."

    def __init__(self, name: str, *, field: str) -> None:
        super().__init__(name=name, field=field)


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


@login_required
async def save(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/settings: what has changed is done, each by the act that its command is."""
    node, room, member = await _entered(request)
    form = await read_form(request, *FIELDS)
    try:
        require_patience(node, member.user_id)
        slug = await _keep(node, room, member, form)
    except AppError as error:
        form.refuse(error, beside="title")
        return await _page(request, node, await find_room(node.manager, room.slug), member, form)
    await flash(request, "The settings are kept.", "good")
    raise redirect(f"/rooms/{slug}/settings")


async def _keep(node: Node, room: Room, member: Member, form: Form) -> str:
    """Do what differs from how the room is set; the address it has then. What opens a room comes last."""
    kept = room.set
    closes, opens = form["enter"] == "invited" and not kept.private, form["enter"] == "all" and kept.private
    if opens and form["open"].strip().lstrip("#").lower() != room.slug:
        raise NotTyped(room.slug, field="open")
    if form["topic"].strip() != room.topic:
        await rooms.set_topic(node, room, member, form["topic"])
    if form["welcome"].strip() != room.welcome:
        await steering.set_welcome(node, room, member, form["welcome"])
    wanted = {
        "guests_welcome": bool(form["guests_welcome"]),
        "moderated": form["write"] == "voiced",
        "slow_mode": _seconds(form["slow_mode"], kept.slow_mode),
        "moderators_clear": bool(form["moderators_clear"]),
        "topic_by": _who(form["members_topic"], kept.topic_by),
        "invite_by": _who(form["members_invite"], kept.invite_by),
        "comings_and_goings": bool(form["comings_and_goings"]),
        "history_from_join": _history(form["history"], kept.history_from_join),
    }
    await steering.set_switches(node, room, member, {**wanted, **({"private": True} if closes else {})})
    if opens:
        await steering.open_to_all(node, room, member, "", by_name=True)
    if form["title"].strip() != room.title:
        await steering.rename(node, room, member, form["title"])
    return str((await find_room(node.manager, room.slug)).slug)


def _who(members: str, now: Role) -> str:
    """Members and up, or moderators: whoever else it is now stays so."""
    if members:
        return min(now, Role.MEMBER).word
    return max(now, Role.MODERATOR).word


def _history(typed: str, now: bool) -> bool:
    """A form that says nothing of it, as one of a page opened before, changes nothing."""
    return {"join": True, "all": False}.get(typed, now)


def _seconds(typed: str, now: int) -> int:
    seconds = int(typed) if re.fullmatch("[0-9]{1,5}", typed) else now
    return seconds if seconds <= LONGEST_PAUSE else now


@login_required
async def archive(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/settings/archive: read-only, or open again."""
    node, room, member = await _entered(request)
    form = await read_form(request, "archived")
    wanted, said = {"archived": bool(form["archived"])}, "{room} is open again."
    if form["archived"]:
        said = "{room} is archived: it can be read, and opened again here."
    try:
        require_patience(node, member.user_id)
        answer = await steering.set_switches(node, room, member, wanted, command="archive", said=said)
        await flash(request, answer.text, "good")
    except AppError as error:
        await flash(request, error.text, "error")
    raise redirect(f"/rooms/{room.slug}/settings#closing")


@login_required
async def destroy(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/settings/destroy: the room's name is typed for it."""
    node, room, member = await _entered(request)
    form = await read_form(request, "confirm")
    try:
        require_patience(node, member.user_id)
        if form["confirm"].strip().lstrip("#").lower() != room.slug:
            raise NotTyped(room.slug, field="confirm")
        answer = await destroying.destroy(node, room, member, room.slug, "", by_name=True)
    except AppError as error:
        form.refuse(error, beside="confirm")
        return await _page(request, node, room, member, form)
    await flash(request, answer.text, "good")
    raise redirect("/rooms")


@login_required
async def make_link(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/links: the answer is the only page that ever shows the link."""
    node, room, member = await _entered(request)
    form = await read_form(request, "uses", "days")
    uses = (
        int(form["uses"]) if form["uses"] in ("1", "5", "25", "100") else None if form["uses"] == "any" else 1
    )
    days = int(form["days"]) if form["days"] in ("1", "7", "30") else 7
    try:
        require_patience(node, member.user_id)
        _, path = await inviting.make_link(node, room, member, uses=uses, lasts=timedelta(days=days))
    except AppError as error:
        await flash(request, error.text, "error")
        raise redirect(f"/rooms/{room.slug}/settings#invitations") from None
    return await _page(request, node, room, member, empty_form(), made_link=address_of(request) + path)


@login_required
async def revoke_link(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/links/revoke"""
    node, room, member = await _entered(request)
    form = await read_form(request, "number")
    number = int(form["number"]) if re.fullmatch(r"[0-9]{1,15}", form["number"]) else 0
    try:
        require_patience(node, member.user_id)
        answer = await inviting.revoke_link(node, room, member, number)
        await flash(request, answer.text, "good")
    except AppError as error:
        await flash(request, error.text, "error")
    raise redirect(f"/rooms/{room.slug}/settings#invitations")


async def _entered(request: web.Request) -> tuple[Node, Room, Member]:
    node = request.config_dict[NODE]
    room, member = await enter_by_any(node.manager, user_of(request).id, request.match_info["slug"])
    if room.kind != "room":
        raise DirectRoom
    require(member.role, Permission.SETTINGS, room=room.slug)
    return node, room, member


async def _page(
    request: web.Request,
    node: Node,
    room: Room,
    member: Member,
    form: Form,
    made: Made | None = None,
    made_link: str = "",
) -> web.StreamResponse:
    context: dict[str, Any] = {
        "room": {**room.told(), "private": room.set.private},
        "you": {"id": member.user_id, "name": member.name, "role": member.role.word},
        "rooms": await index_of(node, member.user_id, room.slug),
        "wanted": _wanted(room, form),
        "links": await inviting.links_of(node, room, member),
        "made_link": {"address": made_link, "qr": qr(made_link)} if made_link else None,
        "hooks": await hooks.listed(node, room, member),
        "made": None if made is None else {"name": made.name, "address": address_of(request) + made.path},
        "values": form.values,
        "errors": form.errors,
    }
    return await render_page(request, "chat/settings.html", context, status=form.status)


def _wanted(room: Room, form: Form) -> dict[str, Any]:
    """What the form shows: how the room is set, or what was typed and refused."""
    kept = room.set
    if "title" not in form.values:
        return {
            **kept.told(),
            "title": room.title,
            "topic": room.topic,
            "welcome": room.welcome,
            "members_topic": kept.topic_by <= Role.MEMBER,
            "members_invite": kept.invite_by <= Role.MEMBER,
        }
    typed: dict[str, Any] = dict(form.values)
    return {
        **typed,
        "private": form["enter"] == "invited",
        "moderated": form["write"] == "voiced",
        "history_from_join": _history(form["history"], kept.history_from_join),
        "slow_mode": _seconds(form["slow_mode"], kept.slow_mode),
    }
