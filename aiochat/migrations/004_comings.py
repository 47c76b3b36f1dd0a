"""How comings and goings come into a log: everybody who arrives or leaves at the same time in one transaction."""

from typing import Any

# As with words: lock, then look, then number, each with a snapshot of its own. Whoever is here already does not come,
# and who is not here does not go: asked again, nothing happens twice. A leave's nonce is made of its join's number.
# Nobody comes who was shown out a moment ago, or belongs here no more. By key, each costs the same however many there
# are; without the settings a plan made early may read every membership.
COME_AND_GO = """
CREATE FUNCTION come_and_go(p_moves jsonb, p_wait boolean)
RETURNS TABLE (verdict text, seq bigint, at timestamptz, name text, guest boolean)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    wanted bigint[];
    locked bigint[];
    present timestamptz;
BEGIN
    SELECT array_agg(DISTINCT (move->'room_id')::bigint) INTO wanted FROM jsonb_array_elements(p_moves) AS move;
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
        SELECT a.n, a.room_id, a.user_id, a.comes, a.lost, p.name, p.is_guest, m.present_since,
               CASE WHEN NOT a.room_id = ANY (coalesce(locked, '{}')) THEN
                        CASE WHEN EXISTS (SELECT FROM rooms x WHERE x.id = a.room_id) THEN 'locked' ELSE 'no' END
                    WHEN p.id IS NULL OR a.comes = (m.present_since IS NOT NULL) THEN 'no'
                    WHEN a.comes AND (m.banned_until > present OR m.out_until > present) IS TRUE THEN 'no'
                    WHEN a.comes AND NOT (p.is_guest OR m.is_member IS TRUE) THEN 'no'
                    WHEN coalesce((r.switches->>'comings_and_goings')::boolean, true) THEN 'recorded'
                    ELSE 'told' END AS found
          FROM ROWS FROM (jsonb_to_recordset(p_moves) AS (room_id bigint, user_id bigint, comes boolean, lost boolean))
               WITH ORDINALITY AS a(room_id, user_id, comes, lost, n)
          LEFT JOIN rooms r ON r.id = a.room_id
          LEFT JOIN users p ON p.id = a.user_id
          LEFT JOIN memberships m ON m.room_id = a.room_id AND m.user_id = a.user_id
    ), counted AS MATERIALIZED (
        SELECT j.*, count(*) FILTER (WHERE j.found = 'recorded') OVER (PARTITION BY j.room_id ORDER BY j.n) AS nth
          FROM judged j
    ), numbered AS (
        UPDATE rooms r
           SET last_seq = r.last_seq + c.many, last_at = CASE WHEN c.many > 0 THEN present ELSE r.last_at END
          FROM (SELECT room_id, max(nth) AS many FROM counted WHERE found IN ('recorded', 'told') GROUP BY room_id) c
         WHERE r.id = c.room_id
        RETURNING r.id, r.last_seq - c.many AS before
    ), kept AS (
        INSERT INTO messages (room_id, seq, kind, author_id, author_name, author_guest, at, nonce, request_hash, body)
        SELECT c.room_id, b.before + c.nth, CASE WHEN c.comes THEN 'joined' ELSE 'left' END, c.user_id, c.name,
               c.is_guest, present,
               CASE WHEN c.comes THEN '~' || replace(gen_random_uuid()::text, '-', '')
                    ELSE '~left/' || c.present_since END,
               ''::bytea,
               jsonb_build_object('user', jsonb_build_object('id', c.user_id, 'name', c.name)
                   || CASE WHEN c.is_guest THEN '{"guest": true}' ELSE '{}' END::jsonb)
                   || CASE WHEN c.lost AND NOT c.comes THEN '{"lost": true}' ELSE '{}' END::jsonb
          FROM counted c JOIN numbered b ON b.id = c.room_id WHERE c.found = 'recorded'
    ), arrived AS (
        INSERT INTO memberships (room_id, user_id, role, is_member, present_since)
        SELECT c.room_id, c.user_id, CASE WHEN c.is_guest THEN 1 ELSE 2 END, NOT c.is_guest, b.before + c.nth
          FROM counted c JOIN numbered b ON b.id = c.room_id WHERE c.found IN ('recorded', 'told') AND c.comes
        ON CONFLICT (room_id, user_id) DO UPDATE SET present_since = excluded.present_since
    ), departed AS (
        UPDATE memberships m SET present_since = NULL
          FROM counted c
         WHERE m.room_id = c.room_id AND m.user_id = c.user_id AND c.found IN ('recorded', 'told') AND NOT c.comes
    )
    SELECT c.found, CASE WHEN c.found = 'recorded' THEN b.before + c.nth END, present, c.name, c.is_guest
      FROM counted c LEFT JOIN numbered b ON b.id = c.room_id
     ORDER BY c.n;
END $$;
"""


def migrate(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Make it."""
    migrator.sql(COME_AND_GO)


def rollback(migrator: Any, database: Any, *, fake: bool = False) -> None:
    """Drop it."""
    migrator.sql("DROP FUNCTION come_and_go(jsonb, boolean)")
