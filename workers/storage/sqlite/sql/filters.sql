-- Conditions on `m`, a row of memories, that filters.py puts together.

-- name: live
m.deleted_at IS NULL AND m.namespace = :namespace

-- name: live_everywhere
m.deleted_at IS NULL

-- name: ever
m.namespace = :namespace

-- name: ever_everywhere
m.namespace <> 'memmux-canary'

-- name: deleted
m.deleted_at IS NOT NULL AND m.namespace = :namespace

-- name: deleted_everywhere
m.deleted_at IS NOT NULL

-- name: namespaces
m.namespace IN (SELECT value FROM json_each(:namespaces))

-- name: ids
m.id IN (SELECT value FROM json_each(:ids))

-- name: current
m.superseded_by IS NULL

-- name: type
m.type = :type

-- name: after
m.created_at >= :after

-- name: before
m.created_at < :before

-- name: unused_since
coalesce(
    (SELECT u.last_at FROM uses AS u WHERE u.row = m.row),
    (
        SELECT o.fields ->> '$.last_accessed'
        FROM origins AS o
        WHERE o.row = m.row AND json_type(o.fields, '$.last_accessed') IN ('integer', 'real')
    ),
    m.created_at
) < :unused_since

-- name: client
m.row IN (
    SELECT c.row
    FROM changes AS c
    WHERE c.before IS NULL
        AND c.operation IN ('memory.store', 'memory.store_similar', 'memory.store_batch', 'memory.rewrite', 'memory.load')
        AND lower(substr(c.client, 1, length(:client))) = lower(:client)
)

-- name: any_tag
m.row IN (
    SELECT mt.memory
    FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag
    WHERE t.name IN (SELECT value FROM json_each(:tags))
)

-- name: all_tags
m.row IN (
    SELECT mt.memory
    FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag
    WHERE t.name IN (SELECT value FROM json_each(:tags))
    GROUP BY mt.memory
    HAVING count(*) = json_array_length(:tags)
)

-- name: metadata
NOT EXISTS (
    SELECT 1
    FROM json_each(:metadata) AS wanted
    WHERE NOT EXISTS (
        SELECT 1
        FROM json_each(m.metadata) AS found
        WHERE found.key = wanted.key
            AND iif(found.type = 'integer', 'real', found.type) = iif(wanted.type = 'integer', 'real', wanted.type)
            AND found.value IS wanted.value
    )
)
