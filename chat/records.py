"""The log of moderation as a page for owners, and as JSON for admins of the site."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby

from aiohttp import web

from accounts.middlewares import login_required, user_of
from chat.actions import audit
from chat.keys import NODE
from chat.listing import index_of
from chat.members import enter
from chat.policy import Permission
from helpers.web import json_response, read_number, read_paging, render_page

PAGE = 100


@login_required
async def show(request: web.Request) -> web.StreamResponse:
    """GET /rooms/<slug>/log?before=: what was done, the newest first."""
    node = request.config_dict[NODE]
    room, member = await enter(node.manager, user_of(request).id, request.match_info["slug"])
    before = read_number(request, "before")
    done = await audit.done_in(node, room, member, PAGE + 1, before=before, permission=Permission.SETTINGS)
    shown = done[:PAGE]
    context = {
        "room": {**room.told(), "private": room.set.private},
        "you": {"id": member.user_id, "name": member.name, "role": member.role.word},
        "rooms": await index_of(node, member.user_id, room.slug),
        "days": [(day, list(acts)) for day, acts in groupby(shown, key=lambda one: f"{one.at:%A %-d %B}")],
        "older": f"/rooms/{room.slug}/log?before={shown[-1].seq}" if len(done) > PAGE else "",
    }
    return await render_page(request, "chat/records.html", context)


async def read(request: web.Request) -> web.StreamResponse:
    """GET /api/rooms/<slug>/log?before=&limit=: the same for programs of an admin, `complete` at its beginning."""
    node = request.config_dict[NODE]
    room, member = await enter(node.manager, user_of(request).id, request.match_info["slug"])
    paging = read_paging(request, usual=PAGE)
    done = await audit.done_in(
        node, room, member, paging.limit + 1, before=paging.before, permission=Permission.RULE_SITE
    )
    return json_response(
        {"acts": [asdict(one) for one in done[: paging.limit]], "complete": len(done) <= paging.limit}
    )
