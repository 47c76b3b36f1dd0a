"""Sessions that visitors carry themselves, encrypted: Redis keeps nothing of them, and so cannot take one back.

A session ends with its user's epoch, with a suspension, and when it was not renewed for long enough. A copy of both
cookies, taken by somebody, outlives a plain sign-out.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any

from aiohttp import web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

from accounts.storage import Kept, RedisSessions, ref_of
from helpers.web import FLASHES

SEALED = "aiochat_sealed"
# Browsers drop a cookie of more than 4096 bytes, its name and attributes included.
MOST_SEALED = 3800
RENEWED_AFTER = 86400
SHAPE = re.compile(r"[A-Za-z0-9_=-]{1,4096}")
# Beside what the session holds: whose it is, or one cookie could be put beside another's id.
OWNER = "ref"


class Carried(Kept):
    """Stands where what Redis keeps is asked for: of every session as much is kept, which is nothing."""

    def __init__(self) -> None:
        """Needs no Redis."""

    def close(self) -> None:
        """Nothing to hang up."""

    async def of(self, ref: str) -> bytes | None:
        """Nothing that would say it has ended: the user's epoch does."""
        return b""


class CookieSessions(RedisSessions):
    """aiohttp-session's storage in two cookies: the id, to which forms and sockets are tied, and beside it what the
    session holds, encrypted with a key made of `secret`.

    A session that is not renewed within `seconds` has ended; every visit on a later day renews it.
    """

    def __init__(self, secret: bytes, *, seconds: int, secure: bool = False) -> None:
        super().__init__(seconds=seconds, secure=secure)
        self._seal = EncryptedCookieStorage(
            hashlib.sha256(b"sessions:" + secret).digest(),
            cookie_name=SEALED,
            max_age=seconds,
            httponly=True,
            samesite="Lax",
        )

    async def load_session(self, request: web.Request) -> Session:
        """The session of a request; an empty new one where it carries none, or one that is not its own."""
        identity = self.identity(request)
        if identity is None or not SHAPE.fullmatch(request.cookies.get(SEALED, "")):
            return await self.new_session()
        sealed = await self._seal.load_session(request)
        held = dict(sealed)
        if sealed.new or held.pop(OWNER, None) != ref_of(identity):
            return await self.new_session()
        session = Session(identity, data={"created": sealed.created, "session": held}, new=False)
        if time.time() - sealed.created > RENEWED_AFTER:
            session.changed()
        return session

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Give both cookies; where nothing is to be held, the id alone, to which the forms of the page are tied."""
        self._give_cookie(request, response, str(session.identity))
        if session.empty:
            if SEALED in request.cookies:
                response.del_cookie(SEALED, path="/")
            return
        held = dict(session)
        await self._give_sealed(request, response, session, held)
        if len(response.cookies[SEALED].value) > MOST_SEALED:
            held.pop(FLASHES, None)
            await self._give_sealed(request, response, session, held)

    async def _give_sealed(
        self, request: web.Request, response: web.StreamResponse, session: Session, held: dict[str, Any]
    ) -> None:
        owned = {**held, OWNER: ref_of(str(session.identity))}
        now = int(time.time())
        sealed = Session(None, data={"created": now, "session": owned}, new=False, max_age=self._seconds)
        await self._seal.save_session(request, response, sealed)
        if self._is_secure(request):
            response.cookies[SEALED]["secure"] = True
