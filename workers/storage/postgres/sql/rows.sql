-- name: memories
SELECT
    row, id, namespace, type, created_at, updated_at, supersedes, superseded_by,
    (SELECT coalesce(json_agg(a.name ORDER BY a.name)::text, '[]') FROM aliases AS a WHERE a.row = memories.row),
    (SELECT coalesce(json_agg(t.spelling ORDER BY t.position)::text, '[]') FROM memory_tags AS t WHERE t.memory = memories.row),
    thread, place, content_hash, metadata, content
FROM memories
WHERE row = ANY (%(rows)s::bigint[])

-- Each look-up by its own index; with OR the planner would go through the whole namespace.
-- name: find
SELECT row
FROM memories
WHERE id = %(id)s AND namespace = %(namespace)s AND deleted_at IS NULL
UNION ALL
SELECT row
FROM memories
WHERE content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NULL
UNION ALL
SELECT m.row
FROM aliases AS a JOIN memories AS m ON m.row = a.row
WHERE a.name = %(id)s AND a.namespace = %(namespace)s AND m.deleted_at IS NULL
LIMIT 1

-- Live memories whose ids begin so: `g` comes after every digit of an id.
-- name: begun
SELECT row, id
FROM memories
WHERE id >= %(id)s AND id < %(id)s || 'g' AND namespace = %(namespace)s AND deleted_at IS NULL
ORDER BY id
LIMIT %(limit)s

-- The same, deleted ones too.
-- name: begun_past
SELECT row, id
FROM memories
WHERE id >= %(id)s AND id < %(id)s || 'g' AND namespace = %(namespace)s
ORDER BY id
LIMIT %(limit)s

-- The newest change of a memory, which is what deleted or purged it if it is not there any more; whether undo of it
-- brings the memory back. Vectors are no part of what a memory is: they come and go by themselves.
-- name: newest_change
SELECT
    seq, memory, at, operation, client,
    operation <> 'memory.purge' AND before IS NOT NULL AND NOT coalesce((before::json ->> 'deleted')::boolean, false)
FROM changes
WHERE row = %(row)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq DESC
LIMIT 1

-- name: deleted_at
SELECT deleted_at FROM memories WHERE row = %(row)s

-- The row of a memory, live or deleted, by its id, its content hash or an alias; of a purged one, by its id.
-- name: find_past
SELECT row FROM memories WHERE id = %(id)s AND namespace = %(namespace)s
UNION ALL
SELECT row FROM memories WHERE content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NULL
UNION ALL
SELECT row
FROM (
    SELECT row
    FROM memories
    WHERE content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NOT NULL
    ORDER BY deleted_at DESC
) AS deleted
UNION ALL
SELECT row FROM aliases WHERE name = %(id)s AND namespace = %(namespace)s
UNION ALL
SELECT row
FROM changes
WHERE memory = %(id)s AND operation = 'memory.purge' AND before::json ->> 'namespace' = %(namespace)s
LIMIT 1
