"""The ways in by a link: setting the site up, and coming by invitation."""

from __future__ import annotations

from aiohttp import web

from accounts import doors
from accounts.actions import Newcomer, newcomer, require_newcomer
from accounts.forms import Form, empty_form, read_form
from accounts.keys import SITE_CARD, USER
from accounts.middlewares import login_required
from accounts.models import User
from accounts.sessions import sign_in
from chat.actions import invitations
from chat.actions.invitations import LOBBY, Invited, NoSetUp
from chat.handed import invitation_of, remember_invitation
from chat.keys import GUESTS, NODE
from helpers.errors import AppError
from helpers.qr import qr
from helpers.web import REDIS, redirect, render_page


async def set_up_page(request: web.Request) -> web.StreamResponse:
    """GET /setup/<token>"""
    if not await invitations.may_set_up(request.config_dict[NODE], request.match_info["token"]):
        raise NoSetUp
    return await _set_up(request, empty_form())


async def set_up(request: web.Request) -> web.StreamResponse:
    """POST /setup/<token>: the admin, the lobby, and the link for the others."""
    node, token = request.config_dict[NODE], request.match_info["token"]
    if not await invitations.may_set_up(node, token):
        raise NoSetUp
    form = await read_form(request, "site", "name", "password", "registration")
    try:
        comer = await newcomer(form["name"], form["password"])
        admin, invitation = await invitations.set_up(
            node,
            token,
            form["site"],
            comer,
            registration=form["registration"],
            guests=request.config_dict[GUESTS],
        )
    except NoSetUp:
        raise
    except AppError as error:
        form.refuse(error, beside="name")
        return await _set_up(request, form)
    await sign_in(request, admin)
    request.config_dict[SITE_CARD].forget()
    await remember_invitation(request, invitation)
    raise redirect("/welcome")


@login_required
async def welcome(request: web.Request) -> web.StreamResponse:
    """GET /welcome: the link for the others, as long as this session knows it."""
    url = await invitation_of(request)
    if not url:
        raise redirect("/rooms")
    context = {"invite_url": url, "invite_qr": qr(url), "room": {"slug": LOBBY}}
    return await render_page(request, "chat/invite.html", context)


async def _set_up(request: web.Request, form: Form) -> web.StreamResponse:
    context = {"errors": form.errors, "values": form.values}
    return await render_page(request, "chat/setup.html", context, status=form.status)


async def join_page(request: web.Request) -> web.StreamResponse:
    """GET /join/<token>: the invitation, opened. It is used only by the form on it."""
    invited = await invitations.look(request.config_dict[NODE], request.match_info["token"])
    return await _join(request, invited, empty_form())


async def join(request: web.Request) -> web.StreamResponse:
    """POST /join/<token>: come in, with a new account or with one's own."""
    node, token = request.config_dict[NODE], request.match_info["token"]
    invited = await invitations.look(node, token)
    form = await read_form(request, "name", "password")
    user: User | None = request.get(USER)
    comer: Newcomer | User
    try:
        if user is None:
            require_newcomer(form["name"], form["password"])
            await doors.count_sign_up(request.config_dict[REDIS], request.remote)
            comer = await newcomer(form["name"], form["password"])
        else:
            comer = user
        joined, invited = await invitations.accept(node, token, comer)
    except AppError as error:
        if user is not None or isinstance(error, invitations.NoInvitation):
            # Who has an account filled in nothing beside which it could be said.
            raise
        form.refuse(error, beside="name")
        return await _join(request, invited, form)
    if user is None:
        await sign_in(request, joined)
    raise redirect(f"/rooms/{invited.slug}" if invited.slug else "/rooms")


async def _join(request: web.Request, invited: Invited, form: Form) -> web.StreamResponse:
    room = {"slug": invited.slug, "title": invited.title, "topic": invited.topic} if invited.slug else None
    context = {"invited_by": invited.by, "room": room, "errors": form.errors, "values": form.values}
    return await render_page(request, "chat/join.html", context, status=form.status)
