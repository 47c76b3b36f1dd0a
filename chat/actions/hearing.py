"""What ends somebody's place in a room is heard by every process before whoever did it is answered."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from chat.node import Node
from chat.presence import ANYWHERE

logger = logging.getLogger(__name__)

UNKNOWN = " Redis does not answer: other processes follow as soon as they read the log."


async def heard_everywhere(node: Node, room_id: int, user_id: int, seq: int) -> str:
    """Wait until every process with sockets of theirs has heard up to that number, at most a second.

    Returns what to say of those that did not.
    """
    try:
        here = await node.presence.nodes(room_id, user_id)
        nodes = {*here, *await node.presence.nodes(ANYWHERE, user_id)}
    except (RedisError, OSError) as error:
        logger.warning("who holds sockets of user %d is not known: %s", user_id, error)
        return UNKNOWN
    silent = await node.hub.confirm(room_id, seq, nodes)
    return _of_silence(bool(silent))


async def heard_by_all(node: Node, room_id: int, seq: int) -> str:
    """The same for every process there is: who listens in a room is not known, only that they do."""
    try:
        processes = await node.presence.processes()
    except (RedisError, OSError) as error:
        logger.warning("how many processes there are is not known: %s", error)
        return UNKNOWN
    return _of_silence(await node.hub.confirm_by_all(room_id, seq, processes) > 0)


def _of_silence(silent: bool) -> str:
    return " One process has not answered yet; it follows when it reads the log." if silent else ""
