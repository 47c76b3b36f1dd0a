"""The first tables: people, rooms, and one numbered log for each room."""

from typing import Any

TABLES = """
CREATE TABLE site (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    title text NOT NULL DEFAULT 'aiochat',
    epoch text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    registration text NOT NULL DEFAULT 'open' CHECK (registration IN ('open', 'invite', 'closed')),
    setup_hash bytea,
    set_up_at timestamptz
);
INSERT INTO site DEFAULT VALUES;

CREATE TABLE users (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    name_key text NOT NULL,
    is_guest boolean NOT NULL DEFAULT false,
    is_bot boolean NOT NULL DEFAULT false,
    is_admin boolean NOT NULL DEFAULT false,
    email text,
    password_hash text,
    session_epoch int NOT NULL DEFAULT 0,
    suspended_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_name_key ON users (name_key) WHERE NOT is_guest;
-- Who is meant by a name may be a guest: one index for both.
CREATE INDEX users_any_key ON users (name_key);
INSERT INTO users (id, name, name_key) VALUES (0, 'aiochat', 'aiochat');

CREATE TABLE reserved_names (
    name_key text PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    until timestamptz NOT NULL
);

CREATE TABLE api_tokens (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    label text NOT NULL DEFAULT '',
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- A room's row changes with every batch of its log: room beside it keeps those updates on the page.
CREATE TABLE rooms (
    id bigserial PRIMARY KEY,
    uuid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    slug text NOT NULL UNIQUE,
    title text NOT NULL,
    kind text NOT NULL DEFAULT 'room' CHECK (kind IN ('room', 'direct')),
    topic text NOT NULL DEFAULT '',
    switches jsonb NOT NULL DEFAULT '{}',
    last_seq bigint NOT NULL DEFAULT 0,
    last_ordinal bigint NOT NULL DEFAULT 0,
    cleared_upto bigint NOT NULL DEFAULT 0,
    cleared_ordinal bigint NOT NULL DEFAULT 0,
    created_by bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE room_slugs (
    slug text PRIMARY KEY,
    room_id bigint NOT NULL REFERENCES rooms ON DELETE CASCADE,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    room_id bigint NOT NULL,
    user_id bigint NOT NULL,
    role smallint NOT NULL DEFAULT 2,
    is_member boolean NOT NULL DEFAULT true,
    voiced boolean NOT NULL DEFAULT false,
    muted_until timestamptz,
    banned_until timestamptz,
    out_until timestamptz,
    reason text NOT NULL DEFAULT '',
    present_since bigint,
    read_seq bigint NOT NULL DEFAULT 0,
    read_ordinal bigint NOT NULL DEFAULT 0,
    floor bigint NOT NULL DEFAULT 1,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX memberships_user ON memberships (user_id);
CREATE INDEX memberships_present ON memberships (room_id) WHERE present_since IS NOT NULL;

CREATE TABLE messages (
    room_id bigint NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    author_id bigint NOT NULL,
    author_name text NOT NULL,
    author_guest boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL,
    nonce text NOT NULL,
    request_hash bytea NOT NULL,
    ordinal bigint,
    text text,
    parts jsonb,
    body jsonb NOT NULL DEFAULT '{}',
    edited_seq bigint,
    gone_seq bigint,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, author_id, nonce)
);

CREATE INDEX messages_showing_out ON messages (room_id, seq) WHERE kind IN ('kicked', 'banned');

CREATE TABLE mentions (
    room_id bigint NOT NULL,
    user_id bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, user_id, seq)
);

CREATE TABLE clears (
    room_id bigint NOT NULL,
    seq bigint NOT NULL,
    upto bigint NOT NULL,
    upto_ordinal bigint NOT NULL,
    count bigint NOT NULL,
    undo_until timestamptz NOT NULL,
    undone_seq bigint,
    PRIMARY KEY (room_id, seq)
);

CREATE TABLE receipts (
    room_id bigint NOT NULL,
    author_id bigint NOT NULL,
    nonce text NOT NULL,
    request_hash bytea NOT NULL,
    answer jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, author_id, nonce)
);

CREATE TABLE invitations (
    id bigserial PRIMARY KEY,
    room_id bigint,
    token_hash bytea NOT NULL UNIQUE,
    created_by bigint NOT NULL,
    uses_left int,
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE site_log (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor_id bigint NOT NULL,
    act text NOT NULL,
    body jsonb NOT NULL DEFAULT '{}'
);
"""

NAMES = [
    "site",
    "users",
    "reserved_names",
    "api_tokens",
    "rooms",
    "room_slugs",
    "memberships",
    "messages",
    "mentions",
    "clears",
    "receipts",
    "invitations",
    "site_log",
]


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them."""
    migrator.sql(TABLES)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them, and all that was ever said."""
    migrator.sql(f"DROP TABLE {', '.join(NAMES)}")
