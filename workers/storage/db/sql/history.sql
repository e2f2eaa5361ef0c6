-- The change log, of one memory and of all.

-- name: changes
SELECT seq, memory, at, operation, client, request, before
FROM changes
WHERE row = :row
ORDER BY seq DESC
LIMIT :limit

-- name: all_changes
SELECT
    c.seq, c.memory, m.namespace, c.at, c.operation, c.client, m.deleted_at IS NOT NULL,
    (SELECT json_group_array(mt.spelling) FROM memory_tags AS mt WHERE mt.memory = m.row)
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > :after AND c.operation NOT IN (SELECT value FROM json_each(:views)) AND {where}
ORDER BY c.seq
LIMIT :limit

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = :row
