"""Many words at once cost the same however many people, rooms and messages there are."""

from typing import Any

# Planned once, before anybody knows how large the tables will be: without the settings a look-up for fifty authors may
# read every user there is. By key, each costs the same for good. The posts are parsed once, as jsonb.
APPEND = """
CREATE FUNCTION journal_append(p_posts jsonb, p_wait boolean)
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
               silent_until(p, m, present) AS until
          FROM ROWS FROM (jsonb_to_recordset(p_posts) AS (room_id bigint, author_id bigint, nonce text, hash text,
                                                          text text, parts jsonb, body jsonb, mentions bigint[]))
               WITH ORDINALITY AS a(room_id, author_id, nonce, hash, text, parts, body, mentions, n)
          LEFT JOIN rooms r ON r.id = a.room_id
          LEFT JOIN users p ON p.id = a.author_id
          LEFT JOIN memberships m ON m.room_id = a.room_id AND m.user_id = a.author_id
          LEFT JOIN messages said ON said.room_id = a.room_id AND said.author_id = a.author_id
                                 AND said.nonce = a.nonce
    ), counted AS MATERIALIZED (
        SELECT j.*, count(*) FILTER (WHERE j.found = 'ok') OVER (PARTITION BY j.room_id ORDER BY j.n) AS nth
          FROM judged j
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
          FROM counted a JOIN numbered b ON b.id = a.room_id WHERE a.found = 'ok'
    ), told AS (
        INSERT INTO mentions (room_id, user_id, seq)
        SELECT DISTINCT a.room_id, u.user_id, b.seq_before + a.nth
          FROM counted a JOIN numbered b ON b.id = a.room_id
         CROSS JOIN LATERAL unnest(a.mentions) AS u(user_id)
         WHERE a.found = 'ok' AND a.mentions IS NOT NULL
    )
    SELECT j.found, coalesce(j.said_seq, b.seq_before + j.nth),
           coalesce(j.said_ordinal, b.ordinal_before + j.nth),
           coalesce(j.said_at, present), j.until, j.author_name
      FROM counted j
      LEFT JOIN numbered b ON b.id = j.room_id
     ORDER BY j.n;
END $$;
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make it. The one of before, for json, stays: while processes are replaced, older ones still call it."""
    migrator.sql(APPEND)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop it."""
    migrator.sql("DROP FUNCTION journal_append(jsonb, boolean)")
