"""Ruling a room: what was done and can be undone, pins, rooms offered, reports, and slow mode under the room's lock."""

from importlib import import_module
from typing import Any

TABLES = """
ALTER TABLE memberships ADD COLUMN muted_reason text NOT NULL DEFAULT '', ADD COLUMN spoke_at timestamptz;

-- What moderators did, for /log and /undo. No key to the rooms: it is kept after the room is gone.
CREATE TABLE acts (
    room_id bigint NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    actor_id bigint NOT NULL,
    actor_name text NOT NULL,
    as_admin boolean NOT NULL DEFAULT false,
    act text NOT NULL,
    line text NOT NULL DEFAULT '',
    target_id bigint,
    target_name text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    before jsonb NOT NULL DEFAULT '{}',
    undo_until timestamptz,
    undone_seq bigint,
    undone_by text NOT NULL DEFAULT '',
    PRIMARY KEY (room_id, seq)
);
INSERT INTO acts (room_id, seq, at, actor_id, actor_name, act, reason, before, undo_until, undone_seq)
SELECT c.room_id, c.seq, m.at, m.author_id, m.author_name, m.kind, coalesce(m.body->>'reason', ''),
       jsonb_build_object('count', c.count), c.undo_until, c.undone_seq
  FROM clears c JOIN messages m ON m.room_id = c.room_id AND m.seq = c.seq;

CREATE TABLE pins (
    room_id bigint NOT NULL,
    seq bigint NOT NULL,
    pinned_by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq)
);

-- An owner's place that waits for the other's yes; one at a time.
CREATE TABLE transfers (
    room_id bigint PRIMARY KEY,
    from_id bigint NOT NULL,
    to_id bigint NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE reports (
    id bigserial PRIMARY KEY,
    room_id bigint NOT NULL,
    seq bigint NOT NULL,
    by_id bigint NOT NULL,
    reason text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by text NOT NULL DEFAULT '',
    UNIQUE (room_id, seq, by_id)
);
CREATE INDEX reports_open ON reports (room_id, id) WHERE resolved_at IS NULL;
"""

# A difference of two times, not a time and a length added: the sum depends on the time zone, and would not be inlined.
MAY_SPEAK = """
CREATE OR REPLACE FUNCTION may_speak(p users, m memberships, switches jsonb, present timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p.id IS NULL OR p.suspended_until > present THEN 'suspended'
                WHEN m.banned_until > present THEN 'banned'
                WHEN m.out_until > present THEN 'removed'
                WHEN m.is_member IS NOT TRUE AND NOT
                    (p.is_guest AND coalesce((switches->>'guests_welcome')::boolean, false)) THEN 'not_member'
                WHEN (switches->>'archived')::boolean THEN 'archived'
                WHEN p.is_admin THEN 'ok'
                WHEN m.muted_until > present THEN 'muted'
                WHEN m.role >= 3 THEN 'ok'
                WHEN (switches->>'locked')::boolean THEN 'room_locked'
                WHEN (switches->>'moderated')::boolean AND m.voiced IS NOT TRUE THEN 'moderated'
                WHEN m.spoke_at IS NOT NULL AND NOT p.is_bot AND present - m.spoke_at
                    < make_interval(secs => coalesce((switches->>'slow_mode')::double precision, 0)) THEN 'slow'
                ELSE 'ok' END
$$;
CREATE FUNCTION slow_mode_of(p users, m memberships, switches jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p.is_admin OR p.is_bot OR m.role >= 3 THEN 0
                ELSE coalesce((switches->>'slow_mode')::double precision, 0) END
$$;
"""


