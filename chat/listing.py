"""Rooms as lines of a list, for every page that shows one."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from chat.actions import rooms
from chat.actions.rooms import Listed
from chat.node import Node


async def index_of(node: Node, user_id: int, current: str = "") -> list[dict[str, Any]]:
    """One's own rooms by address, for the index beside a page; `current` is the slug of the one that is shown."""
    mine = await rooms.visible_to(node, user_id, mine=True)
    return [{**line_of(room), "current": room.slug == current} for room in mine]


def line_of(room: Listed) -> dict[str, Any]:
    """A room as templates show it in a list."""
    return {
        "slug": room.slug,
        "title": room.title,
        "topic": room.topic,
        "kind": room.kind,
        "private": room.private,
        "here": room.here,
        "last_at": room.last_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "member": room.member,
        "unread": room.unread,
        "mentions": room.mentions,
        "notify": room.notify,
    }
