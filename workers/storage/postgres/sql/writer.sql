-- name: insert_memory
INSERT INTO memories (
    row, id, namespace, type, created_at, updated_at, supersedes, content_hash, metadata, content, thread, place, run
)
VALUES (%(number)s, %(id)s, %(namespace)s, %(type)s, %(at)s, %(at)s, %(supersedes)s, %(content_hash)s, %(metadata)s, %(content)s, %(thread)s, %(place)s, %(run)s)

-- name: update_memory
UPDATE memories
SET type = %(type)s, metadata = %(metadata)s, updated_at = %(at)s, thread = %(thread)s, place = %(place)s
WHERE row = %(row)s

-- name: replace_content
UPDATE memories SET content = %(content)s, content_hash = %(content_hash)s WHERE row = %(row)s

-- name: supersede
UPDATE memories SET superseded_by = %(superseded_by)s WHERE row = %(row)s

-- name: delete_memory
UPDATE memories SET deleted_at = %(at)s WHERE row = %(row)s

-- name: same_content
SELECT row, id
FROM memories
WHERE namespace = %(namespace)s AND content_hash = %(content_hash)s AND deleted_at IS NULL

-- name: held
SELECT count(*) FROM (SELECT 1 FROM memories WHERE namespace = %(namespace)s AND deleted_at IS NULL LIMIT %(most)s) AS held

-- name: unchanged
SELECT row, namespace FROM memories WHERE id = %(id)s AND content = %(content)s AND deleted_at IS NULL

-- name: insert_tag
INSERT INTO tags (id, name) SELECT coalesce(max(id), 0) + 1, %(name)s FROM tags ON CONFLICT (name) DO NOTHING

-- name: insert_memory_tag
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT %(row)s, id, %(position)s, %(spelling)s FROM tags WHERE name = %(name)s

-- name: delete_memory_tags
DELETE FROM memory_tags WHERE memory = %(row)s

-- name: insert_change
INSERT INTO changes (seq, at, operation, memory, row, client, request, before)
VALUES (%(number)s, %(at)s, %(operation)s, %(memory)s, %(row)s, %(client)s, %(request)s, %(before)s)

-- name: first_change
SELECT at FROM changes ORDER BY seq LIMIT 1

-- name: last_change
SELECT max(seq) FROM changes WHERE row = %(row)s

-- name: seq
SELECT coalesce(max(seq), 0) FROM changes

-- name: answered
SELECT fingerprint, answer FROM idempotency WHERE md5(key) = md5(%(key)s) AND key = %(key)s

-- name: insert_answer
INSERT INTO idempotency (key, fingerprint, at, seq, answer)
VALUES (%(key)s, %(fingerprint)s, %(at)s, (SELECT coalesce(max(seq), 0) FROM changes), %(answer)s)

-- name: put_health_check
-- The newest come first, as many as fit: each router looks for its own, and others may have checked since.
INSERT INTO meta (key, value) VALUES ('health_check', %(id)s)
ON CONFLICT (key) DO UPDATE SET value = left(concat_ws(' ', excluded.value, meta.value), 4000)

-- Upkeep, a bounded piece at a time.

-- name: has_old_answers
SELECT EXISTS (SELECT 1 FROM idempotency WHERE at < %(before)s)

-- name: prune_answers
DELETE FROM idempotency WHERE ctid IN (SELECT ctid FROM idempotency WHERE at < %(before)s ORDER BY at LIMIT %(limit)s)
RETURNING 1

-- name: purge_tags
DELETE FROM tags
WHERE id IN (
    SELECT id FROM tags WHERE NOT EXISTS (SELECT 1 FROM memory_tags WHERE memory_tags.tag = tags.id) LIMIT %(limit)s
)
RETURNING 1

-- Undo, purge and load.

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = %(row)s

-- name: namespace
SELECT namespace FROM memories WHERE row = %(row)s

-- name: run
SELECT coalesce(run, row) FROM memories WHERE row = %(row)s AND thread IS NULL

-- name: change
SELECT row, memory, operation, before FROM changes WHERE seq = %(seq)s

-- Vectors are no part of what a memory is: they come and go by themselves.
-- name: changed_since
SELECT max(seq)
FROM changes
WHERE row = %(row)s AND seq > %(seq)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')

-- name: last_operation
SELECT operation
FROM changes
WHERE row = %(row)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq DESC
LIMIT 1

