"""The doors of the house as pages: register, sign in, sign out, and one's own account."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from aiohttp import web

from accounts import actions, doors, sessions, tokens
from accounts.csrf import csrf_token
from accounts.errors import BadCredentials, RegistrationClosed, WrongPassword
from accounts.forms import Form, empty_form, read_form
from accounts.keys import RESTS, SITE_CARD, USER
from accounts.mail import clean_email
from accounts.middlewares import anonymous_required, login_required, user_of
from accounts.models import User
from accounts.site import NAMELESS, read_site
from helpers.errors import AppError
from helpers.outages import Unavailable
from helpers.web import BUS, MANAGER, REDIS, flash, local_path, redirect, render_page, take_flashes

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "aiochat_theme"
THEME_SECONDS = 400 * 86400
INVITATION = re.compile(r"(?:^|/join/)([A-Za-z0-9_-]{16,128})/?(?:[?#].*)?$")


async def page_context(request: web.Request) -> dict[str, Any]:
    """What every page shows: `user`, `site`, `theme`, `csrf`, `flashes`. For `PAGE_CONTEXTS`.

    A page about an outage is still a page: what cannot be known is left out.
    """
    theme = request.cookies.get(THEME_COOKIE)
    card = request.config_dict.get(SITE_CARD)
    context: dict[str, Any] = {
        "user": request.get(USER),
        "site": NAMELESS if card is None else await card.site(),
        "theme": theme if theme in THEMES else "auto",
        "csrf": "",
        "flashes": [],
    }
    if USER in request:
        try:
            context["flashes"] = await take_flashes(request)
            context["csrf"] = await csrf_token(request)
        except Unavailable:
            context["flashes"] = []
    return context


@anonymous_required
async def login_page(request: web.Request) -> web.StreamResponse:
    """GET /login"""
    return await _login(request, empty_form(next=local_path(request.query.get("next")) or ""))


@anonymous_required
async def login(request: web.Request) -> web.StreamResponse:
    """POST /login"""
    form = await read_form(request, "name", "password", "next")
    try:
        user = await check_sign_in(request, form["name"], form["password"])
    except AppError as error:
        form.refuse(error, beside="password")
        return await _login(request, form)
    await sessions.sign_in(request, user)
    raise redirect(form["next"])


async def _login(request: web.Request, form: Form) -> web.StreamResponse:
    # Who was shut out while they were here stands before this door without having asked for it.
    rests = request[RESTS].text if RESTS in request and not form.errors else ""
    return await _door(request, "accounts/login.html", form, rests=rests)


async def check_sign_in(request: web.Request, name: str, password: str) -> User:
    """Whose name and password these are, every try counted.

    Raises `BadCredentials` with the tries left, `Suspended`, `RateLimited`, `Busy`, `Unavailable`.
    """
    redis = request.config_dict[REDIS]
    tries = await doors.count_sign_in(redis, name, request.remote)
    try:
        user = await actions.check_credentials(request.config_dict[MANAGER], name, password)
    except BadCredentials:
        raise BadCredentials(tries.left, doors.PAUSE) from None
    await doors.forgive_sign_in(redis, name, request.remote)
    return user


@anonymous_required
async def register_page(request: web.Request) -> web.StreamResponse:
    """GET /register"""
    return await _register(request, empty_form(next=local_path(request.query.get("next")) or ""))


@anonymous_required
async def register(request: web.Request) -> web.StreamResponse:
    """POST /register: an account where registration is open, the way to an invitation where it is not."""
    manager = request.config_dict[MANAGER]
    site = await read_site(manager)
    form = await read_form(request, "name", "password", "email", "next", "link")
    if site.registration == "invite" and form["link"]:
        return await _invited(request, form)
    if site.registration != "open" or not site.is_set_up:
        raise RegistrationClosed
    try:
        actions.require_newcomer(form["name"], form["password"])
        email = clean_email(form["email"])
        # Counted before the password is hashed, or whoever comes too often still keeps the house busy.
        await doors.count_sign_up(request.config_dict[REDIS], request.remote)
        comer = await actions.newcomer(form["name"], form["password"])
        user = await actions.enrol(manager, replace(comer, email=email))
    except AppError as error:
        form.refuse(error, beside="name")
        return await _register(request, form)
    await sessions.sign_in(request, user)
    raise redirect(form["next"])


async def _invited(request: web.Request, form: Form) -> web.StreamResponse:
    invitation = INVITATION.search(form["link"].strip())
    if invitation is not None:
        raise redirect(f"/join/{invitation[1]}")
    form.errors["link"] = "That is not a link to this chat. It has /join/ in it and a long code."
    form.status = 400
    return await _register(request, form)


async def _register(request: web.Request, form: Form) -> web.StreamResponse:
    site = await read_site(request.config_dict[MANAGER])
    return await _door(request, "accounts/register.html", form, registration=site.registration)


async def logout_page(request: web.Request) -> web.StreamResponse:
    """GET /logout: signs nobody out, for any page could lead here; asks."""
    if request.get(USER) is None:
        raise redirect("/login")
    return await render_page(request, "accounts/logout.html")


async def logout(request: web.Request) -> web.StreamResponse:
    """POST /logout"""
    await sessions.sign_out(request, request.get(USER))
    await flash(request, "You are signed out.", "good")
    raise redirect("/login")


@login_required
async def profile(request: web.Request) -> web.StreamResponse:
    """GET /me"""
    return await _profile(request, empty_form())


async def _profile(request: web.Request, form: Form, **more: Any) -> web.StreamResponse:
    cards = await tokens.list_tokens(request.config_dict[MANAGER], user_of(request).id)
    return await _door(request, "accounts/profile.html", form, tokens=cards, **more)


@login_required
async def set_email(request: web.Request) -> web.StreamResponse:
    """POST /me/email: another address, or none."""
    form = await read_form(request, "email")
    try:
        email = clean_email(form["email"])
    except AppError as error:
        form.refuse(error, beside="email")
        return await _profile(request, form)
    await actions.set_email(request.config_dict[MANAGER], user_of(request).id, email)
    await flash(
        request, "Your address is kept." if email else "No address of yours is kept any more.", "good"
    )
    raise redirect("/me")


@login_required
async def make_token(request: web.Request) -> web.StreamResponse:
    """POST /me/tokens: the answer is the only page that ever shows the token."""
    form = await read_form(request, "label")
    try:
        token = await tokens.make_token(request.config_dict[MANAGER], user_of(request).id, form["label"])
    except AppError as error:
        form.refuse(error, beside="label")
        return await _profile(request, form)
    return await _profile(request, empty_form(), made={"label": form["label"].strip(), "token": token})


@login_required
async def revoke_token(request: web.Request) -> web.StreamResponse:
    """POST /me/tokens/revoke"""
    form = await read_form(request, "id")
    given = form["id"]
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
    app = request.config_dict
    if await tokens.revoke_token(app[MANAGER], app[BUS], user_of(request).id, number):
        await flash(
            request, "The token is revoked: nobody comes in by it any more, and who had is out.", "good"
        )
    else:
        await flash(request, "There is no such token of yours.", "error")
    raise redirect("/me")


@login_required
async def change_password(request: web.Request) -> web.StreamResponse:
    """POST /me/password: every other session ends, this one goes on under a fresh key."""
    user = user_of(request)
    form = await read_form(request, "old", "new")
    try:
        changed = await _change_password(request, user, form["old"], form["new"])
    except AppError as error:
        form.refuse(error, beside="old")
        return await _profile(request, form)
    await sessions.sign_in(request, changed)
    await flash(request, "Your password is changed. Everywhere else you are signed out.", "good")
    raise redirect("/me")


async def _change_password(request: web.Request, user: User, old: str, new: str) -> User:
    app = request.config_dict
    tries = await doors.count_sign_in(app[REDIS], user.name, request.remote)
    try:
        changed = await actions.change_password(app[MANAGER], app[BUS], user, old, new)
    except WrongPassword:
        raise WrongPassword(tries.left, doors.PAUSE) from None
    await doors.forgive_sign_in(app[REDIS], user.name, request.remote)
    return changed


@login_required
async def sign_out_everywhere(request: web.Request) -> web.StreamResponse:
    """POST /me/sign-out-everywhere"""
    await sessions.sign_out_everywhere(request, user_of(request))
    await flash(request, "You are signed out, here and everywhere else.", "good")
    raise redirect("/login")


async def set_theme(request: web.Request) -> web.StreamResponse:
    """POST /theme: light, dark, or as the system says."""
    form = await read_form(request, "theme", "next")
    there = redirect(form["next"])
    if form["theme"] in THEMES:
        # No secret, and the page's own script sets it too: so it is not HttpOnly.
        there.set_cookie(THEME_COOKIE, form["theme"], max_age=THEME_SECONDS, samesite="Lax", path="/")
    raise there


async def _door(request: web.Request, template: str, form: Form, **more: Any) -> web.StreamResponse:
    page = await render_page(
        request, template, {"form": form, "errors": form.errors, **more}, status=form.status
    )
    page.headers.update(form.headers)
    return page
