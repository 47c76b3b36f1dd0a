"""Where requests and the application carry what accounts know."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from accounts.models import User
from accounts.site import SiteCard

# Who asks, None for nobody. A user whose session or token is no longer good never gets here.
USER: web.RequestKey[User | None] = web.RequestKey("user", cast("type[User | None]", User))
SECRET = web.AppKey("secret", bytes)
SITE_CARD = web.AppKey("site_card", SiteCard)
