"""The invitation made at set-up, kept in the session of who made it: to be shown until it was handed on."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from helpers.middlewares import OWN_ORIGINS

INVITATION = "invitation"


async def remember_invitation(request: web.Request, token: str) -> None:
    """Keep an invitation's token in this session. Raises `Unavailable`."""
    (await get_session(request))[INVITATION] = token


async def invitation_of(request: web.Request) -> str:
    """The invitation this session made at set-up, as a link to hand on; else nothing."""
    token = (await get_session(request)).get(INVITATION)
    return f"{address_of(request)}/join/{token}" if isinstance(token, str) else ""


def address_of(request: web.Request) -> str:
    """Where this site is, for a link to hand on: its public address, or the one it was asked at."""
    known = sorted(request.config_dict.get(OWN_ORIGINS, ()))
    return known[0] if known else f"{request.scheme}://{request.host}"
