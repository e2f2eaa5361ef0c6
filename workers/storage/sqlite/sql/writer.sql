-- name: insert_memory
INSERT INTO memories (
    id, namespace, type, created_at, updated_at, supersedes, content_hash, metadata, content, thread, place, run
)
VALUES (:id, :namespace, :type, :at, :at, :supersedes, :content_hash, :metadata, :content, :thread, :place, :run)

-- name: update_memory
UPDATE memories
SET type = :type, metadata = :metadata, updated_at = :at, thread = :thread, place = :place
WHERE row = :row

-- name: replace_content
UPDATE memories SET content = :content, content_hash = :content_hash WHERE row = :row

-- name: supersede
UPDATE memories SET superseded_by = :superseded_by WHERE row = :row

-- name: delete_memory
UPDATE memories SET deleted_at = :at WHERE row = :row

-- name: same_content
SELECT row, id
FROM memories
WHERE namespace = :namespace AND content_hash = :content_hash AND deleted_at IS NULL

-- name: held
SELECT count(*) FROM (SELECT 1 FROM memories WHERE namespace = :namespace AND deleted_at IS NULL LIMIT :most)

-- name: unchanged
SELECT row, namespace FROM memories WHERE id = :id AND content = :content AND deleted_at IS NULL

-- name: insert_tag
INSERT INTO tags (name) VALUES (:name) ON CONFLICT (name) DO NOTHING

-- name: insert_memory_tag
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT :row, id, :position, :spelling FROM tags WHERE name = :name

-- name: delete_memory_tags
DELETE FROM memory_tags WHERE memory = :row

-- name: insert_change
INSERT INTO changes (at, operation, memory, row, client, request, before)
VALUES (:at, :operation, :memory, :row, :client, :request, :before)

-- name: first_change
SELECT at FROM changes ORDER BY seq LIMIT 1

-- name: last_change
SELECT max(seq) FROM changes WHERE row = :row

-- name: seq
SELECT coalesce(max(seq), 0) FROM changes

-- name: answered
SELECT fingerprint, answer FROM idempotency WHERE key = :key

-- name: insert_answer
INSERT INTO idempotency (key, fingerprint, at, seq, answer)
VALUES (:key, :fingerprint, :at, (SELECT coalesce(max(seq), 0) FROM changes), :answer)

-- name: put_health_check
INSERT INTO meta (key, value) VALUES ('health_check', :id) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- Upkeep, a bounded piece at a time.

-- name: has_old_answers
SELECT EXISTS (SELECT 1 FROM idempotency WHERE at < :before)

-- name: prune_answers
DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at < :before ORDER BY at LIMIT :limit)

-- name: purge_tags
DELETE FROM tags
WHERE id IN (
    SELECT id FROM tags WHERE NOT EXISTS (SELECT 1 FROM memory_tags WHERE memory_tags.tag = tags.id) LIMIT :limit
)

-- Undo, purge and load.

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = :row

-- name: namespace
SELECT namespace FROM memories WHERE row = :row

-- name: run
SELECT coalesce(run, row) FROM memories WHERE row = :row AND thread IS NULL

-- name: change
SELECT row, memory, operation, before FROM changes WHERE seq = :seq

-- Vectors are no part of what a memory is: they come and go by themselves.
-- name: changed_since
SELECT max(seq)
FROM changes
WHERE row = :row AND seq > :seq AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')

-- name: last_operation
SELECT operation
FROM changes
WHERE row = :row AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq DESC
LIMIT 1

-- name: had_content
SELECT EXISTS (
    SELECT 1
    FROM changes
    WHERE row = :row AND before IS NOT NULL AND json_extract(before, '$.content_hash') = :content_hash
)

-- name: state_after
SELECT before
FROM changes
WHERE row = :row AND seq > :seq AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq
LIMIT 1

-- The state before the next change that had to do with links and origin.
-- name: links_after
SELECT before
FROM changes
WHERE row = :row AND seq > :seq AND json_type(before, '$.links') IS NOT NULL
ORDER BY seq
LIMIT 1

-- name: changed_with
SELECT EXISTS (
    SELECT 1 FROM changes WHERE row = :row AND request = (SELECT request FROM changes WHERE seq = :seq)
)

-- name: kept
SELECT EXISTS (SELECT 1 FROM memories WHERE row = :row)

-- One statement, as the full-text index is kept by triggers that must see content and deletion change together.
-- name: put_state
UPDATE memories
SET type = :type, metadata = :metadata, content = :content, content_hash = :content_hash, created_at = :created_at,
    updated_at = :updated_at, deleted_at = :deleted_at, supersedes = :supersedes, superseded_by = :superseded_by,
    thread = :thread, place = :place
WHERE row = :row

-- name: times
SELECT created_at, updated_at, deleted_at FROM memories WHERE row = :row

-- name: deleted_by_id
SELECT row, deleted_at IS NOT NULL FROM memories WHERE id = :id AND namespace = :namespace

-- name: deleted_by_hash
SELECT row
FROM memories
WHERE length(:id) = 64 AND content_hash = :id AND namespace = :namespace AND deleted_at IS NOT NULL
UNION
SELECT m.row
FROM aliases AS a CROSS JOIN memories AS m ON m.row = a.row
WHERE a.name = :id AND a.namespace = :namespace AND m.deleted_at IS NOT NULL

-- name: deleted_before
SELECT row
FROM memories
WHERE deleted_at < :before AND namespace = :namespace
ORDER BY deleted_at
LIMIT :limit

-- name: count_deleted_before
SELECT count(*) FROM memories WHERE deleted_at < :before AND namespace = :namespace

-- name: expired
SELECT row FROM memories WHERE deleted_at < :before ORDER BY deleted_at LIMIT :limit

-- name: purge_before
UPDATE changes SET before = NULL WHERE before IS NOT NULL AND row IN (SELECT value FROM json_each(:rows))

-- name: purge
DELETE FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: by_id
SELECT row FROM memories WHERE id = :id

-- name: purged
SELECT EXISTS (SELECT 1 FROM changes WHERE memory = :id AND operation = 'memory.purge')

-- name: load_memory
INSERT INTO memories (
    id, namespace, type, created_at, updated_at, deleted_at, supersedes, superseded_by, content_hash, metadata, content,
    thread, place, run
)
VALUES (
    :id, :namespace, :type, :created_at, :updated_at, :deleted_at, :supersedes, :superseded_by, :content_hash,
    :metadata, :content, :thread, :place, :run
)

-- name: purge_all_tags
DELETE FROM tags WHERE NOT EXISTS (SELECT 1 FROM memory_tags WHERE memory_tags.tag = tags.id)

-- Whether purged memories have left something beside their rows.
-- name: has_traces
SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'traces')

-- name: note_traces
INSERT INTO meta (key, value) VALUES ('traces', 1) ON CONFLICT (key) DO NOTHING

-- name: drop_traces
DELETE FROM meta WHERE key = 'traces'

-- name: first_of
SELECT min(seq), min(at) FROM changes WHERE row IN (SELECT value FROM json_each(:rows))

-- name: names_of
SELECT row, id, namespace FROM memories WHERE row IN (SELECT value FROM json_each(:rows)) ORDER BY row

-- name: last_of
SELECT max(at) FROM changes WHERE row IN (SELECT value FROM json_each(:rows))

-- name: kept_answers
SELECT at, key, answer
FROM idempotency
WHERE at < :until AND (at, key) > (:at, :key)
ORDER BY at, key
LIMIT :limit

-- name: scrub_answer
UPDATE idempotency SET answer = :answer WHERE key = :key
