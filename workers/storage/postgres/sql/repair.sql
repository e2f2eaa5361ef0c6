-- What the repair does.

-- Vectors that can't be right, and the memories that they are of: of what is deleted, or of another length.
-- name: wrong_vectors
SELECT DISTINCT m.row, m.id
FROM vectors AS v JOIN memories AS m ON m.row = v.memory JOIN models ON models.id = v.model
WHERE m.deleted_at IS NOT NULL OR octet_length(v.embedding) <> 4 * models.dimensions
ORDER BY m.row

-- name: count_memories
UPDATE meta SET value = (SELECT count(*)::text FROM memories WHERE deleted_at IS NULL) WHERE key = 'memories'

-- name: count_vectors
UPDATE models
SET
    vectors = (SELECT count(*) FROM vectors AS v WHERE v.model = models.id),
    memories = (SELECT count(DISTINCT v.memory) FROM vectors AS v WHERE v.model = models.id)

-- name: current_missing
SELECT EXISTS (SELECT 1 FROM models)
    AND NOT EXISTS (SELECT 1 FROM models WHERE id = (SELECT value::bigint FROM meta WHERE key = 'model'))

-- name: choose_current
INSERT INTO meta (key, value)
SELECT 'model', id::text FROM models WHERE true ORDER BY memories DESC, id DESC LIMIT 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: vectors_counted
SELECT count(*) FROM vectors
