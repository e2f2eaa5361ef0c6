-- What happened to memories, for counts and for how they were; `{where}` is a condition on `m` from filters.py.

-- name: lines
SELECT seq, at, row, client, operation, before IS NULL FROM changes WHERE seq > :seq ORDER BY seq

-- Rows, times of creation and what the counts are put under, in one pass.
-- name: by_client
SELECT json_group_array(m.row), json_group_array(m.created_at), '[]' FROM memories AS m WHERE {where}

-- name: by_type
SELECT json_group_array(m.row), json_group_array(m.created_at), json_group_array(m.type) FROM memories AS m WHERE {where}

-- name: by_namespace
SELECT json_group_array(m.row), json_group_array(m.created_at), json_group_array(m.namespace)
FROM memories AS m
WHERE {where}

-- Along the index of tags; each is spelled as the newest of those memories has it.
-- name: by_tag
WITH used AS (
    SELECT mt.tag, max(mt.memory) AS newest, json_group_array(mt.memory) AS memories
    FROM memory_tags AS mt INDEXED BY memory_tags_by_tag
    WHERE mt.memory IN (SELECT m.row FROM memories AS m WHERE {where})
    GROUP BY mt.tag
)
SELECT (SELECT spelling FROM memory_tags WHERE memory = used.newest AND tag = used.tag), used.memories FROM used
