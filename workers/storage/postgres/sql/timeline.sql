-- What happened to memories, for counts and for how they were; `{where}` is a condition on `m` from filters.py.

-- Lines of the log after one: lists of numbers and names, which are read faster than so many rows. A kind is one of
-- log_follower.py.
-- name: lines
SELECT
    coalesce(json_agg(seq)::text, '[]'), coalesce(json_agg(at)::text, '[]'), coalesce(json_agg(row)::text, '[]'),
    coalesce(json_agg(client)::text, '[]'),
    coalesce(
        json_agg(
            CASE
                WHEN operation = 'memory.purge' THEN 3
                WHEN is_new THEN 0
                WHEN operation IN ('memory.delete', 'memory.forget') THEN 2
                ELSE 1
            END
        )::text,
        '[]'
    )
FROM (
    SELECT seq, at, row, client, operation, before IS NULL AS is_new
    FROM changes
    WHERE seq > %(seq)s AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
    ORDER BY seq
    LIMIT %(limit)s
) AS line

-- Rows, times of creation and what the counts are put under, in one pass.
-- name: by_client
SELECT coalesce(json_agg(m.row)::text, '[]'), coalesce(json_agg(m.created_at)::text, '[]'), '[]' FROM memories AS m WHERE {where}

-- name: by_type
SELECT coalesce(json_agg(m.row)::text, '[]'), coalesce(json_agg(m.created_at)::text, '[]'), coalesce(json_agg(m.type)::text, '[]') FROM memories AS m WHERE {where}

-- name: by_namespace
SELECT coalesce(json_agg(m.row)::text, '[]'), coalesce(json_agg(m.created_at)::text, '[]'), coalesce(json_agg(m.namespace)::text, '[]')
FROM memories AS m
WHERE {where}

-- Along the index of tags, of all memories.
-- name: by_tag
SELECT t.id, t.name, coalesce(json_agg(mt.memory ORDER BY mt.memory)::text, '[]')
FROM tags AS t JOIN memory_tags AS mt ON mt.tag = t.id
GROUP BY t.id
ORDER BY t.id

-- name: spelling
SELECT spelling FROM memory_tags WHERE memory = %(memory)s AND tag = %(tag)s
