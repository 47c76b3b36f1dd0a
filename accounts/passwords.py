"""Passwords are hashed and checked in threads of their own: never on the loop, never too many at once."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounts.errors import BadPassword, Busy
from accounts.names import fold

T = TypeVar("T")

SHORTEST = 8
LONGEST = 512
AT_ONCE = 2
MOST_WAITING = 64


class Passwords:
    """Hashes and checks. Each hash takes `memory_kib` while it is made; at most two are made at once."""

    def __init__(self, *, memory_kib: int = 19456, rounds: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        # As many threads as may work at once: the pool is the bound, on every loop.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._dummy: str | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises `Busy`."""
        return await self._in_thread(self._hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is the hash of this password.

        Where there is no hash the same work is done: time must not tell who has an account. Raises `Busy`.
        """
        return await self._in_thread(self._matches, kept, password)

    def is_outdated(self, kept: str) -> bool:
        """Whether this hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Let the threads go once they are done."""
        self._threads.shutdown(wait=False)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password))

    def _matches(self, kept: str | None, password: str) -> bool:
        if kept is None and self._dummy is None:
            self._dummy = self._hasher.hash(b"nobody has this one")
        try:
            return self._hasher.verify(kept or self._dummy or "", _bytes(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[..., T], *args: str | None) -> T:
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1


PASSWORDS = Passwords()


def require_password(password: str, *, name: str = "", field: str = "password") -> None:
    """Raises `BadPassword` for what is too short, too long or the name itself, told at `field`."""
    length = len(_normal(password))
    if length < SHORTEST:
        raise BadPassword(f"A password has at least {SHORTEST} characters. A sentence is good.", field)
    if length > LONGEST:
        raise BadPassword(f"A password has at most {LONGEST} characters.", field)
    if name and fold(password).strip() == fold(name):
        raise BadPassword("The name itself is the first password anybody tries. Choose another.", field)
    if len(set(password)) == 1:
        raise BadPassword("One character over and over is soon guessed. A sentence is good.", field)


def _normal(password: str) -> str:
    # The same keys give composed letters on one system and letters with accents on another.
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
