-- Memories as they were after a change; `{where}` is a condition on `m` from filters.py. What a memory was is kept by the
-- first change that it had afterwards; one that had none is as it was.

-- Of memories that are as they were: how many, and the newest ones.
-- name: count_same
SELECT count(*) FROM memories AS m WHERE {where} AND m.row <> ALL (%(changed)s::bigint[])

-- name: same
SELECT m.created_at, m.row
FROM memories AS m
WHERE {where} AND m.row <> ALL (%(changed)s::bigint[])
ORDER BY m.created_at DESC, m.row DESC
LIMIT %(limit)s

-- Changes, with the state before each, of memories that are there and in one of the namespaces.
-- name: states
SELECT c.seq, c.row, c.before
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq = ANY (%(seqs)s::bigint[]) AND c.before IS NOT NULL AND {where}

-- name: state
SELECT before FROM changes WHERE seq = %(seq)s

-- The first change after one that says something of a memory.
-- name: next
SELECT before
FROM changes
WHERE row = %(row)s AND seq > %(seq)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq
LIMIT 1

-- name: is_deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = %(row)s

-- Memories that were stored by then, and purged since; counted no further than needed.
-- name: purged
SELECT count(*)
FROM (
    SELECT 1
    FROM changes AS c
    WHERE c.operation = 'memory.purge' AND c.seq > %(seq)s
        AND (%(namespaces)s::text[] IS NULL OR c.before::json ->> 'namespace' = ANY (%(namespaces)s::text[]))
        AND EXISTS (SELECT 1 FROM changes AS first WHERE first.row = c.row AND first.seq <= %(seq)s)
    LIMIT %(most)s
) AS gone
