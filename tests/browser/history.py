"""A room that was spoken in before anybody opened a browser."""

from __future__ import annotations

from aiohttp import web

from chat.input import say
from chat.keys import NODE
from chat.members import enter


async def write_lines(app: web.Application, name: str, count: int, slug: str = "lobby") -> None:
    """Let somebody say "line 0." and so on, faster than a socket would let them."""
    node = app[NODE]
    user_id = await node.manager.value("SELECT id FROM users WHERE name = %s", name)
    room, member = await enter(node.manager, int(user_id), slug)
    for number in range(count):
        await say(node, room, member, f"line {number}.", f"written-{number:04}")
