"""Rooms as pages: the list, the room itself, and saying something by a plain form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from aiohttp import web

from accounts.forms import Form, empty_form, read_form
from accounts.keys import USER
from accounts.middlewares import login_required, user_of
from chat.actions import membership, pins, reports, rooms
from chat.actions.ignored import ignored_by
from chat.actions.invitations import LOBBY
from chat.actions.newcomers import require_place
from chat.actions.rooms import slug_of
from chat.errors import NoSuchRoom, Unavailable
from chat.events import told_to
from chat.forbidden import Banned, Removed
from chat.handed import invitation_of
from chat.history import PAGE
from chat.input import require_patience, say, takes_part
from chat.keys import NODE
from chat.listing import index_of, line_of
from chat.log import Nonce, new_nonce
from chat.members import Member, enter, find_room
from chat.models import Room
from chat.node import Node
from chat.policy import Role
from chat.times import FOR_EVER, say_moment
from helpers.errors import AppError
from helpers.web import flash, read_number, read_paging, redirect, render_page


async def home(request: web.Request) -> web.StreamResponse:
    """GET /: one's own only room, the list of rooms, or the door."""
    user = request.get(USER)
    if user is None:
        raise redirect("/login")
    mine = await rooms.visible_to(request.config_dict[NODE], user.id, mine=True, most=2)
    raise redirect(f"/rooms/{mine[0].slug}" if len(mine) == 1 else "/rooms")


@login_required
async def list_rooms(request: web.Request) -> web.StreamResponse:
    """GET /rooms"""
    return await _directory(request, empty_form())


@login_required
async def create_room(request: web.Request) -> web.StreamResponse:
    """POST /rooms: make a room and go there."""
    form = await read_form(request, "slug", "title", "private")
    node, user = request.config_dict[NODE], user_of(request)
    wanted = form["slug"].strip().lstrip("#")
    try:
        require_patience(node, user.id)
        await rooms.require_maker(node, user.id)
        room = await rooms.create(
            node,
            user.id,
            slug_of(wanted) or wanted,
            form["title"].strip() or wanted,
            private=bool(form["private"]),
        )
    except AppError as error:
        form.refuse(error, beside="slug")
        return await _directory(request, form)
    raise redirect(f"/rooms/{room.slug}")


async def _directory(request: web.Request, form: Form) -> web.StreamResponse:
    node, user = request.config_dict[NODE], user_of(request)
    listing = await rooms.visible_to(node, user.id)
    context = {
        "listing": [line_of(room) for room in listing if room.kind == "room"],
        "rooms": await index_of(node, user.id),
        "may_make": await rooms.may_make(node, user.id),
        "errors": form.errors,
        "values": form.values,
    }
    return await render_page(request, "chat/rooms.html", context, status=form.status)


@login_required
async def show_room(request: web.Request) -> web.StreamResponse:
    """GET /rooms/<slug>: the last entries, or with `before` or `at` earlier ones."""
    node, user = request.config_dict[NODE], user_of(request)
    slug = request.match_info["slug"]
    try:
        room, member = await enter(node.manager, user.id, slug)
    except NoSuchRoom:
        room = await find_room(node.manager, slug)
        if room.slug == slug:
            if (page := await _put_out(request, room)) is not None:
                return page
            raise
        # The new address is told only to those who could come in there by themselves.
        await _require_known(node, user.id, room)
        raise redirect(f"/rooms/{room.slug}{_query(request)}") from None
    except (Removed, Banned) as error:
        return await _shown_out(request, error)
    return await _room_page(request, node, room, member)


async def _require_known(node: Node, user_id: int, room: Room) -> None:
    try:
        await enter(node.manager, user_id, room.slug)
    except (Removed, Banned):
        return


async def _room_page(
    request: web.Request, node: Node, room: Room, member: Member, *, status: int = 200, unsent: str = ""
) -> web.StreamResponse:
    at = read_number(request, "at")
    asked = {"around": at} if at is not None else read_paging(request, usual=PAGE).asked()
    page = await node.history.page(room.id, floor=member.floor, **asked)
    entries = [told_to(member.user_id, entry) for entry in page.entries]
    first, last = (entries[0]["seq"], entries[-1]["seq"]) if entries else (0, 0)
    older = bool(entries) and bool((await node.history.before(room.id, first, 1, member.floor)).entries)
    newer = bool(entries) and bool((await node.history.after(room.id, last, 1, member.floor)).entries)
    channel = node.hub.here(room.id) or await node.hub.look(room.id)
    index = await index_of(node, member.user_id, room.slug)
    now = datetime.now(UTC)
    ignored = sorted(await ignored_by(node, member.user_id))
    # A conversation is called by the other one's name, so the room alone cannot tell.
    title = next((line["title"] for line in index if line["current"]), room.title)
    context = {
        "room": {**room.told(), "private": room.set.private, "title": title},
        "you": {
            "id": member.user_id,
            "name": member.name,
            "role": member.role.word,
            "says": node.hub.statuses.of(member.user_id).words(now),
        },
        "rooms": index,
        "people": [
            {**one.told(), "here": True, "says": one.status.words(now)}
            for one in channel.state.people(node.limits.people)
        ],
        "here_count": len(channel.state.here),
        "roles": {user_id: role.word for user_id, role in channel.state.ranks.items() if role > Role.MEMBER},
        "entries": entries,
        "ignored": ignored,
        "pinned": [one.seq for one in await pins.pinned_in(node, room, member)],
        "reported": await reports.open_in(node, room, member),
        # Where no script runs, a link shows them.
        "shown_ignored": () if request.query.get("ignored") == "shown" else ignored,
        "show_url": str(request.rel_url.update_query(ignored="shown")),
        "has_older": older,
        "older_url": f"/rooms/{room.slug}?before={first}",
        "newer_url": f"/rooms/{room.slug}?after={last}" if newer else "",
        "head": room.last_seq,
        "epoch": node.epoch,
        "read": member.read_seq if member.is_member else None,
        "limits": {"text": node.limits.text},
        "nonce": new_nonce().lstrip("~"),
        "unsent": unsent,
        "closed": await _closed(node, room, member),
        # It leads to the lobby; in another room it would bring people to the wrong one.
        "invite_url": await invitation_of(request) if room.slug == LOBBY else "",
    }
    return await render_page(request, "chat/room.html", context, status=status)


