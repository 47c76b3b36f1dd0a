"""What a room was set to before, set so again: its switches, its title, its address."""

from __future__ import annotations

from typing import Any

import peewee

from chat.errors import SlugTaken
from chat.events import SettingsChanged
from chat.log import Log
from chat.members import Member
from chat.node import Node

KNOWN = ("switches", "title", "slug")


async def return_settings(node: Node, log: Log, actor: Member, before: dict[str, Any]) -> None:
    """Set the room as it was: `before` holds what was so of "switches", "title" and "slug". Raises SlugTaken."""
    changed = {name: before[name] for name in KNOWN if name in before}
    if "title" in changed:
        await node.manager.execute("UPDATE rooms SET title = %s WHERE id = %s", changed["title"], log.room.id)
    if "slug" in changed and changed["slug"] != log.room.slug:
        await _readdress(node, log, changed["slug"])
    await log.record(SettingsChanged(by=actor.person, changed=changed))


async def _readdress(node: Node, log: Log, slug: str) -> None:
    """The old address is the room's again, and the one it had meanwhile leads to it."""
    try:
        await node.manager.execute(
            "DELETE FROM room_slugs WHERE slug = %s AND room_id = %s", slug, log.room.id
        )
        await node.manager.execute("UPDATE rooms SET slug = %s WHERE id = %s", slug, log.room.id)
        await node.manager.execute(
            "INSERT INTO room_slugs (slug, room_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            log.room.slug,
            log.room.id,
        )
    except peewee.IntegrityError as error:
        raise SlugTaken(slug) from error
