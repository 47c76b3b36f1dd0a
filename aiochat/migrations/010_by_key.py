"""Many words at once cost the same on a site that was small when it was last looked at."""

from typing import Any

# Where a table was nearly empty when its statistics were made, reading all of it once and keeping it seems cheaper than
# looking up by key: a plan that lives on for a minute while the table grows.
OFF = """
ALTER FUNCTION journal_append(jsonb, boolean) SET enable_material = off;
"""
ON = """
ALTER FUNCTION journal_append(jsonb, boolean) RESET enable_material;
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Forbid it, also to processes of the version before."""
    migrator.sql(OFF)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Allow it."""
    migrator.sql(ON)
