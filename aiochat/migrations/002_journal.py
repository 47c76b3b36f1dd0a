"""How words come into a log: judged and numbered under the room's lock, in one round trip."""

from typing import Any

# Inlined where it is called: a rule written once, and no call for each message.
MAY_SPEAK = """
CREATE FUNCTION may_speak(p users, m memberships, switches jsonb, present timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p.id IS NULL OR p.suspended_until > present THEN 'suspended'
                WHEN m.banned_until > present THEN 'banned'
                WHEN m.out_until > present THEN 'removed'
                WHEN m.is_member IS NOT TRUE AND NOT
                    (p.is_guest AND coalesce((switches->>'guests_welcome')::boolean, false)) THEN 'not_member'
                WHEN (switches->>'archived')::boolean THEN 'archived'
                WHEN p.is_admin OR m.role >= 3 THEN 'ok'
                WHEN m.muted_until > present THEN 'muted'
                WHEN (switches->>'locked')::boolean THEN 'room_locked'
                WHEN (switches->>'moderated')::boolean AND m.voiced IS NOT TRUE THEN 'moderated'
                ELSE 'ok' END
$$;
CREATE FUNCTION silent_until(p users, m memberships, present timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p.suspended_until > present THEN p.suspended_until
                WHEN m.banned_until > present THEN m.banned_until
                WHEN m.out_until > present THEN m.out_until
                WHEN m.muted_until > present THEN m.muted_until END
$$;
"""

# Three statements, each with a snapshot of its own: lock, then look, then number. The second of two equal nonces
# waits at the lock and then sees the first; a single statement would miss it. Planning the third anew each time would
# cost more than running it. All posts come as one JSON text: drivers spend more on eight arrays than PostgreSQL on it.
APPEND = """
CREATE FUNCTION journal_append(p_posts json, p_wait boolean)
RETURNS TABLE (i int, verdict text, seq bigint, ordinal bigint, at timestamptz, until timestamptz, name text)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    wanted bigint[];
    locked bigint[];
    present timestamptz;
BEGIN
    SELECT array_agg(DISTINCT (post->>'room_id')::bigint) INTO wanted FROM json_array_elements(p_posts) AS post;
    IF p_wait THEN
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (wanted) ORDER BY id FOR UPDATE) r;
    ELSE
        SELECT array_agg(r.id) INTO locked
          FROM (SELECT id FROM rooms WHERE id = ANY (wanted) ORDER BY id FOR UPDATE SKIP LOCKED) r;
    END IF;
    present := clock_timestamp();
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT u.n::int AS n, u.room_id, u.author_id, u.nonce, decode(u.hash, 'hex') AS hash, u.text, u.parts, u.body,
               u.mentions
          FROM ROWS FROM (json_to_recordset(p_posts) AS (room_id bigint, author_id bigint, nonce text, hash text,
                                                         text text, parts jsonb, body jsonb, mentions bigint[]))
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
                    ELSE may_speak(p, m, r.switches, present) END AS found,
               silent_until(p, m, present) AS until
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
               a.nonce, a.hash, b.ordinal_before + a.nth, a.text, a.parts, a.body
          FROM accepted a JOIN numbered b ON b.id = a.room_id
    ), told AS (
        INSERT INTO mentions (room_id, user_id, seq)
        SELECT DISTINCT a.room_id, u.user_id, b.seq_before + a.nth
          FROM accepted a JOIN numbered b ON b.id = a.room_id
         CROSS JOIN LATERAL unnest(a.mentions) AS u(user_id)
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

# The short road of a lone message: the same three steps, without the weight of many.
APPEND_ONE = """
CREATE FUNCTION journal_append_one(
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
    SELECT may_speak(p, m, room.switches, at), silent_until(p, m, at), p.name, p.is_guest
      INTO verdict, until, name, guest
      FROM users p LEFT JOIN memberships m ON m.room_id = p_room AND m.user_id = p.id WHERE p.id = p_author;
    verdict := coalesce(verdict, 'suspended');
    IF EXISTS (SELECT FROM receipts t WHERE t.room_id = p_room AND t.author_id = p_author AND t.nonce = p_nonce) THEN
        verdict := 'nonce_conflict';
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
END $$;
"""

FUNCTIONS = """
    journal_append_one(bigint, bigint, text, bytea, text, text, text, text, boolean),
    journal_append(json, boolean),
    silent_until(users, memberships, timestamptz), may_speak(users, memberships, jsonb, timestamptz)"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make them."""
    for statement in (MAY_SPEAK, APPEND, APPEND_ONE):
        migrator.sql(statement)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop them."""
    migrator.sql(f"DROP FUNCTION {FUNCTIONS}")
