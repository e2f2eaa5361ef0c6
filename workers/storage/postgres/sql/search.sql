-- What readers ask; `{where}` is a condition on `m` from filters.py.

-- name: seq
SELECT coalesce(max(seq), 0) FROM changes

-- What is rare, and costs a search something only where it is there.
-- name: rare
SELECT
    EXISTS (SELECT 1 FROM memories WHERE superseded_by IS NOT NULL AND deleted_at IS NULL),
    EXISTS (SELECT 1 FROM audits)

-- name: superseded
SELECT coalesce(json_agg(row)::text, '[]')
FROM memories
WHERE superseded_by IS NOT NULL AND deleted_at IS NULL AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)

-- name: created
SELECT row, created_at FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: beginnings
SELECT row, substr(content, 1, %(length)s::integer) FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: speakers
SELECT row, substr(content, 1, %(length)s::integer), metadata
FROM memories
WHERE row = ANY (%(rows)s::bigint[]) AND (metadata <> '{}' OR position(':' IN substr(content, 1, %(length)s::integer)) > 0)

-- name: contents
SELECT row, content FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: ids
SELECT row, id FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: rows
SELECT coalesce(json_agg(m.row)::text, '[]') FROM memories AS m WHERE {where}

-- name: rows_of_any_tag
SELECT coalesce(json_agg(DISTINCT mt.memory)::text, '[]')
FROM tags AS t JOIN memory_tags AS mt ON mt.tag = t.id
WHERE t.name = ANY (%(tags)s::text[])

-- name: rows_of_all_tags
SELECT coalesce(json_agg(memory)::text, '[]')
FROM (
    SELECT mt.memory
    FROM tags AS t JOIN memory_tags AS mt ON mt.tag = t.id
    WHERE t.name = ANY (%(tags)s::text[])
    GROUP BY mt.memory
    HAVING count(*) = cardinality(%(tags)s::text[])
) AS tagged

-- name: count
SELECT count(*) FROM memories AS m WHERE {where}

-- name: newest
SELECT m.row
FROM memories AS m
WHERE {where}
ORDER BY m.created_at DESC, m.row DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: last_deleted
SELECT m.row
FROM memories AS m
WHERE {where}
ORDER BY m.deleted_at DESC, m.row DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: all_newest_first
SELECT m.row FROM memories AS m WHERE {where} ORDER BY m.created_at DESC, m.row DESC

-- name: those
SELECT m.row FROM memories AS m WHERE m.row = ANY (%(rows)s::bigint[]) AND {where}

-- What a health check looks for: the row that the last one wrote, the newest memories that have a vector, and any.
-- name: health_check
SELECT value FROM meta WHERE key = 'health_check'

-- name: known_vectors
SELECT m.row, m.namespace, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND v."window" = 0
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
        WHERE v.memory = m.row AND models.name = %(name)s
    )
ORDER BY m.row
LIMIT %(limit)s OFFSET %(skip)s

-- name: changed
SELECT DISTINCT row FROM changes WHERE seq > %(seq)s

-- Changes are counted, not memories: that takes next to no time, and there are never fewer.
-- name: recent
SELECT coalesce(max(seq), 0) - %(seq)s <= %(most)s FROM changes

-- What a change was: another history with the same numbers has other memories and requests.
-- name: change
SELECT memory || ' ' || request FROM changes WHERE seq = %(seq)s

-- name: vectors_by_namespace
SELECT m.namespace, count(*)
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s
GROUP BY m.namespace

-- name: changed_of_namespace
SELECT count(DISTINCT c.row)
FROM changes AS c JOIN memories AS m ON m.row = c.row
WHERE c.seq > %(seq)s AND m.namespace = %(namespace)s

-- name: vectors_of_namespace
SELECT v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND m.namespace = %(namespace)s
ORDER BY v.memory

-- name: vectors_of_model
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND m.namespace <> ALL (%(except)s::text[])

-- name: vectors_of_model_in_order
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s
ORDER BY v.memory

-- name: vectors_of_rows
SELECT m.namespace, v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND v.memory = ANY (%(rows)s::bigint[])

-- name: purges_since
SELECT row FROM changes WHERE operation = 'memory.purge' AND seq > %(seq)s

-- name: has_model
SELECT EXISTS (SELECT 1 FROM models WHERE id = %(model)s)
