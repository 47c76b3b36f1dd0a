"""Whose session a request carries, and how one begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp_session import Session, get_session, new_session

from accounts import actions
from accounts.errors import NotSignedIn
from accounts.keys import RESTS, USERS
from accounts.models import User
from accounts.refs import is_session, token_ref
from accounts.rests import why_rests
from accounts.storage import COOKIE, ID, KEPT, SESSIONS, end_session, end_sessions, ref_of
from accounts.storage import USER as USER_ID
from accounts.tokens import require_token
from helpers.web import BIGGEST, BUS, FLASHES, MANAGER, REDIS

EPOCH = "epoch"


async def sign_in(request: web.Request, user: User) -> None:
    """Begin a session for this user under a fresh key; the one the request came with ends.

    Raises `Unavailable`.
    """
    before = await get_session(request)
    session = await new_session(request)
    if FLASHES in before:
        session[FLASHES] = before[FLASHES]
    session[USER_ID] = user.id
    session[EPOCH] = user.session_epoch


async def sign_out(request: web.Request, user: User | None) -> None:
    """End this session now, here and in every open socket. Raises `Unavailable`."""
    ref = session_ref(request)
    # What comes next, a flash perhaps, belongs to a session of its own.
    await new_session(request)
    if ref is None:
        return
    await end_session(request.config_dict[REDIS], ref)
    if user is not None:
        actions.sign_out(request.config_dict[BUS], user.id, ref)


async def sign_out_everywhere(request: web.Request, user: User) -> None:
    """End every session of this user, this one included. Raises `Unavailable`, `NoSuchUser`."""
    await actions.sign_out_everywhere(request.config_dict[MANAGER], request.config_dict[BUS], user.id)
    await end_sessions(request.config_dict[REDIS], user.id)
    await new_session(request)


def session_ref(request: web.Request) -> str | None:
    """The name of the session a request came with, to compare with `SignedOut.session`; never its id."""
    cookie = request.cookies.get(COOKIE)
    return ref_of(cookie) if cookie and ID.fullmatch(cookie) else None


async def session_lasts(request: web.Request, ref: str | None) -> bool:
    """Whether this session is kept still; who came without one needs none.

    For whoever keeps a connection open, after they began to hear of ends. Raises `Unavailable`.
    """
    return not is_session(ref) or ref is None or await request.config_dict[KEPT].of(ref) is not None


def token_in(request: web.Request) -> str | None:
    """The Bearer token a request carries; without one its session speaks, whatever else `Authorization` says."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are by what they carry: to be held against their account before it is believed.

    `way_in` is the ref of it, and `session_epoch` their account's when they were given it.
    """

    user_id: int
    session_epoch: int
    way_in: str


async def claim_of(request: web.Request) -> Claim:
    """Who asks, where whoever needs to know looks at the account anyway.

    Raises NotSignedIn, BadToken, Rests, Unavailable.
    """
    token = token_in(request)
    if token is not None:
        user = await require_token(request.config_dict[MANAGER], token)
        return Claim(user.id, user.session_epoch, token_ref(token))
    claim = None
    if ref := session_ref(request):
        claim = _claim_in(await request.config_dict[SESSIONS].load_session(request), ref)
    if claim is None:
        raise NotSignedIn
    return claim


def _claim_in(session: Session, ref: str) -> Claim | None:
    user_id, epoch = session.get(USER_ID), session.get(EPOCH)
    if type(user_id) is not int or type(epoch) is not int or not 0 < user_id <= BIGGEST:
        return None
    return Claim(user_id, epoch, ref)


async def user_of_session(request: web.Request) -> User | None:
    """Whose session this is; nobody's when the user is gone, rests, or ended all sessions since.

    One question to Redis and one to the database, and neither without a cookie. Raises `Unavailable`.
    """
    ref = session_ref(request)
    claim = _claim_in(await get_session(request), ref) if ref else None
    if claim is None:
        return None
    user = await request.config_dict[USERS].ask(claim.user_id)
    if user is not None and user.is_suspended:
        request[RESTS] = await why_rests(request.config_dict[MANAGER], user)
        return None
    return None if user is None or user.session_epoch != claim.session_epoch else user
