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
CREATE INDEX users_guest_key ON users (name_key) WHERE is_guest;
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
CREATE INDEX memberships_user ON memberships (user_id) WHERE is_member;
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

# Three statements, each with a snapshot of its own: lock, then look, then number. The second of two equal nonces
# waits at the lock and then sees the first; a single statement would miss it. Planning the third anew each time would
# cost more than running it.
JOURNAL_APPEND = """
CREATE FUNCTION journal_append(
    p_rooms bigint[], p_authors bigint[], p_nonces text[], p_hashes bytea[],
    p_texts text[], p_parts text[], p_bodies text[], p_mentions text[], p_wait boolean
) RETURNS TABLE (i int, verdict text, seq bigint, ordinal bigint, at timestamptz, until timestamptz, name text)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    locked bigint[];
    present timestamptz;
BEGIN
    IF p_wait THEN
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (p_rooms) ORDER BY id FOR UPDATE) r;
    ELSE
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (p_rooms) ORDER BY id FOR UPDATE SKIP LOCKED) r;
    END IF;
    present := clock_timestamp();
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT u.n::int AS n, u.room_id, u.author_id, u.nonce, u.hash, u.text, u.parts, u.body, u.mentions
          FROM unnest(p_rooms, p_authors, p_nonces, p_hashes, p_texts, p_parts, p_bodies, p_mentions)
               WITH ORDINALITY AS u(room_id, author_id, nonce, hash, text, parts, body, mentions, n)
    ), judged AS MATERIALIZED (
        SELECT a.*, p.name AS author_name, p.is_guest,
               said.seq AS said_seq, said.at AS said_at, said.ordinal AS said_ordinal,
               CASE WHEN NOT a.room_id = ANY (coalesce(locked, '{}')) THEN
                        CASE WHEN EXISTS (SELECT FROM rooms x WHERE x.id = a.room_id)
                             THEN 'locked' ELSE 'no_such_room' END
                    WHEN said.seq IS NOT NULL THEN
                        CASE WHEN said.request_hash = a.hash THEN 'again' ELSE 'nonce_conflict' END
                    WHEN EXISTS (SELECT FROM receipts t WHERE t.room_id = a.room_id
                                  AND t.author_id = a.author_id AND t.nonce = a.nonce) THEN 'nonce_conflict'
                    WHEN p.id IS NULL OR p.suspended_until > present THEN 'suspended'
                    WHEN m.banned_until > present THEN 'banned'
                    WHEN m.out_until > present THEN 'removed'
                    WHEN m.is_member IS NOT TRUE AND NOT
                        (p.is_guest AND coalesce((r.switches->>'guests_welcome')::boolean, false)) THEN 'not_member'
                    WHEN (r.switches->>'archived')::boolean THEN 'archived'
                    WHEN p.is_admin OR m.role >= 3 THEN 'ok'
                    WHEN m.muted_until > present THEN 'muted'
                    WHEN (r.switches->>'locked')::boolean THEN 'room_locked'
                    WHEN (r.switches->>'moderated')::boolean AND m.voiced IS NOT TRUE THEN 'moderated'
                    ELSE 'ok' END AS found,
               CASE WHEN p.suspended_until > present THEN p.suspended_until
                    WHEN m.banned_until > present THEN m.banned_until
                    WHEN m.out_until > present THEN m.out_until
                    WHEN m.muted_until > present THEN m.muted_until END AS until
          FROM asked a
          LEFT JOIN rooms r ON r.id = a.room_id
          LEFT JOIN users p ON p.id = a.author_id
          LEFT JOIN memberships m ON m.room_id = a.room_id AND m.user_id = a.author_id
          LEFT JOIN messages said ON said.room_id = a.room_id AND said.author_id = a.author_id
                                 AND said.nonce = a.nonce
    ), accepted AS (
        SELECT j.*, row_number() OVER (PARTITION BY j.room_id ORDER BY j.n) AS nth
          FROM judged j WHERE j.found = 'ok'
    ), numbered AS (
        UPDATE rooms r
           SET last_seq = r.last_seq + c.many, last_ordinal = r.last_ordinal + c.many, last_at = present
          FROM (SELECT room_id, count(*) AS many FROM accepted GROUP BY room_id) c
         WHERE r.id = c.room_id
        RETURNING r.id, r.last_seq - c.many AS seq_before, r.last_ordinal - c.many AS ordinal_before
    ), kept AS (
        INSERT INTO messages (room_id, seq, kind, author_id, author_name, author_guest, at, nonce,
                              request_hash, ordinal, text, parts, body)
        SELECT a.room_id, b.seq_before + a.nth, 'message', a.author_id, a.author_name, a.is_guest, present,
               a.nonce, a.hash, b.ordinal_before + a.nth, a.text, a.parts::jsonb, a.body::jsonb
          FROM accepted a JOIN numbered b ON b.id = a.room_id
    ), told AS (
        INSERT INTO mentions (room_id, user_id, seq)
        SELECT DISTINCT a.room_id, u.user_id, b.seq_before + a.nth
          FROM accepted a JOIN numbered b ON b.id = a.room_id
         CROSS JOIN LATERAL unnest(a.mentions::bigint[]) AS u(user_id)
    )
    SELECT j.n, j.found, coalesce(j.said_seq, b.seq_before + a.nth),
           coalesce(j.said_ordinal, b.ordinal_before + a.nth),
           coalesce(j.said_at, present), j.until, j.author_name
      FROM judged j
      LEFT JOIN accepted a ON a.n = j.n
      LEFT JOIN numbered b ON b.id = a.room_id
     ORDER BY j.n;
END $$;
"""

FUNCTION = "journal_append(bigint[], bigint[], text[], bytea[], text[], text[], text[], text[], boolean)"
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
    migrator.sql(JOURNAL_APPEND)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them, and all that was ever said."""
    migrator.sql(f"DROP FUNCTION {FUNCTION}")
    migrator.sql(f"DROP TABLE {', '.join(NAMES)}")
