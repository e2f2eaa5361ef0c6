-- What readers ask; `{where}` is a condition on `m` from filters.py.

-- name: seq
SELECT coalesce(max(seq), 0) FROM changes

-- What is rare, and costs a search something only where it is there.
-- name: rare
SELECT
    EXISTS (SELECT 1 FROM memories WHERE superseded_by IS NOT NULL AND deleted_at IS NULL),
    EXISTS (SELECT 1 FROM audits)

-- name: superseded
SELECT json_group_array(row)
FROM memories
WHERE superseded_by IS NOT NULL AND deleted_at IS NULL AND (:namespace IS NULL OR namespace = :namespace)

-- name: created
SELECT row, created_at FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: beginnings
SELECT row, substr(content, 1, :length) FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: speakers
SELECT row, substr(content, 1, :length), metadata
FROM memories
WHERE row IN (SELECT value FROM json_each(:rows)) AND (metadata <> '{}' OR instr(substr(content, 1, :length), ':'))

-- name: contents
SELECT row, content FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: ids
SELECT row, id FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: rows
SELECT json_group_array(m.row) FROM memories AS m WHERE {where}

-- name: rows_of_any_tag
SELECT json_group_array(DISTINCT mt.memory)
FROM tags AS t JOIN memory_tags AS mt ON mt.tag = t.id
WHERE t.name IN (SELECT value FROM json_each(:tags))

-- name: rows_of_all_tags
SELECT json_group_array(memory)
FROM (
    SELECT mt.memory
    FROM tags AS t JOIN memory_tags AS mt ON mt.tag = t.id
    WHERE t.name IN (SELECT value FROM json_each(:tags))
    GROUP BY mt.memory
    HAVING count(*) = json_array_length(:tags)
)

-- name: count
SELECT count(*) FROM memories AS m WHERE {where}

-- name: newest
SELECT m.row
FROM memories AS m
WHERE {where}
ORDER BY m.created_at DESC, m.row DESC
LIMIT :limit OFFSET :offset

-- name: last_deleted
SELECT m.row
FROM memories AS m
WHERE {where}
ORDER BY m.deleted_at DESC, m.row DESC
LIMIT :limit OFFSET :offset

-- name: all_newest_first
SELECT m.row FROM memories AS m WHERE {where} ORDER BY m.created_at DESC, m.row DESC

-- name: those
SELECT m.row FROM memories AS m WHERE m.row IN (SELECT value FROM json_each(:rows)) AND {where}

-- What a health check looks for: the row that the last one wrote, the newest memories that have a vector, and any.
-- name: health_check
SELECT value FROM meta WHERE key = 'health_check'

-- name: known_vectors
SELECT m.row, m.namespace, v.embedding
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND v.window = 0
ORDER BY v.memory DESC
LIMIT 3

-- name: known_words
SELECT row, content FROM memories WHERE deleted_at IS NULL ORDER BY namespace DESC, created_at DESC LIMIT 1

-- name: unindexed
SELECT m.id, m.content
FROM memories AS m
WHERE m.deleted_at IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM vectors AS v JOIN models ON models.id = v.model
        WHERE v.memory = m.row AND models.name = :name
    )
ORDER BY m.row
LIMIT :limit OFFSET :skip

-- By its number: SQLite would rather go through all of an index that is in the order of rows.
-- name: changed
SELECT DISTINCT row FROM changes NOT INDEXED WHERE seq > :seq

-- Changes are counted, not memories: that takes next to no time, and there are never fewer.
-- name: recent
SELECT coalesce(max(seq), 0) - :seq <= :most FROM changes

-- What a change was: another history with the same numbers has other memories and requests.
-- name: change
SELECT memory || ' ' || request FROM changes WHERE seq = :seq

-- name: vectors_by_namespace
SELECT m.namespace, count(*)
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model
GROUP BY m.namespace

-- name: changed_of_namespace
SELECT count(DISTINCT c.row)
FROM changes AS c CROSS JOIN memories AS m ON m.row = c.row
WHERE c.seq > :seq AND m.namespace = :namespace

-- name: vectors_of_namespace
SELECT v.memory, v.embedding
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND m.namespace = :namespace
ORDER BY v.memory

-- name: vectors_of_model
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND m.namespace NOT IN (SELECT value FROM json_each(:except))

-- name: vectors_of_model_in_order
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model
ORDER BY v.memory

-- name: vectors_of_rows
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND v.memory IN (SELECT value FROM json_each(:rows))

-- name: purges_since
SELECT row FROM changes WHERE operation = 'memory.purge' AND seq > :seq

-- name: has_model
SELECT EXISTS (SELECT 1 FROM models WHERE id = :model)
