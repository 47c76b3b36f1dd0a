"""What everybody types about their own page and the site. What only a page can do, the page does by itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from chat.actions import looking
from chat.commands.command import CommandTable, Context
from chat.policy import Permission, may

oneself = CommandTable("Everyone")

KEYS = """Enter sends, Shift and Enter begins a line.
Up in an empty composer changes what you said last.
/ opens the menu of commands, Tab takes what it proposes.
Ctrl K finds a room, Alt Up and Alt Down go to the next one.
F6 goes to the next part of the page, Escape back to the composer.
In the log: Up and Down from message to message, R replies, E edits."""
ONLY_A_PAGE = "Only a page has a view to empty; here nothing was done."


@oneself.command(Permission.READ, example="/cls", harmless=True)
async def cls(context: Context) -> str:
    """Empties your own view, nobody else's; one press brings it back"""
    return ONLY_A_PAGE


@oneself.command(Permission.READ, aliases=("keys",), example="/shortcuts", harmless=True)
async def shortcuts(context: Context) -> str:
    """Shows the keys of the page"""
    return KEYS


@oneself.command(Permission.READ, example="/ping", harmless=True)
async def ping(context: Context) -> str:
    """Tells whether the server answers, and its time"""
    began = time.perf_counter()
    await context.node.manager.value("SELECT 1")
    took = 1000 * (time.perf_counter() - began)
    return f"Here, at {datetime.now(UTC):%H:%M:%S} UTC. The database took {took:.1f} ms."


@oneself.command(Permission.READ, example="/version", harmless=True)
async def version(context: Context) -> str:
    """Tells which release this is"""
    return f"aiochat {context.node.version}"


@oneself.command(Permission.READ, example="/stats", harmless=True)
async def stats(context: Context) -> str:
    """Counts the people and messages of this room"""
    return await looking.stats(context.node, context.room)


@oneself.command(Permission.READ, example="/settings", harmless=True)
async def settings(context: Context) -> str:
    """Leads to the settings: the room's for its owners, else your own"""
    owns = may(context.role, Permission.SETTINGS, context.switches) and context.room.kind == "room"
    return f"/rooms/{context.room.slug}/settings" if owns else "/me"


@oneself.command(Permission.READ, example="/logout")
async def logout(context: Context) -> str:
    """Signs you out"""
    return "/logout"
