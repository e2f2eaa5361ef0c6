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
-- There is no index of the hashes of deleted memories: they are gone through, but only for what may be a hash.
-- name: find_past
SELECT row FROM memories WHERE id = %(id)s AND namespace = %(namespace)s
UNION ALL
SELECT row FROM memories WHERE content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NULL
UNION ALL
SELECT row
FROM (
    SELECT row
    FROM memories
    WHERE length(%(id)s::text) = 64 AND content_hash = %(id)s AND namespace = %(namespace)s AND deleted_at IS NOT NULL
    ORDER BY deleted_at DESC
) AS deleted
UNION ALL
SELECT row FROM aliases WHERE name = %(id)s AND namespace = %(namespace)s
UNION ALL
SELECT row
FROM changes
WHERE memory = %(id)s AND operation = 'memory.purge' AND before::json ->> 'namespace' = %(namespace)s
LIMIT 1

-- The namespaces that have a live memory with one of some ids, content hashes or aliases: as many statements, however
-- many namespaces there are.
-- name: homes
SELECT namespace FROM memories WHERE id = ANY (%(ids)s::text[]) AND deleted_at IS NULL
UNION
SELECT namespace
FROM memories
WHERE namespace = ANY (%(namespaces)s::text[]) AND content_hash = ANY (%(hashes)s::text[]) AND deleted_at IS NULL
UNION
SELECT a.namespace
FROM aliases AS a JOIN memories AS m ON m.row = a.row
WHERE a.namespace = ANY (%(namespaces)s::text[]) AND a.name = ANY (%(ids)s::text[]) AND m.deleted_at IS NULL

-- The same of live, deleted and purged memories, by ids and aliases; from one namespace with aliases to the next.
-- name: past_homes
WITH RECURSIVE found(name) AS (
    SELECT min(namespace) FROM aliases
    UNION ALL
    SELECT (SELECT min(namespace) FROM aliases WHERE namespace > found.name) FROM found WHERE found.name IS NOT NULL
)
SELECT namespace FROM memories WHERE id = ANY (%(ids)s::text[])
UNION
SELECT namespace FROM aliases WHERE namespace IN (SELECT name FROM found) AND name = ANY (%(ids)s::text[])
UNION
SELECT before::json ->> 'namespace' FROM changes WHERE memory = ANY (%(ids)s::text[]) AND operation = 'memory.purge'

-- name: homes_of_deleted
SELECT DISTINCT namespace FROM memories WHERE deleted_at IS NOT NULL AND content_hash = ANY (%(hashes)s::text[])

-- How many live memories of each namespace have ids that begin so.
-- name: homes_of_begun
WITH begun AS MATERIALIZED (
    SELECT namespace FROM memories WHERE id >= %(id)s AND id < %(id)s || 'g' AND deleted_at IS NULL
)
SELECT namespace, count(*) FROM begun GROUP BY namespace

-- The same, deleted ones too.
-- name: homes_of_begun_past
WITH begun AS MATERIALIZED (SELECT namespace FROM memories WHERE id >= %(id)s AND id < %(id)s || 'g')
SELECT namespace, count(*) FROM begun GROUP BY namespace
