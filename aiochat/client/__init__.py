"""A client of aiochat for asyncio: rooms that come back by themselves, and words that are said exactly once.

It needs aiohttp and msgspec, and nothing else of this project: the folder may be copied. docs/clients.md shows its use.
"""

from aiochat.client.errors import ClientError, Ended, Refused, Unreachable
from aiochat.client.outbox import Ack
from aiochat.client.pauses import Pauses, comes_back
from aiochat.client.room import Hello, Room
from aiochat.client.site import Page, Site

__all__ = [
    "Ack",
    "ClientError",
    "Ended",
    "Hello",
    "Page",
    "Pauses",
    "Refused",
    "Room",
    "Site",
    "Unreachable",
    "comes_back",
]