# As before, and where a room is slow: of two posts of one member in one batch the second comes too early, and when
# they spoke is written down. In other rooms neither costs a look-up.
APPEND = """
CREATE OR REPLACE FUNCTION journal_append(p_posts jsonb, p_wait boolean)
RETURNS TABLE (verdict text, seq bigint, ordinal bigint, at timestamptz, until timestamptz, name text)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    wanted bigint[];
    locked bigint[];
    present timestamptz;
BEGIN
    SELECT array_agg(DISTINCT (post->'room_id')::bigint) INTO wanted FROM jsonb_array_elements(p_posts) AS post;
    IF p_wait THEN
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (wanted) ORDER BY id FOR UPDATE) r;
    ELSE
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (wanted) ORDER BY id FOR UPDATE SKIP LOCKED) r;
    END IF;
    present := clock_timestamp();
    RETURN QUERY
    WITH judged AS MATERIALIZED (
        SELECT a.*, p.name AS author_name, p.is_guest,
               said.seq AS said_seq, said.at AS said_at, said.ordinal AS said_ordinal,
               CASE WHEN NOT a.room_id = ANY (coalesce(locked, '{}')) THEN
                        CASE WHEN EXISTS (SELECT FROM rooms x WHERE x.id = a.room_id)
                             THEN 'locked' ELSE 'no_such_room' END
                    WHEN said.seq IS NOT NULL THEN
                        CASE WHEN said.request_hash = decode(a.hash, 'hex') THEN 'again' ELSE 'nonce_conflict' END
                    WHEN EXISTS (SELECT FROM receipts t WHERE t.room_id = a.room_id
                                  AND t.author_id = a.author_id AND t.nonce = a.nonce) THEN 'nonce_conflict'
                    ELSE may_speak(p, m, r.switches, present) END AS found,
               silent_until(p, m, present) AS until,
               slow_mode_of(p, m, r.switches) AS slow, m.spoke_at
          FROM ROWS FROM (jsonb_to_recordset(p_posts) AS (room_id bigint, author_id bigint, nonce text, hash text,
                                                          text text, parts jsonb, body jsonb, mentions bigint[]))
               WITH ORDINALITY AS a(room_id, author_id, nonce, hash, text, parts, body, mentions, n)
          LEFT JOIN rooms r ON r.id = a.room_id
          LEFT JOIN users p ON p.id = a.author_id
          LEFT JOIN memberships m ON m.room_id = a.room_id AND m.user_id = a.author_id
          LEFT JOIN messages said ON said.room_id = a.room_id AND said.author_id = a.author_id
                                 AND said.nonce = a.nonce
    ), paced AS MATERIALIZED (
        SELECT j.*, CASE WHEN j.slow > 0 AND j.found = 'ok' AND EXISTS
                    (SELECT FROM judged k WHERE k.room_id = j.room_id AND k.author_id = j.author_id
                        AND k.found = 'ok' AND k.n < j.n) THEN 'slow' ELSE j.found END AS word
          FROM judged j
    ), counted AS MATERIALIZED (
        SELECT j.*, count(*) FILTER (WHERE j.word = 'ok') OVER (PARTITION BY j.room_id ORDER BY j.n) AS nth
          FROM paced j
    ), numbered AS (
        UPDATE rooms r
           SET last_seq = r.last_seq + c.many, last_ordinal = r.last_ordinal + c.many, last_at = present
          FROM (SELECT room_id, max(nth) AS many FROM counted GROUP BY room_id) c
         WHERE r.id = c.room_id AND c.many > 0
        RETURNING r.id, r.last_seq - c.many AS seq_before, r.last_ordinal - c.many AS ordinal_before
    ), kept AS (
        INSERT INTO messages (room_id, seq, kind, author_id, author_name, author_guest, at, nonce,
                              request_hash, ordinal, text, parts, body)
        SELECT a.room_id, b.seq_before + a.nth, 'message', a.author_id, a.author_name, a.is_guest, present,
               a.nonce, decode(a.hash, 'hex'), b.ordinal_before + a.nth, a.text, a.parts, coalesce(a.body, '{}')
          FROM counted a JOIN numbered b ON b.id = a.room_id WHERE a.word = 'ok'
    ), told AS (
        INSERT INTO mentions (room_id, user_id, seq)
        SELECT DISTINCT a.room_id, u.user_id, b.seq_before + a.nth
          FROM counted a JOIN numbered b ON b.id = a.room_id
         CROSS JOIN LATERAL unnest(a.mentions) AS u(user_id)
         WHERE a.word = 'ok' AND a.mentions IS NOT NULL
    ), spoken AS (
        UPDATE memberships m SET spoke_at = present
          FROM counted c
         WHERE c.slow > 0 AND c.word = 'ok' AND m.room_id = c.room_id AND m.user_id = c.author_id
    )
    SELECT j.word, coalesce(j.said_seq, b.seq_before + j.nth),
           coalesce(j.said_ordinal, b.ordinal_before + j.nth),
           coalesce(j.said_at, present),
           CASE WHEN j.word = 'slow' THEN CASE WHEN j.found = 'slow' THEN j.spoke_at ELSE present END
                                          + make_interval(secs => j.slow) ELSE j.until END,
           j.author_name
      FROM counted j
      LEFT JOIN numbered b ON b.id = j.room_id
     ORDER BY j.n;
END $$;
"""

