-- Of the memory that a client stored last, if it still is that: the run that it belongs to, and when it was.
-- name: run
SELECT coalesce(m.run, m.row), m.created_at
FROM memories AS m
WHERE m.row = %(row)s AND m.namespace = %(namespace)s AND m.thread IS NULL
    AND (SELECT c.client FROM changes AS c WHERE c.row = m.row ORDER BY c.seq LIMIT 1) = %(client)s

-- name: changed
SELECT DISTINCT row FROM changes WHERE seq > %(seq)s

-- name: last
SELECT coalesce(max(row), 0) FROM memories

-- name: linked
SELECT row, namespace, thread, coalesce(run, row), place, created_at
FROM memories
WHERE deleted_at IS NULL AND superseded_by IS NULL

-- name: linked_of
SELECT row, namespace, thread, coalesce(run, row), place, created_at
FROM memories
WHERE deleted_at IS NULL AND superseded_by IS NULL AND row = ANY (%(rows)s::bigint[])

-- name: keys
SELECT row, place, created_at FROM memories WHERE row = ANY (%(rows)s::bigint[])
