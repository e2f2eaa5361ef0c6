-- name: page
SELECT
    row,
    (SELECT u.count FROM uses AS u WHERE u.row = memories.row),
    (SELECT u.last_at FROM uses AS u WHERE u.row = memories.row),
    id, namespace, type, created_at, updated_at, deleted_at, supersedes, content_hash, metadata, content,
    superseded_by, thread, place,
    EXISTS (SELECT 1 FROM aliases AS a WHERE a.row = memories.row),
    EXISTS (SELECT 1 FROM origins AS o WHERE o.row = memories.row),
    EXISTS (SELECT 1 FROM links AS l WHERE l.row = memories.row)
FROM memories
WHERE row > :after
ORDER BY row
LIMIT :limit

-- name: last
SELECT coalesce(max(row), 0) FROM memories

-- name: tags
SELECT spelling FROM memory_tags WHERE memory = :row ORDER BY position

-- The current model's first: the first that is loaded anywhere becomes the current one there.
-- name: vectors
SELECT m.name, m.dimensions, v.start, v."end", v.embedding
FROM vectors AS v JOIN models AS m ON m.id = v.model
WHERE v.memory = :row
ORDER BY v.model IS NOT (SELECT value FROM meta WHERE key = 'model'), v.model, v.window
