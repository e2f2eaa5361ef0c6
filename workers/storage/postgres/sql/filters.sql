-- Conditions on `m`, a row of memories, that filters.py puts together.

-- name: live
m.deleted_at IS NULL AND m.namespace = %(namespace)s

-- name: live_everywhere
m.deleted_at IS NULL

-- name: ever
m.namespace = %(namespace)s

-- name: ever_everywhere
m.namespace <> 'memmux-canary'

-- name: deleted
m.deleted_at IS NOT NULL AND m.namespace = %(namespace)s

-- name: deleted_everywhere
m.deleted_at IS NOT NULL

-- name: namespaces
m.namespace = ANY (%(namespaces)s::text[])

-- name: ids
m.id = ANY (%(ids)s::text[])

-- name: current
m.superseded_by IS NULL

-- name: type
m.type = %(type)s

-- name: after
m.created_at >= %(after)s

-- name: before
m.created_at < %(before)s

-- name: unused_since
coalesce(
    (SELECT u.last_at FROM uses AS u WHERE u.row = m.row),
    (
        SELECT (o.fields::json ->> 'last_accessed')::float8
        FROM origins AS o
        WHERE o.row = m.row AND json_typeof(o.fields::json -> 'last_accessed') = 'number'
    ),
    m.created_at
) < %(unused_since)s

-- name: client
m.row IN (
    SELECT c.row
    FROM changes AS c
    WHERE c.before IS NULL
        AND c.operation IN ('memory.store', 'memory.store_similar', 'memory.store_batch', 'memory.rewrite', 'memory.load')
        AND lower(substr(c.client, 1, length(%(client)s))) = lower(%(client)s COLLATE "C")
)

-- name: any_tag
m.row IN (
    SELECT mt.memory
    FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag
    WHERE t.name = ANY (%(tags)s::text[])
)

-- name: all_tags
m.row IN (
    SELECT mt.memory
    FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag
    WHERE t.name = ANY (%(tags)s::text[])
    GROUP BY mt.memory
    HAVING count(*) = cardinality(%(tags)s::text[])
)

-- name: metadata
NOT EXISTS (
    SELECT 1
    FROM json_each(%(metadata)s::json) AS wanted
    WHERE NOT EXISTS (
        SELECT 1
        FROM json_each(m.metadata::json) AS found
        WHERE found.key = wanted.key
            AND CASE json_typeof(wanted.value)
                WHEN 'number' THEN
                    json_typeof(found.value) = 'number' AND (found.value #>> '{}')::numeric = (wanted.value #>> '{}')::numeric
                WHEN 'string' THEN json_typeof(found.value) = 'string' AND found.value #>> '{}' = wanted.value #>> '{}'
                ELSE found.value::text = wanted.value::text
            END
    )
)
