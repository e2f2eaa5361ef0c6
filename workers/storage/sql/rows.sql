-- name: memories
SELECT row, id, namespace, type, created_at, updated_at, supersedes, content_hash, metadata, content
FROM memories
WHERE row IN (SELECT value FROM json_each(:rows))

-- name: tags
SELECT memory, spelling
FROM memory_tags
WHERE memory IN (SELECT value FROM json_each(:rows))
ORDER BY memory, position

-- name: find
SELECT row
FROM memories
WHERE (id = :id OR content_hash = :id) AND namespace = :namespace AND deleted_at IS NULL
