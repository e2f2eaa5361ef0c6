-- What may be tidied up; `{where}` is a condition on `m` from filters.py.

-- name: count_superseded
SELECT count(*) FROM memories AS m WHERE {where} AND m.superseded_by IS NOT NULL

-- name: superseded
SELECT m.row
FROM memories AS m
WHERE {where} AND m.superseded_by IS NOT NULL
ORDER BY m.created_at DESC, m.row DESC
LIMIT %(limit)s OFFSET %(offset)s

-- Of the same namespace: an import may name any id, and another namespace may be none of the client's business.
-- name: successors
WITH RECURSIVE version (row) AS (
    SELECT unnest(%(rows)s::bigint[])
    UNION
    SELECT newer.row
    FROM version JOIN memories AS former ON former.row = version.row
    JOIN memories AS newer ON newer.id = former.superseded_by AND newer.namespace = former.namespace
)
SELECT former.row, newer.row, newer.deleted_at IS NOT NULL, newer.superseded_by IS NULL
FROM version JOIN memories AS former ON former.row = version.row
JOIN memories AS newer ON newer.id = former.superseded_by AND newer.namespace = former.namespace

-- Memories in the order of their storing, to be compared with all others.
-- name: next
SELECT m.row FROM memories AS m WHERE m.row > %(after)s AND {where} ORDER BY m.row LIMIT %(limit)s

-- name: texts
SELECT row, namespace, created_at, id, content FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: vectors
SELECT memory, embedding
FROM vectors
WHERE model = %(model)s AND memory = ANY (%(rows)s::bigint[]) AND "window" < %(windows)s
ORDER BY memory, "window"
