-- name: run
SELECT coalesce(m.run, m.row), m.created_at
FROM memories AS m
WHERE m.row = :row AND m.namespace = :namespace AND m.thread IS NULL
    AND (SELECT c.client FROM changes AS c WHERE c.row = m.row ORDER BY c.seq LIMIT 1) = :client
