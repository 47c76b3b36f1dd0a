"""Brings the tables to what this version of aiochat expects; any number of processes may do so at once."""

from __future__ import annotations

import logging

from peewee_migrate import Router

from aiochat.settings import MIGRATIONS
from helpers.database import sync_database

# Tracebacks included: a failure is raised as well, and told in one sentence.
details = logging.getLogger("aiochat.migrate.details")

LOCK = 0x61696F63686174
"""The number of the advisory lock: "aiochat" in ASCII."""


def migrate(database_url: str) -> list[str]:
    """Run what has not been run, each in a transaction; the names of those run, oldest first.

    Who comes second waits for the first and finds nothing left to do.
    Raises `peewee.PeeweeException` where the server refuses, `ValueError` for an address that is none.
    """
    database = sync_database(database_url)
    with database.connection_context():
        database.execute_sql("SELECT pg_advisory_lock(%s)", (LOCK,))
        try:
            router = Router(database, migrate_dir=MIGRATIONS, logger=details)
            return list(router.run())
        finally:
            database.execute_sql("SELECT pg_advisory_unlock(%s)", (LOCK,))
