"""Which numbering of the logs is in force. Numbers of two epochs are never compared, so no client mixes two histories.

PostgreSQL keeps the epoch. Redis remembers how far the logs had come: where PostgreSQL knows less than that, somebody
put an older state back, and what clients have heard since means nothing any more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from helpers.database import Manager

log = logging.getLogger(__name__)

HEADS = "aiochat:{heads}"
NEW_EPOCH = "UPDATE site SET epoch = replace(gen_random_uuid()::text, '-', '') WHERE id = 1"


async def begin(manager: Manager, redis: Redis) -> str:
    """The epoch to serve under: a new one where Redis has seen numbers that the logs do not have."""
    epoch: str = await manager.value("SELECT epoch FROM site WHERE id = 1")
    try:
        # Redis is asked first: what it has seen was committed before.
        seen = {int(room): int(head) for room, head in (await redis.hgetall(HEADS)).items()}
    except (RedisError, OSError) as error:
        log.warning("epoch: how far the logs were is not known: %s", error)
        return epoch
    if not seen:
        return epoch
    heads = dict(
        await manager.rows("SELECT id, last_seq FROM rooms WHERE id = ANY (%s::bigint[])", list(seen))
    )
    behind = [room for room, head in seen.items() if head > heads.get(room, 0)]
    if not behind:
        return epoch
    log.error("epoch: the logs of rooms %s end before what was told of them: a new epoch begins", behind)
    await manager.execute(f"{NEW_EPOCH} AND epoch = %s", epoch)
    await redis.delete(HEADS)
    return str(await manager.value("SELECT epoch FROM site WHERE id = 1"))


async def remember(redis: Redis, heads: Mapping[int, int]) -> None:
    """Note how far these logs have come. Raises RedisError, OSError."""
    if not heads:
        return
    await redis.hset(HEADS, mapping={str(room): head for room, head in heads.items()})
