-- name: memories
SELECT
    row, id, namespace, type, created_at, updated_at, supersedes, superseded_by,
    (SELECT json_group_array(a.name ORDER BY a.name) FROM aliases AS a WHERE a.row = memories.row),
    thread, place, content_hash, metadata, content
FROM memories
WHERE row IN (SELECT value FROM json_each(:rows))

-- name: tags
SELECT memory, spelling
FROM memory_tags
WHERE memory IN (SELECT value FROM json_each(:rows))
ORDER BY memory, position

-- Each look-up by its own index; with OR the planner would go through the whole namespace.
-- name: find
SELECT row
FROM memories
WHERE id = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT row
FROM memories
WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT m.row
FROM aliases AS a CROSS JOIN memories AS m ON m.row = a.row
WHERE a.name = :id AND a.namespace = :namespace AND m.deleted_at IS NULL
LIMIT 1

-- The row of a memory, live or deleted, by its id, its content hash or an alias; of a purged one, by its id.
-- name: find_past
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
