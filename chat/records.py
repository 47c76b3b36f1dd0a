"""The log of moderation as a page for owners and as JSON for admins, and the page of what was reported."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from urllib.parse import urlencode

from aiohttp import web

from accounts.forms import read_form
from accounts.middlewares import login_required, user_of
from chat.actions import audit, messages, mutes, reports, undo
from chat.input import require_patience
from chat.keys import NODE
from chat.listing import index_of
from chat.log import Request, digest, new_nonce
from chat.members import Member, enter_by_any
from chat.models import Room
from chat.node import Node
from chat.policy import Permission
from helpers.errors import AppError
from helpers.web import flash, json_response, read_number, read_paging, redirect, render_page

PAGE = 100
LONGEST_NAME = 100
KINDS = {
    "kicked": "Removals",
    "banned": "Bans",
    "unbanned": "Bans lifted",
    "muted": "Mutes",
    "unmuted": "Mutes lifted",
    "removed": "Removed messages",
    "purged": "Purges",
    "cleared": "Clearings",
    "role": "Ranks",
    "topic": "Topics",
    "settings": "Settings",
    "pinned": "Pins",
}
"""The kinds of acts that the page can be narrowed to, by their words there."""


@login_required
async def show(request: web.Request) -> web.StreamResponse:
    """GET /rooms/<slug>/log?before=&who=&act=: what was done, the newest first; of a person, of a kind."""
    node, room, member = await _entered(request)
    before = read_number(request, "before")
    who = request.query.get("who", "").strip()[:LONGEST_NAME]
    act = request.query.get("act", "")
    act = act if act in KINDS else ""
    done = await audit.done_in(
        node, room, member, PAGE + 1, who, act=act, before=before, permission=Permission.SETTINGS
    )
    shown = done[:PAGE]
    narrowed = {name: value for name, value in (("who", who), ("act", act)) if value}
    context = {
        "room": {**room.told(), "private": room.set.private},
        "you": {"id": member.user_id, "name": member.name, "role": member.role.word},
        "rooms": await index_of(node, member.user_id, room.slug),
        "days": [(day, list(acts)) for day, acts in groupby(shown, key=lambda one: f"{one.at:%A %-d %B}")],
        "older": _address(room, before=shown[-1].seq, **narrowed) if len(done) > PAGE else "",
        "newest": _address(room, **narrowed) if before is not None else "",
        "back": f"?{urlencode(narrowed)}" if narrowed else "",
        "who": who,
        "act": act,
        "kinds": KINDS,
        "waiting": len(await reports.open_in(node, room, member)),
    }
    return await render_page(request, "chat/records.html", context)


def _address(room: Room, **query: str | int) -> str:
    return f"/rooms/{room.slug}/log{'?' if query else ''}{urlencode(query)}"


@login_required
async def take_back(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/log: undo the act that the button stands at, if it is still the newest of its actor."""
    node, room, member = await _entered(request)
    form = await read_form(request, "seq", "back")
    seq = _number(form["seq"])
    try:
        require_patience(node, member.user_id)
        actor = await audit.actor_of(node, room, seq)
        answer = await undo.undo(node, room, member, actor, _request("undo", form["seq"]), meant=seq)
        await flash(request, answer.text, "good")
    except AppError as error:
        await flash(request, error.text, "error")
    raise redirect(f"/rooms/{room.slug}/log{form['back'] if form['back'].startswith('?') else ''}")


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0


@login_required
async def show_reports(request: web.Request) -> web.StreamResponse:
    """GET /rooms/<slug>/reports: what waits for the moderators."""
    node, room, member = await _entered(request)
    context = {
        "room": {**room.told(), "private": room.set.private},
        "you": {"id": member.user_id, "name": member.name, "role": member.role.word},
        "rooms": await index_of(node, member.user_id, room.slug),
        "reports": [
            {"one": one, "by": list(zip(one.by, one.reasons, strict=True))}
            for one in await reports.reported_in(node, room, member)
        ],
    }
    return await render_page(request, "chat/reports.html", context)


@login_required
async def act_on_report(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>/reports: remove the message or mute its author, and in any case resolve it."""
    node, room, member = await _entered(request)
    form = await read_form(request, "seq", "act", "author")
    seq = _number(form["seq"])
    try:
        require_patience(node, member.user_id)
        said = []
        match form["act"]:
            case "remove" if seq:
                await messages.remove(node, room, member, seq, _request("remove", form["seq"]), "reported")
                said.append("The message is removed.")
            case "mute":
                muted = await mutes.mute(node, room, member, form["author"], reason="reported")
                said.append(muted.text)
            case _:
                pass
        answer = await reports.resolve(node, room, member, seq)
        await flash(request, " ".join([*said, answer.text]), "good")
    except AppError as error:
        await flash(request, error.text, "error")
    raise redirect(f"/rooms/{room.slug}/reports")


def _request(*parts: str) -> Request:
    return Request(new_nonce(), digest(*parts))


async def _entered(request: web.Request) -> tuple[Node, Room, Member]:
    node = request.config_dict[NODE]
    room, member = await enter_by_any(node.manager, user_of(request).id, request.match_info["slug"])
    return node, room, member


async def read(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms/<slug>/log?before=&limit=: the same for programs of an admin, `complete` at its beginning."""
    node, room, member = await _entered(request)
    paging = read_paging(request, usual=PAGE)
    done = await audit.done_in(
        node, room, member, paging.limit + 1, before=paging.before, permission=Permission.RULE_SITE
    )
    return json_response(
        {"acts": [asdict(one) for one in done[: paging.limit]], "complete": len(done) <= paging.limit}
    )
