-- name: insert_memory
INSERT INTO memories (id, namespace, type, created_at, updated_at, content_hash, metadata, content)
VALUES (:id, :namespace, :type, :at, :at, :content_hash, :metadata, :content)

-- name: update_memory
UPDATE memories
SET type = :type, metadata = :metadata, updated_at = :at
WHERE row = :row

-- name: replace_content
UPDATE memories SET content = :content, content_hash = :content_hash WHERE row = :row

-- name: delete_memory
UPDATE memories SET deleted_at = :at WHERE row = :row

-- name: same_content
SELECT row, id
FROM memories
WHERE namespace = :namespace AND content_hash = :content_hash AND deleted_at IS NULL

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

-- Upkeep, a bounded piece at a time.

-- name: prune_answers
DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at < :before ORDER BY at LIMIT :limit)

-- name: purge_memories
DELETE FROM memories WHERE row IN (SELECT row FROM memories WHERE deleted_at < :before LIMIT :limit)

-- name: purge_tags
DELETE FROM tags
WHERE id IN (
    SELECT id FROM tags WHERE NOT EXISTS (SELECT 1 FROM memory_tags WHERE memory_tags.tag = tags.id) LIMIT :limit
)
