-- The change log of one memory.

-- name: changes
SELECT seq, memory, at, operation, client, request, before
FROM changes
WHERE row = :row
ORDER BY seq DESC
LIMIT :limit

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = :row
