-- The change log, of one memory and of all.

-- name: changes
SELECT seq, memory, at, operation, client, request, before
FROM changes
WHERE row = %(row)s
ORDER BY seq DESC
LIMIT %(limit)s

-- Those after one, the oldest first or the newest: the same but for the order.
-- name: oldest_changes
SELECT
    c.seq, c.memory, m.namespace, c.at, c.operation, c.client, m.deleted_at IS NOT NULL,
    (SELECT coalesce(json_agg(mt.spelling ORDER BY mt.tag)::text, '[]') FROM memory_tags AS mt WHERE mt.memory = m.row),
    CASE WHEN %(texts)s::boolean THEN substr(m.content, 1, %(characters)s::integer) END
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > %(after)s AND c.operation <> ALL (%(views)s::text[]) AND {where}
    AND (%(client)s::text IS NULL OR lower(substr(c.client, 1, length(%(client)s::text))) = lower(%(client)s::text COLLATE "C"))
    AND (cardinality(%(operations)s::text[]) = 0 OR c.operation = ANY (%(operations)s::text[]))
ORDER BY c.seq
LIMIT %(limit)s

-- name: newest_changes
SELECT
    c.seq, c.memory, m.namespace, c.at, c.operation, c.client, m.deleted_at IS NOT NULL,
    (SELECT coalesce(json_agg(mt.spelling ORDER BY mt.tag)::text, '[]') FROM memory_tags AS mt WHERE mt.memory = m.row),
    CASE WHEN %(texts)s::boolean THEN substr(m.content, 1, %(characters)s::integer) END
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > %(after)s AND c.operation <> ALL (%(views)s::text[]) AND {where}
    AND (%(client)s::text IS NULL OR lower(substr(c.client, 1, length(%(client)s::text))) = lower(%(client)s::text COLLATE "C"))
    AND (cardinality(%(operations)s::text[]) = 0 OR c.operation = ANY (%(operations)s::text[]))
ORDER BY c.seq DESC
LIMIT %(limit)s

-- name: deleted
SELECT deleted_at IS NOT NULL FROM memories WHERE row = %(row)s