-- name: had_content
SELECT EXISTS (
    SELECT 1
    FROM changes
    WHERE row = %(row)s AND before IS NOT NULL AND before::json ->> 'content_hash' = %(content_hash)s
)

-- name: state_after
SELECT before
FROM changes
WHERE row = %(row)s AND seq > %(seq)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq
LIMIT 1

-- The state before the next change that had to do with links and origin.
-- name: links_after
SELECT before
FROM changes
WHERE row = %(row)s AND seq > %(seq)s AND before::json -> 'links' IS NOT NULL
ORDER BY seq
LIMIT 1

-- name: changed_with
SELECT EXISTS (
    SELECT 1 FROM changes WHERE row = %(row)s AND request = (SELECT request FROM changes WHERE seq = %(seq)s)
)

-- name: kept
SELECT EXISTS (SELECT 1 FROM memories WHERE row = %(row)s)

-- One statement, as the full-text index is kept by triggers that must see content and deletion change together.
-- name: put_state
UPDATE memories
SET type = %(type)s, metadata = %(metadata)s, content = %(content)s, content_hash = %(content_hash)s, created_at = %(created_at)s,
    updated_at = %(updated_at)s, deleted_at = %(deleted_at)s, supersedes = %(supersedes)s, superseded_by = %(superseded_by)s,
    thread = %(thread)s, place = %(place)s
WHERE row = %(row)s

-- name: times
SELECT created_at, updated_at, deleted_at FROM memories WHERE row = %(row)s

-- name: deleted_by_id
SELECT row, deleted_at IS NOT NULL FROM memories WHERE id = %(id)s AND namespace = %(namespace)s

-- name: deleted_by_hash
SELECT row
FROM memories
WHERE length(%(id)s::text) = 64 AND content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NOT NULL
UNION
SELECT m.row
FROM aliases AS a JOIN memories AS m ON m.row = a.row
WHERE a.name = %(id)s AND a.namespace = %(namespace)s AND m.deleted_at IS NOT NULL

-- name: deleted_before
SELECT row
FROM memories
WHERE deleted_at < %(before)s AND namespace = %(namespace)s
ORDER BY deleted_at
LIMIT %(limit)s

-- name: count_deleted_before
SELECT count(*) FROM memories WHERE deleted_at < %(before)s AND namespace = %(namespace)s

-- name: expired
SELECT row FROM memories WHERE deleted_at < %(before)s ORDER BY deleted_at LIMIT %(limit)s

-- name: purge_before
UPDATE changes SET before = NULL WHERE before IS NOT NULL AND row = ANY (%(rows)s::bigint[])

-- name: purge
DELETE FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: by_id
SELECT row FROM memories WHERE id = %(id)s

-- name: purged
SELECT EXISTS (SELECT 1 FROM changes WHERE memory = %(id)s AND operation = 'memory.purge')

-- name: load_memory
INSERT INTO memories (
    row, id, namespace, type, created_at, updated_at, deleted_at, supersedes, superseded_by, content_hash, metadata, content,
    thread, place, run
)
VALUES (
    %(number)s, %(id)s, %(namespace)s, %(type)s, %(created_at)s, %(updated_at)s, %(deleted_at)s, %(supersedes)s, %(superseded_by)s, %(content_hash)s,
    %(metadata)s, %(content)s, %(thread)s, %(place)s, %(run)s
)

-- name: purge_all_tags
DELETE FROM tags WHERE NOT EXISTS (SELECT 1 FROM memory_tags WHERE memory_tags.tag = tags.id)

-- Whether purged memories have left something beside their rows.
-- name: has_traces
SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'traces')

-- name: note_traces
INSERT INTO meta (key, value) VALUES ('traces', '1') ON CONFLICT (key) DO NOTHING

-- name: drop_traces
DELETE FROM meta WHERE key = 'traces'

-- name: first_of
SELECT min(seq), min(at) FROM changes WHERE row = ANY (%(rows)s::bigint[])

-- name: names_of
SELECT row, id, namespace FROM memories WHERE row = ANY (%(rows)s::bigint[]) ORDER BY row

-- name: last_of
SELECT max(at) FROM changes WHERE row = ANY (%(rows)s::bigint[])

-- name: kept_answers
SELECT at, key, answer
FROM idempotency
WHERE at < %(until)s AND (at, key) > (%(at)s, %(key)s)
ORDER BY at, key
LIMIT %(limit)s

-- name: scrub_answer
UPDATE idempotency SET answer = %(answer)s WHERE md5(key) = md5(%(key)s) AND key = %(key)s
