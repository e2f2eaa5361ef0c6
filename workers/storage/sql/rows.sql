-- name: memories
SELECT row, id, namespace, type, created_at, updated_at, supersedes, content_hash, metadata, content
FROM memories
WHERE row IN (SELECT value FROM json_each(:rows))

-- name: tags
SELECT memory, spelling
FROM memory_tags
WHERE memory IN (SELECT value FROM json_each(:rows))
ORDER BY memory, position

-- Two look-ups, each by its own index; with OR the planner would go through the whole namespace.
-- name: find
SELECT row
FROM memories
WHERE id = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT row
FROM memories
WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NULL
