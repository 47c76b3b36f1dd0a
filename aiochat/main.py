"""The site as one value: what each request passes, what opens and closes, who answers where."""

from __future__ import annotations

import aiohttp_jinja2
import aiohttp_session
from aiohttp import web

from accounts.cookies import CookieSessions
from accounts.csrf import csrf_middleware
from accounts.keys import GATE, SECRET
from accounts.middlewares import user_middleware
from accounts.passes import Gate
from accounts.storage import SESSIONS, RedisSessions
from accounts.views import page_context
from aiochat import contexts
from aiochat.assets import Assets
from aiochat.headers import guarding
from aiochat.routes import add_routes
from aiochat.settings import STATIC, TEMPLATES, Settings
from aiochat.templates import Templates
from chat.keys import GUESTS, KNOCKS
from helpers.middlewares import (
    ALLOWED_ORIGINS,
    OWN_ORIGINS,
    error_middleware,
    origin_middleware,
    proxy_middleware,
    remember_prepared,
    straight_middleware,
)
from helpers.throttle import Buckets
from helpers.web import PAGE_CONTEXTS

A_DAY = 86400
KNOCKS_OF_ONE = 4


def create_app(settings: Settings) -> web.Application:
    """The whole site, not yet opened. `settings` name the database, Redis and a secret key."""
    assert settings.secret_key is not None, "a secret is made before the site is"
    sessions = _sessions(settings, settings.secret_key)
    app = web.Application(
        middlewares=[
            proxy_middleware(settings.trusted_proxies),
            # Twice: around the session, whose keeping may fail, and in it, for an error page changes it too.
            error_middleware,
            straight_middleware,
            aiohttp_session.session_middleware(sessions),
            error_middleware,
            origin_middleware,
            user_middleware,
            csrf_middleware,
        ]
    )
    app[contexts.SETTINGS] = settings
    app[SESSIONS] = sessions
    app[SECRET] = settings.secret_key.encode()
    app[GATE] = Gate(settings.pass_secret.encode(), settings.pass_audience) if settings.pass_secret else None
    app[GUESTS] = settings.welcomes_guests
    # A whole house of programs may sit behind one address.
    app[KNOCKS] = Buckets(KNOCKS_OF_ONE * settings.post_rate, KNOCKS_OF_ONE * settings.post_burst)
    app[PAGE_CONTEXTS] = (page_context,)
    app[OWN_ORIGINS] = frozenset({settings.public_url} if settings.public_url else ())
    app[ALLOWED_ORIGINS] = frozenset(settings.allowed_origins)

    assets = Assets(STATIC)
    environment = aiohttp_jinja2.setup(app, loader=Templates(TEMPLATES), trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(static=assets.url, modules=assets.modules)

    app.cleanup_ctx.extend([contexts.database, contexts.redis, contexts.node])
    app.on_shutdown.append(contexts.let_go)
    app.on_response_prepare.append(remember_prepared)
    app.on_response_prepare.append(guarding(is_secure=settings.is_secure))
    add_routes(app, assets)
    return app


def _sessions(settings: Settings, secret: str) -> RedisSessions:
    seconds = settings.session_days * A_DAY
    if settings.session_store == "cookie":
        return CookieSessions(secret.encode(), seconds=seconds, secure=settings.is_secure)
    return RedisSessions(seconds=seconds, secure=settings.is_secure)