async def _closed(node: Node, room: Room, member: Member) -> str:
    """Why somebody who may read here cannot take part, if they cannot: no socket opens for them."""
    try:
        await require_place(node, room, member)
    except AppError as error:
        return error.text
    return ""


@login_required
async def say_by_form(request: web.Request) -> web.StreamResponse:
    """POST /rooms/<slug>: what was typed into the composer where no script runs."""
    node, user = request.config_dict[NODE], user_of(request)
    # Far more than may be said: what is too long is to be told so, and come back.
    form = await read_form(request, "text", "nonce", most=node.limits.frame)
    slug = request.match_info["slug"]
    try:
        room, member = await enter(node.manager, user.id, slug)
        if takes_part(form["text"]):
            member = await membership.join(node, room, member)
        require_patience(node, user.id)
        answer = await say(node, room, member, form["text"], _nonce(form["nonce"]))
        if answer.text:
            await flash(request, answer.text)
    except (Removed, Banned) as error:
        return await _shown_out(request, error)
    except (NoSuchRoom, Unavailable):
        raise
    except AppError as error:
        await flash(request, error.text, "error")
        return await _room_page(request, node, room, member, status=error.status, unsent=form["text"])
    raise redirect(f"/rooms/{slug}")


def _nonce(given: str) -> str:
    try:
        return msgspec.convert(given, Nonce)
    except msgspec.ValidationError:
        # Also one that begins like the server's own: nobody takes the nonce of their own leaving.
        return new_nonce()


async def _shown_out(request: web.Request, error: Removed | Banned) -> web.StreamResponse:
    """The page of somebody who may not come in just now: by whom, why, until when."""
    node, user = request.config_dict[NODE], user_of(request)
    room = await find_room(node.manager, request.match_info["slug"])
    end = await _end_of(node, room, user.id)
    page = await _page_of(request, room, end, banned=isinstance(error, Banned), status=error.status)
    if "retry_after" in error.facts:
        page.headers["Retry-After"] = str(error.facts["retry_after"])
    return page


async def _put_out(request: web.Request, room: Room) -> web.StreamResponse | None:
    """The same page for who was in a private room until somebody put them out; None for everybody else.

    To strangers the room is one that is not there, also to those who were banned from it without ever coming.
    """
    end = await _end_of(request.config_dict[NODE], room, user_of(request).id)
    if room.kind != "room" or not end.were_in or end.kind not in ("kicked", "banned"):
        return None
    banned = end.banned_until is not None and end.banned_until > datetime.now(UTC)
    return await _page_of(request, room, end, banned=banned, status=403)


class _End(NamedTuple):
    """How it ended between somebody and a room: the last entry of its log by which they came or went, and by whom."""

    kind: str | None = None
    by: str = ""
    at: datetime | None = None
    reason: str = ""
    banned_until: datetime | None = None
    out_until: datetime | None = None
    were_in: bool = False


async def _end_of(node: Node, room: Room, user_id: int) -> _End:
    row = await node.manager.row(
        "SELECT m.kind, m.author_name, m.at, s.reason, s.banned_until, s.out_until, s.read_seq > 0 "
        "FROM memberships s LEFT JOIN messages m ON m.room_id = s.room_id "
        "AND m.kind IN ('kicked', 'banned', 'unbanned', 'added', 'removed_self') "
        "AND m.body->'user'->>'id' = s.user_id::text WHERE s.room_id = %s AND s.user_id = %s "
        "ORDER BY m.seq DESC LIMIT 1",
        room.id,
        user_id,
    )
    return _End() if row is None else _End(*row)


async def _page_of(
    request: web.Request, room: Room, end: _End, *, banned: bool, status: int
) -> web.StreamResponse:
    until = end.banned_until if banned else end.out_until
    context = {
        "room": {**room.told(), "private": room.set.private},
        "banned": banned,
        "by": end.by,
        "at": _iso(end.at),
        "at_said": say_moment(end.at) if end.at is not None else "",
        "reason": end.reason,
        "until": "" if until is None or until >= FOR_EVER else _iso(until),
        "until_said": say_moment(until) if until is not None else "",
        "rooms": await index_of(request.config_dict[NODE], user_of(request).id),
    }
    return await render_page(request, "chat/removed.html", context, status=status)


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def old_list(request: web.Request) -> web.StreamResponse:
    """GET /chat/rooms: where the list once was."""
    raise web.HTTPMovedPermanently("/rooms")


async def old_room(request: web.Request) -> web.StreamResponse:
    """GET /chat/rooms/<slug>: where rooms once were."""
    slug = quote(request.match_info["slug"], safe="")
    raise web.HTTPMovedPermanently(f"/rooms/{slug}{_query(request)}")


def _query(request: web.Request) -> str:
    """The query as it came, escapes and all, to be handed on."""
    return f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
