"""What comes from outside: hooks by which programs post, and accounts that another site vouches for."""

from typing import Any

TABLES = """
-- A hook posts as a bot with an account of its own; only the hash of its secret is kept.
CREATE TABLE hooks (
    id bigserial PRIMARY KEY,
    room_id bigint NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    secret_hash bytea NOT NULL UNIQUE,
    created_by bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX hooks_good ON hooks (room_id, user_id) WHERE revoked_at IS NULL;
CREATE INDEX hooks_bot ON hooks (user_id);

-- Who an account is elsewhere: `subject` is what that site, the `issuer`, calls them for ever.
CREATE TABLE vouched (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id bigint NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    first_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them."""
    migrator.sql(TABLES)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them."""
    migrator.sql("DROP TABLE hooks, vouched")
