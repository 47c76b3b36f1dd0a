"""Sessions in Redis: ids nobody can guess, kept only as hashes, gone the moment somebody signs out."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import Any

from aiohttp import web
from aiohttp_session import AbstractStorage, Session
from redis.asyncio import Redis

from helpers.outages import redis_answers
from helpers.questions import Questions
from helpers.together import Together
from helpers.web import REDIS

COOKIE = "aiochat_session"
# The server decides when a session ends; the cookie lives as long as browsers keep one.
COOKIE_SECONDS = 400 * 86400
ID = re.compile(r"[A-Za-z0-9_-]{43}")
MOST_REMEMBERED = 200
USER = "user"
# What is kept of many sessions, each of which begins its time anew.
LOOK_UP = """
local found = redis.call('MGET', unpack(KEYS))
for i, kept in ipairs(found) do
    if kept then redis.call('EXPIRE', KEYS[i], ARGV[1]) end
end
return found
"""


def ref_of(identity: str) -> str:
    """A session's name outside the cookie: nobody can get back from it to the id."""
    return hashlib.sha256(identity.encode()).hexdigest()


def session_key(ref: str) -> str:
    """Where Redis keeps the session of this ref."""
    return f"aiochat:{{session:{ref}}}"


def sessions_key(user_id: int) -> str:
    """Where Redis keeps the refs of a user's latest sessions."""
    return f"aiochat:{{sessions:{user_id}}}"


class Kept:
    """What Redis keeps of sessions: everybody who asks at the same time is answered in one trip.

    A session not asked for within `seconds` is forgotten.
    """

    def __init__(self, redis: Redis, seconds: int) -> None:
        self._questions = Questions(redis)
        self._seconds = seconds
        self._trips = Together(self._of_all)

    def close(self) -> None:
        """Hang up."""
        self._questions.close()

    async def of(self, ref: str) -> bytes | None:
        """What is kept of the session of this ref, for so many seconds more. Raises `Unavailable`."""
        return await self._trips.ask(ref)

    async def _of_all(self, refs: list[str]) -> list[bytes | None]:
        async with redis_answers():
            keys = list(map(session_key, refs))
            found: list[bytes | None] = await self._questions.run(LOOK_UP, keys, str(self._seconds))
        return found


KEPT = web.AppKey("kept", Kept)


class RedisSessions(AbstractStorage):
    """aiohttp-session's storage: one round trip to load, which also slides the end of a session.

    A session not touched for `seconds` is forgotten. With `secure` the cookie is for https alone; without it
    the request decides. An id that Redis does not know is never adopted.
    """

    def __init__(self, *, seconds: int, secure: bool = False) -> None:
        super().__init__(cookie_name=COOKIE, httponly=True, samesite="Lax", path="/")
        self._seconds = seconds
        self._always_secure = secure

    def identity(self, request: web.Request) -> str | None:
        """The id in the cookie, if it looks like one of ours."""
        cookie = self.load_cookie(request)
        return cookie if cookie and ID.fullmatch(cookie) else None

    async def new_session(self) -> Session:
        return Session(secrets.token_urlsafe(32), data=None, new=True)

    async def load_session(self, request: web.Request) -> Session:
        """The session of a request; an empty new one where there is none. Raises `Unavailable`."""
        identity = self.identity(request)
        if identity is None:
            return await self.new_session()
        stored = _read(await request.config_dict[KEPT].of(ref_of(identity)))
        if stored is None:
            return await self.new_session()
        return Session(identity, data=stored, new=False)  # type: ignore[arg-type]

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Keep what changed, set the cookie, end the session that this one replaces. Raises `Unavailable`."""
        before = self.identity(request)
        if session.new:
            await self._begin(self._redis(request), session, before)
            self._give_cookie(request, response, str(session.identity))
        elif session.empty:
            # Worthless from now on, the cookie stays: the forms on this very page are tied to it.
            await end_session(self._redis(request), ref_of(str(session.identity)))
        else:
            key = session_key(ref_of(str(session.identity)))
            async with redis_answers():
                # Only if it is still there: a session that was ended meanwhile must not come back.
                await self._redis(request).set(key, self._written(session), ex=self._seconds, xx=True)
            self._give_cookie(request, response, str(session.identity))

    async def _begin(self, redis: Redis, session: Session, before: str | None) -> None:
        if session.empty:
            # Only a cookie to tie a form to: visitors who never sign in fill no memory.
            return
        ref = ref_of(str(session.identity))
        user_id = session.get(USER)
        async with redis_answers(), redis.pipeline(transaction=False) as trip:
            if before is not None:
                trip.delete(session_key(ref_of(before)))
            trip.set(session_key(ref), self._written(session), ex=self._seconds)
            if isinstance(user_id, int):
                trip.zadd(sessions_key(user_id), {ref: session.created})
                trip.zremrangebyrank(sessions_key(user_id), 0, -MOST_REMEMBERED - 1)
                trip.expire(sessions_key(user_id), self._seconds)
            await trip.execute()

    def _written(self, session: Session) -> str:
        return json.dumps(self._get_session_data(session), separators=(",", ":"))

    def _redis(self, request: web.Request) -> Redis:
        return request.config_dict[REDIS]

    def _is_secure(self, request: web.Request) -> bool:
        return self._always_secure or request.secure

    def _give_cookie(self, request: web.Request, response: web.StreamResponse, identity: str) -> None:
        response.set_cookie(
            COOKIE,
            identity,
            max_age=COOKIE_SECONDS,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._is_secure(request),
        )


SESSIONS = web.AppKey("sessions", RedisSessions)


async def end_session(redis: Redis, ref: str) -> None:
    """Forget one session. Raises `Unavailable`."""
    async with redis_answers():
        await redis.delete(session_key(ref))


async def end_sessions(redis: Redis, user_id: int) -> None:
    """Forget a user's latest sessions; older ones are void by the user's epoch. Raises `Unavailable`."""
    async with redis_answers():
        refs: list[Any] = await redis.zrange(sessions_key(user_id), 0, -1)
        async with redis.pipeline(transaction=False) as trip:
            for ref in refs:
                trip.delete(session_key(ref.decode() if isinstance(ref, bytes) else ref))
            trip.delete(sessions_key(user_id))
            await trip.execute()


def _read(kept: Any) -> dict[str, Any] | None:
    """What Redis kept, or None for what nobody of us has written."""
    try:
        stored = json.loads(kept) if kept else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(stored, dict) or not isinstance(stored.get("session"), dict):
        return None
    return stored if isinstance(stored.get("created"), int) else None
