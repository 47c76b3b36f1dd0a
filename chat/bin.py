"""The bin: where a destroyed room lies for a week, and what is done with it then."""

from __future__ import annotations

import logging

from redis.asyncio import Redis

from chat.epoch import HEADS
from chat.errors import NoSuchRoom, SlugTaken
from helpers.database import Manager

log = logging.getLogger(__name__)

DAYS = 7
# Of a room nothing is left in these; where the room itself is deleted, PostgreSQL sees to the others.
ITS = (
    "messages",
    "memberships",
    "mentions",
    "clears",
    "receipts",
    "invitations",
    "acts",
    "pins",
    "transfers",
    "reports",
)


async def forget_head(redis: Redis, room_id: int) -> None:
    """Its log ends for good: that Redis knows more of it than PostgreSQL means nothing. Raises RedisError, OSError."""
    await redis.hdel(HEADS, str(room_id))


async def put_back(manager: Manager, slug: str) -> None:
    """Take a destroyed room out again: its addresses, its members and their ranks are what they were.

    Raises NoSuchRoom where none of that address lies there, SlugTaken where another room has it now.
    """
    async with manager.transaction():
        row = await manager.row(
            "SELECT room_id, old_slugs, members FROM binned_rooms WHERE slug = %s "
            "ORDER BY until DESC LIMIT 1 FOR UPDATE",
            slug,
        )
        if row is None:
            raise NoSuchRoom
        taken = "SELECT 1 FROM rooms WHERE slug = %s UNION ALL SELECT 1 FROM room_slugs WHERE slug = %s"
        if await manager.value(taken, slug, slug):
            raise SlugTaken(slug)
        room_id, old_slugs, members = row
        await manager.execute("UPDATE rooms SET kind = 'room', slug = %s WHERE id = %s", slug, room_id)
        await manager.execute(
            "INSERT INTO room_slugs (slug, room_id) SELECT x, %s FROM unnest(%s::text[]) AS x "
            "WHERE NOT EXISTS (SELECT FROM rooms r WHERE r.slug = x) ON CONFLICT DO NOTHING",
            room_id,
            old_slugs,
        )
        await manager.execute(
            "UPDATE memberships SET is_member = true WHERE room_id = %s AND user_id = ANY (%s::bigint[])",
            room_id,
            members,
        )
        await manager.execute("DELETE FROM binned_rooms WHERE room_id = %s", room_id)


async def empty(manager: Manager, redis: Redis) -> int:
    """Delete for good what has lain there for long enough, each room by itself. How many that were.

    Several processes may do it at once. Raises RedisError, OSError, and what the database raises.
    """
    emptied = 0
    while True:
        async with manager.transaction():
            room_id: int | None = await manager.value(
                "SELECT room_id FROM binned_rooms WHERE until < clock_timestamp() LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
            if room_id is None:
                return emptied
            for table in ITS:
                await manager.execute(f"DELETE FROM {table} WHERE room_id = %s", room_id)
            await manager.execute("DELETE FROM rooms WHERE id = %s", room_id)
        # A process may have noted it once more since it was destroyed.
        await forget_head(redis, room_id)
        log.info("bin: room %d is gone for good", room_id)
        emptied += 1
