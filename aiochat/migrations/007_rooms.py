"""What rooms need to be run by typing: words for newcomers, rooms of two, the bin; and links by which to sign in."""

from typing import Any

TABLES = """
ALTER TABLE rooms ADD COLUMN welcome text NOT NULL DEFAULT '';
ALTER TABLE rooms DROP CONSTRAINT rooms_kind_check;
ALTER TABLE rooms ADD CONSTRAINT rooms_kind_check CHECK (kind IN ('room', 'direct', 'gone'));

-- Two people have one room, whoever of them asked first, and for ever.
CREATE TABLE direct_rooms (
    low bigint NOT NULL,
    high bigint NOT NULL,
    room_id bigint NOT NULL UNIQUE REFERENCES rooms ON DELETE CASCADE,
    PRIMARY KEY (low, high)
);

-- A destroyed room until it is gone for good: its addresses, and who was a member.
CREATE TABLE binned_rooms (
    room_id bigint PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    slug text NOT NULL,
    old_slugs text[] NOT NULL,
    members bigint[] NOT NULL,
    destroyed_by bigint NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE sign_in_links (
    token_hash bytea PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    made_by bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
"""
BACK = """
DROP TABLE direct_rooms, binned_rooms, sign_in_links;
ALTER TABLE rooms DROP COLUMN welcome;
ALTER TABLE rooms DROP CONSTRAINT rooms_kind_check;
ALTER TABLE rooms ADD CONSTRAINT rooms_kind_check CHECK (kind IN ('room', 'direct'));
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them."""
    migrator.sql(TABLES)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them. Where a destroyed room still lies in the bin, PostgreSQL refuses."""
    migrator.sql(BACK)
