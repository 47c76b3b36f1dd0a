"""What nothing can bring back is asked twice: the exact line comes back with a code, good for a minute."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from dataclasses import dataclass

from redis.exceptions import RedisError

from chat.errors import ConfirmExpired, ConfirmRequired, Unavailable
from chat.models import Room
from chat.node import Node

logger = logging.getLogger(__name__)

SECONDS = 60
REMEMBERED = 600
LETTERS = 4


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The code asked for just now and how many seconds it is good; `was` is the one before it, which is not."""

    key: str
    code: str
    seconds: int
    was: str

    def require(self, given: str, deed: str, line: str) -> None:
        """Let pass who gives the code. `line` is what to type, with `{code}` in it; `deed` what it does.

        Raises ConfirmRequired, ConfirmExpired.
        """
        given = given.strip().upper()
        if given == self.code:
            return
        if given and given == self.was:
            raise ConfirmExpired
        raise ConfirmRequired(deed, line.replace("{code}", self.code), self.seconds)


async def expect(node: Node, room: Room, actor_id: int, command: str, about: str = "") -> Confirmation:
    """The code of one command for one person in one room, about one thing; the same for a minute, in every process.

    It is made of them all and of how far the room's log had come. Outside a transaction. Raises Unavailable.
    """
    asked = "\0".join((command, str(room.id), str(actor_id), about))
    key = f"aiochat:{{confirm}}:{hashlib.sha256(asked.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    made = _code(f"{asked}\0{room.last_seq}\0{secrets.token_hex(8)}")
    try:
        if await node.redis.set(key, made, ex=SECONDS, nx=True):
            was = await node.redis.get(f"{key}:was")
            await node.redis.set(f"{key}:was", made, ex=REMEMBERED)
            return Confirmation(key, made, SECONDS, _text(was))
        code, left = await node.redis.get(key), await node.redis.ttl(key)
    except (RedisError, OSError) as error:
        raise Unavailable from error
    # It may have run out between the two questions: then what was made is asked for, and not known next time.
    return Confirmation(key, _text(code) or made, max(1, left), "")


async def is_done(node: Node, confirmation: Confirmation) -> None:
    """A code is good for one act; where Redis does not answer just now, for the rest of its minute."""
    try:
        await node.redis.delete(confirmation.key)
    except (RedisError, OSError) as error:
        logger.warning("confirming: a code that was used is left to expire: %s", error)


def _code(made_of: str) -> str:
    digest = hashlib.sha256(made_of.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode()[:LETTERS]


def _text(kept: bytes | str | None) -> str:
    return kept.decode() if isinstance(kept, bytes) else kept or ""
