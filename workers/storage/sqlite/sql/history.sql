-- The change log, of one memory and of all.

-- name: changes
SELECT seq, memory, at, operation, client, request, before
FROM changes
WHERE row = :row
ORDER BY seq DESC
LIMIT :limit

-- Those after one, the oldest first or the newest: the same but for the order.
-- name: oldest_changes
SELECT
    c.seq, c.memory, m.namespace, c.at, c.operation, c.client, m.deleted_at IS NOT NULL,
    (SELECT json_group_array(mt.spelling) FROM memory_tags AS mt WHERE mt.memory = m.row),
    iif(:texts, substr(m.content, 1, :characters), NULL)
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > :after AND c.operation NOT IN (SELECT value FROM json_each(:views)) AND {where}
    AND (:client IS NULL OR lower(substr(c.client, 1, length(:client))) = lower(:client))
    AND (json_array_length(:operations) = 0 OR c.operation IN (SELECT value FROM json_each(:operations)))
ORDER BY c.seq
LIMIT :limit

-- name: newest_changes
SELECT
    c.seq, c.memory, m.namespace, c.at, c.operation, c.client, m.deleted_at IS NOT NULL,
    (SELECT json_group_array(mt.spelling) FROM memory_tags AS mt WHERE mt.memory = m.row),
    iif(:texts, substr(m.content, 1, :characters), NULL)
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > :after AND c.operation NOT IN (SELECT value FROM json_each(:views)) AND {where}
    AND (:client IS NULL OR lower(substr(c.client, 1, length(:client))) = lower(:client))
    AND (json_array_length(:operations) = 0 OR c.operation IN (SELECT value FROM json_each(:operations)))
ORDER BY c.seq DESC
LIMIT :limit

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = :row
