-- name: memories
SELECT
    row, id, namespace, type, created_at, updated_at, supersedes, superseded_by,
    (SELECT json_group_array(a.name ORDER BY a.name) FROM aliases AS a WHERE a.row = memories.row),
    (SELECT json_group_array(t.spelling ORDER BY t.position) FROM memory_tags AS t WHERE t.memory = memories.row),
    thread, place, content_hash, metadata, content
FROM memories
WHERE row IN (SELECT value FROM json_each(:rows))

-- Each look-up by its own index; with OR the planner would go through the whole namespace.
-- name: find
SELECT row
FROM memories
WHERE id = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT row
FROM memories
WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT m.row
FROM aliases AS a CROSS JOIN memories AS m ON m.row = a.row
WHERE a.name = :id AND a.namespace = :namespace AND m.deleted_at IS NULL
LIMIT 1

-- Live memories whose ids begin so: `g` comes after every digit of an id.
-- name: begun
SELECT row, id
FROM memories
WHERE id >= :id AND id < :id || 'g' AND namespace = :namespace AND deleted_at IS NULL
ORDER BY id
LIMIT :limit

-- The same, deleted ones too.
-- name: begun_past
SELECT row, id
FROM memories
WHERE id >= :id AND id < :id || 'g' AND namespace = :namespace
ORDER BY id
LIMIT :limit

-- The newest change of a memory, which is what deleted or purged it if it is not there any more; whether undo of it
-- brings the memory back. Vectors are no part of what a memory is: they come and go by themselves.
-- name: newest_change
SELECT
    seq, memory, at, operation, client,
    operation <> 'memory.purge' AND before IS NOT NULL AND NOT coalesce(before ->> '$.deleted', 0)
FROM changes
WHERE row = :row AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
ORDER BY seq DESC
LIMIT 1

-- name: deleted_at
SELECT deleted_at FROM memories WHERE row = :row

-- The row of a memory, live or deleted, by its id, its content hash or an alias; of a purged one, by its id.
-- There is no index of the hashes of deleted memories: they are gone through, but only for what may be a hash.
-- name: find_past
SELECT row FROM memories WHERE id = :id AND namespace = :namespace
UNION ALL
SELECT row FROM memories WHERE content_hash = :id AND namespace = :namespace AND deleted_at IS NULL
UNION ALL
SELECT row
FROM (
    SELECT row
    FROM memories
    WHERE length(:id) = 64 AND content_hash = :id AND namespace = :namespace AND deleted_at IS NOT NULL
    ORDER BY deleted_at DESC
)
UNION ALL
SELECT row FROM aliases WHERE name = :id AND namespace = :namespace
UNION ALL
SELECT row
FROM changes
WHERE memory = :id AND operation = 'memory.purge' AND json_extract(before, '$.namespace') = :namespace
LIMIT 1

-- The namespaces that have a live memory with one of some ids, content hashes or aliases: as many statements, however
-- many namespaces there are.
-- name: homes
SELECT namespace FROM memories WHERE id IN (SELECT value FROM json_each(:ids)) AND deleted_at IS NULL
UNION
SELECT namespace
FROM memories
WHERE namespace IN (SELECT value FROM json_each(:namespaces)) AND content_hash IN (SELECT value FROM json_each(:hashes)) AND deleted_at IS NULL
UNION
SELECT a.namespace
FROM aliases AS a CROSS JOIN memories AS m ON m.row = a.row
WHERE a.namespace IN (SELECT value FROM json_each(:namespaces)) AND a.name IN (SELECT value FROM json_each(:ids)) AND m.deleted_at IS NULL

-- The same of live, deleted and purged memories, by ids and aliases; from one namespace with aliases to the next.
-- name: past_homes
WITH RECURSIVE found(name) AS (
    SELECT min(namespace) FROM aliases
    UNION ALL
    SELECT (SELECT min(namespace) FROM aliases WHERE namespace > found.name) FROM found WHERE found.name IS NOT NULL
)
SELECT namespace FROM memories WHERE id IN (SELECT value FROM json_each(:ids))
UNION
SELECT namespace FROM aliases WHERE namespace IN (SELECT name FROM found) AND name IN (SELECT value FROM json_each(:ids))
UNION
SELECT json_extract(before, '$.namespace') FROM changes WHERE memory IN (SELECT value FROM json_each(:ids)) AND operation = 'memory.purge'

-- name: homes_of_deleted
SELECT DISTINCT namespace FROM memories WHERE deleted_at IS NOT NULL AND content_hash IN (SELECT value FROM json_each(:hashes))

-- How many live memories of each namespace have ids that begin so.
-- name: homes_of_begun
WITH begun AS MATERIALIZED (
    SELECT namespace FROM memories WHERE id >= :id AND id < :id || 'g' AND deleted_at IS NULL
)
SELECT namespace, count(*) FROM begun GROUP BY namespace

-- The same, deleted ones too.
-- name: homes_of_begun_past
WITH begun AS MATERIALIZED (SELECT namespace FROM memories WHERE id >= :id AND id < :id || 'g')
SELECT namespace, count(*) FROM begun GROUP BY namespace
