"""Where requests and the application carry what accounts know."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from accounts.errors import Suspended
from accounts.models import User
from accounts.passes import Gate
from accounts.site import SiteCard
from helpers.together import Together

# Who asks, None for nobody. A user whose session or token is no longer good never gets here.
USER: web.RequestKey[User | None] = web.RequestKey("user", cast("type[User | None]", User))
# Why the account rests whose session this was; only there where it does.
RESTS: web.RequestKey[Suspended] = web.RequestKey("rests", Suspended)
SECRET = web.AppKey("secret", bytes)
# By which passes people of another site come in; None where none are taken.
GATE: web.AppKey[Gate | None] = web.AppKey("gate", cast("type[Gate | None]", Gate))
SITE_CARD = web.AppKey("site_card", SiteCard)
# The user of a number: everybody who asks at the same time is answered by one question to the database.
USERS: web.AppKey[Together[int, User | None]] = web.AppKey("users", Together)