APPEND_ONE = """
CREATE OR REPLACE FUNCTION journal_append_one(
    p_room bigint, p_author bigint, p_nonce text, p_hash bytea,
    p_text text, p_parts text, p_body text, p_mentions text, p_wait boolean,
    OUT i int, OUT verdict text, OUT seq bigint, OUT ordinal bigint, OUT at timestamptz, OUT until timestamptz,
    OUT name text
)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    room rooms;
    guest boolean;
    said messages;
    slow double precision;
    spoke timestamptz;
BEGIN
    i := 1;
    IF p_wait THEN
        SELECT r.* INTO room FROM rooms r WHERE r.id = p_room FOR UPDATE;
    ELSE
        SELECT r.* INTO room FROM rooms r WHERE r.id = p_room FOR UPDATE SKIP LOCKED;
    END IF;
    IF room.id IS NULL THEN
        verdict := CASE WHEN EXISTS (SELECT FROM rooms x WHERE x.id = p_room) THEN 'locked' ELSE 'no_such_room' END;
        RETURN;
    END IF;
    at := clock_timestamp();
    SELECT m.* INTO said
      FROM messages m WHERE m.room_id = p_room AND m.author_id = p_author AND m.nonce = p_nonce;
    IF said.seq IS NOT NULL THEN
        verdict := CASE WHEN said.request_hash = p_hash THEN 'again' ELSE 'nonce_conflict' END;
        seq := said.seq;
        ordinal := said.ordinal;
        at := said.at;
        name := said.author_name;
        RETURN;
    END IF;
    SELECT may_speak(p, m, room.switches, at), silent_until(p, m, at), p.name, p.is_guest,
           slow_mode_of(p, m, room.switches), m.spoke_at
      INTO verdict, until, name, guest, slow, spoke
      FROM users p LEFT JOIN memberships m ON m.room_id = p_room AND m.user_id = p.id WHERE p.id = p_author;
    verdict := coalesce(verdict, 'suspended');
    IF EXISTS (SELECT FROM receipts t WHERE t.room_id = p_room AND t.author_id = p_author AND t.nonce = p_nonce) THEN
        verdict := 'nonce_conflict';
    END IF;
    IF verdict = 'slow' THEN
        until := spoke + make_interval(secs => slow);
    END IF;
    IF verdict <> 'ok' THEN
        RETURN;
    END IF;
    seq := room.last_seq + 1;
    ordinal := room.last_ordinal + 1;
    UPDATE rooms r SET last_seq = room.last_seq + 1, last_ordinal = room.last_ordinal + 1,
           last_at = journal_append_one.at WHERE r.id = p_room;
    INSERT INTO messages (room_id, seq, kind, author_id, author_name, author_guest, at, nonce,
                          request_hash, ordinal, text, parts, body)
    VALUES (p_room, room.last_seq + 1, 'message', p_author, journal_append_one.name, guest, journal_append_one.at,
            p_nonce, p_hash, room.last_ordinal + 1, p_text, p_parts::jsonb, p_body::jsonb);
    IF p_mentions <> '{}' THEN
        INSERT INTO mentions (room_id, user_id, seq)
        SELECT DISTINCT p_room, u.user_id, room.last_seq + 1 FROM unnest(p_mentions::bigint[]) AS u(user_id);
    END IF;
    IF slow > 0 THEN
        UPDATE memberships m SET spoke_at = journal_append_one.at WHERE m.room_id = p_room AND m.user_id = p_author;
    END IF;
END $$;
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them; processes of the version before go on with the same functions."""
    for statement in (TABLES, MAY_SPEAK, APPEND, APPEND_ONE):
        migrator.sql(statement)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them, and judge as before."""
    judged = import_module("aiochat.migrations.002_journal")
    by_key = import_module("aiochat.migrations.005_journal_by_key")
    for statement in (
        judged.MAY_SPEAK.partition("CREATE FUNCTION silent_until")[0],
        by_key.APPEND,
        judged.APPEND_ONE,
    ):
        migrator.sql(statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    migrator.sql("DROP FUNCTION slow_mode_of(users, memberships, jsonb)")
    migrator.sql("DROP TABLE acts, pins, transfers, reports")
    migrator.sql("ALTER TABLE memberships DROP COLUMN muted_reason, DROP COLUMN spoke_at")
