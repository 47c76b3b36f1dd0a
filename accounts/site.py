"""What the site says of itself before anybody signs in: its title, and who may come."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import peewee
import psycopg

from helpers.database import Manager

log = logging.getLogger(__name__)

FRESH_FOR = 5.0


@dataclass(frozen=True, slots=True)
class Site:
    """The site's title, its `registration` (`open`, `invite`, `closed`), whether somebody has set it up."""

    title: str
    registration: str
    is_set_up: bool


NAMELESS = Site("aiochat", "closed", True)


async def read_site(manager: Manager) -> Site:
    """The site as it stands in the database now."""
    row = await manager.row("SELECT title, registration, set_up_at IS NOT NULL FROM site WHERE id = 1")
    return NAMELESS if row is None else Site(*row)


class SiteCard:
    """The site as every page shows it: a few seconds old at most, so that a page costs no question more."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._site = NAMELESS
        self._read_at = -FRESH_FOR

    async def site(self) -> Site:
        """The site, read again when what is known grows old; while the database is away, as last seen."""
        if time.monotonic() - self._read_at >= FRESH_FOR:
            # Also after a failure: a page that says the database is away must not wait for it again.
            self._read_at = time.monotonic()
            try:
                self._site = await read_site(self._manager)
            except (peewee.PeeweeException, psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the site's card could not be read: %s", error)
        return self._site

    def forget(self) -> None:
        """Read anew next time: something was changed just now."""
        self._read_at = -FRESH_FOR
