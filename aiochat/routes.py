"""Every address of the site on one page."""

from __future__ import annotations

from aiohttp import web

from accounts import lost
from accounts import views as account_views
from aiochat import health
from aiochat.assets import Assets
from chat import api, hooks, records, settings, views, welcome
from chat.sockets.echo import echo_socket
from chat.sockets.nicks import nick_socket
from chat.sockets.plain import room_door
from chat.sockets.rooms import rooms_socket


def add_routes(app: web.Application, assets: Assets) -> None:
    """Say who answers where."""
    app.add_routes(
        [
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/", views.home),
            web.get("/setup/{token}", welcome.set_up_page),
            web.post("/setup/{token}", welcome.set_up),
            web.get("/welcome", welcome.welcome),
            web.get("/join/{token}", welcome.join_page),
            web.post("/join/{token}", welcome.join),
            web.get("/register", account_views.register_page),
            web.post("/register", account_views.register),
            web.get("/login", account_views.login_page),
            web.post("/login", account_views.login),
            web.get("/reset/{token}", lost.reset_page),
            web.post("/reset/{token}", lost.reset),
            web.get("/logout", account_views.logout_page),
            web.post("/logout", account_views.logout),
            web.get("/me", account_views.profile),
            web.post("/me/password", account_views.change_password),
            web.post("/me/sign-out-everywhere", account_views.sign_out_everywhere),
            web.post("/me/email", account_views.set_email),
            web.post("/me/tokens", account_views.make_token),
            web.post("/me/tokens/revoke", account_views.revoke_token),
            web.post("/theme", account_views.set_theme),
            web.get("/rooms", views.list_rooms),
            web.post("/rooms", views.create_room),
            web.get("/rooms/{slug}", views.show_room),
            web.post("/rooms/{slug}", views.say_by_form),
            web.get("/rooms/{slug}/settings", settings.show),
            web.get("/rooms/{slug}/log", records.show),
            web.post("/rooms/{slug}/log", records.take_back),
            web.get("/rooms/{slug}/reports", records.show_reports),
            web.post("/rooms/{slug}/reports", records.act_on_report),
            web.post("/rooms/{slug}/settings", settings.save),
            web.post("/rooms/{slug}/settings/archive", settings.archive),
            web.post("/rooms/{slug}/settings/destroy", settings.destroy),
            web.post("/rooms/{slug}/links", settings.make_link),
            web.post("/rooms/{slug}/links/revoke", settings.revoke_link),
            web.post("/rooms/{slug}/hooks", settings.make_hook),
            web.post("/rooms/{slug}/hooks/revoke", settings.revoke_hook),
            web.get("/rooms/{slug}/ws", room_door),
            web.get("/ws/{slug}", room_door),
            web.get("/ws", rooms_socket),
            web.get("/chat", nick_socket),
            web.get("/echo", echo_socket),
            web.get("/chat/rooms", views.old_list),
            web.get("/chat/rooms/{slug}", views.old_room),
            web.post("/hooks/{slug}/{secret}", hooks.post),
            web.get("/api/commands", api.list_commands),
            web.get("/api/rooms", api.list_rooms),
            web.post("/api/rooms", api.create_room),
            web.get("/api/rooms/{slug}/messages", api.read_messages),
            web.post("/api/rooms/{slug}/messages", api.post_message),
            web.get("/api/rooms/{slug}/here", api.who_is_here),
            web.get("/api/rooms/{slug}/me", api.about_me),
            web.get("/api/rooms/{slug}/log", records.read),
            web.get("/static/{hash:[0-9a-f]+}/{path:.+}", assets.serve),
        ]
    )
