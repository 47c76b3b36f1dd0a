"""Whom somebody does not want to hear."""

from __future__ import annotations

from chat.node import Node


async def ignored_by(node: Node, user_id: int) -> frozenset[int]:
    """The ids of all whom they ignore."""
    rows = await node.manager.rows("SELECT ignored_id FROM ignores WHERE user_id = %s", user_id)
    return frozenset(ignored_id for (ignored_id,) in rows)


async def is_ignored(node: Node, by: int, user_id: int) -> bool:
    """Whether the first ignores the second. Never to be told to the second."""
    found = await node.manager.value(
        "SELECT 1 FROM ignores WHERE user_id = %s AND ignored_id = %s", by, user_id
    )
    return found is not None
