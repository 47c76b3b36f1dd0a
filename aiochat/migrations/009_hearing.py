"""What each member wants to be told of a room."""

from typing import Any

# What was so before is kept beside it: for the day `notify_until`, and for the way back.
COLUMNS = """
ALTER TABLE memberships
    ADD COLUMN notify text NOT NULL DEFAULT 'mentions' CHECK (notify IN ('all', 'mentions', 'none')),
    ADD COLUMN notify_until timestamptz,
    ADD COLUMN notify_then text NOT NULL DEFAULT 'mentions' CHECK (notify_then IN ('all', 'mentions', 'none'));
"""
BACK = "ALTER TABLE memberships DROP COLUMN notify, DROP COLUMN notify_until, DROP COLUMN notify_then;"


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Add them."""
    migrator.sql(COLUMNS)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them."""
    migrator.sql(BACK)
