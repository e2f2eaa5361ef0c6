-- The row of a memory, live or deleted, by its id, its content hash or an alias; of a purged one, by its id.
-- name: find
SELECT row FROM memories WHERE id = :id AND namespace = :namespace
UNION ALL
SELECT row FROM memories WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT row
FROM (
    SELECT row
    FROM memories
    WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NOT NULL
    ORDER BY deleted_at DESC
)
UNION ALL
SELECT row FROM aliases WHERE name = :id AND namespace = :namespace
UNION ALL
SELECT row
FROM changes
WHERE memory = :id AND operation = 'memory.purge' AND json_extract(before, '$.namespace') = :namespace
LIMIT 1

-- name: changes
SELECT seq, memory, at, operation, client, request, before
FROM changes
WHERE row = :row
ORDER BY seq DESC
LIMIT :limit

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = :row
