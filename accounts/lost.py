"""The page behind a link for somebody who has lost their password."""

from __future__ import annotations

from aiohttp import web

from accounts import links, sessions
from accounts.forms import Form, empty_form, read_form
from helpers.errors import AppError
from helpers.web import BUS, MANAGER, redirect, render_page


async def reset_page(request: web.Request) -> web.StreamResponse:
    """GET /reset/<token>: looking at it uses nothing up, for programs follow links, too."""
    return await _page(request, empty_form())


async def reset(request: web.Request) -> web.StreamResponse:
    """POST /reset/<token>: a new password, and one is in."""
    form = await read_form(request, "password")
    manager, bus = request.config_dict[MANAGER], request.config_dict[BUS]
    try:
        user = await links.use_link(manager, bus, request.match_info["token"], form["password"])
    except links.NoSignInLink:
        raise
    except AppError as error:
        form.refuse(error, beside="password")
        return await _page(request, form)
    await sessions.sign_in(request, user)
    raise redirect("/rooms")


async def _page(request: web.Request, form: Form) -> web.StreamResponse:
    user = await links.whose_link(request.config_dict[MANAGER], request.match_info["token"])
    context = {"name": user.name, "errors": form.errors}
    return await render_page(request, "accounts/reset.html", context, status=form.status)
