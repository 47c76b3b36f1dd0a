"""What people say of themselves to all, and whom they do not want to hear."""

from typing import Any

TABLES = """
-- One row for each person who ever said something of themselves; `version` counts its changes, so that a process that
-- hears of two in the wrong order knows the later one.
CREATE TABLE statuses (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    version bigint NOT NULL DEFAULT 1,
    presence text NOT NULL DEFAULT '' CHECK (presence IN ('', 'away', 'dnd')),
    why text NOT NULL DEFAULT '',
    until timestamptz,
    emoji text NOT NULL DEFAULT '',
    text text NOT NULL DEFAULT '',
    text_until timestamptz
);

CREATE TABLE ignores (
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    ignored_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, ignored_id),
    CHECK (user_id <> ignored_id)
);
-- For the day somebody of them is deleted, and to know who ignores the one who writes.
CREATE INDEX ignores_of ON ignores (ignored_id);
"""

# Counted when somebody asks, never when something is said: words are kept as fast as before. Of a long absence only
# the last thousand messages are looked at. By key, and only for those who ignore somebody.
COUNTS = """
CREATE FUNCTION unread_of_ignored(p_user bigint, p_room bigint, p_after bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM ignores i WHERE i.user_id = p_user) THEN
        (SELECT count(*) FROM (SELECT x.author_id FROM messages x
                                WHERE x.room_id = p_room AND x.seq > p_after AND x.ordinal IS NOT NULL
                                ORDER BY x.seq DESC LIMIT 1000) late
          WHERE EXISTS (SELECT FROM ignores i WHERE i.user_id = p_user AND i.ignored_id = late.author_id))
        ELSE 0 END
$$;
CREATE FUNCTION unread_mentions(p_user bigint, p_room bigint, p_after bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM ignores i WHERE i.user_id = p_user) THEN
        (SELECT count(*) FROM mentions n JOIN messages x ON x.room_id = n.room_id AND x.seq = n.seq
          WHERE n.room_id = p_room AND n.user_id = p_user AND n.seq > p_after
            AND NOT EXISTS (SELECT FROM ignores i WHERE i.user_id = p_user AND i.ignored_id = x.author_id))
        ELSE (SELECT count(*) FROM mentions n
               WHERE n.room_id = p_room AND n.user_id = p_user AND n.seq > p_after) END
$$;
"""
BACK = """
DROP FUNCTION unread_of_ignored, unread_mentions;
DROP TABLE statuses, ignores;
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them."""
    migrator.sql(TABLES)
    migrator.sql(COUNTS)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them."""
    migrator.sql(BACK)
