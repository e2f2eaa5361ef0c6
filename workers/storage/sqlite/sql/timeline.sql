-- What happened to memories, for counts and for how they were; `{where}` is a condition on `m` from filters.py.

-- Lines of the log after one: lists of numbers and names, which are read faster than so many rows. A kind is one of
-- log_follower.py.
-- name: lines
SELECT
    json_group_array(seq), json_group_array(at), json_group_array(row), json_group_array(client),
    json_group_array(
        CASE
            WHEN operation = 'memory.purge' THEN 3
            WHEN is_new THEN 0
            WHEN operation IN ('memory.delete', 'memory.forget') THEN 2
            ELSE 1
        END
    )
FROM (
    SELECT seq, at, row, client, operation, before IS NULL AS is_new
    FROM changes
    WHERE seq > :seq AND operation NOT IN ('vectors.backfill', 'vectors.audit', 'admin.rebuild')
    ORDER BY seq
    LIMIT :limit
)

-- Rows, times of creation and what the counts are put under, in one pass.
-- name: by_client
SELECT json_group_array(m.row), json_group_array(m.created_at), '[]' FROM memories AS m WHERE {where}

-- name: by_type
SELECT json_group_array(m.row), json_group_array(m.created_at), json_group_array(m.type) FROM memories AS m WHERE {where}

-- name: by_namespace
SELECT json_group_array(m.row), json_group_array(m.created_at), json_group_array(m.namespace)
FROM memories AS m
WHERE {where}

-- Along the index of tags, of all memories.
-- name: by_tag
SELECT t.id, t.name, json_group_array(mt.memory)
FROM tags AS t CROSS JOIN memory_tags AS mt INDEXED BY memory_tags_by_tag ON mt.tag = t.id
GROUP BY t.id

-- name: spelling
SELECT spelling FROM memory_tags WHERE memory = :memory AND tag = :tag
