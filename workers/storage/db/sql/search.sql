-- What readers ask. `{where}` is a condition on `m` from filters.py; `{table}` a model's vec0 table.

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

-- `holds` is the engine's own: without regard to case.
-- name: exact
SELECT m.row
FROM memories AS m
WHERE {where} AND holds(m.content, :query)
ORDER BY m.created_at DESC, m.row DESC
LIMIT :limit

-- name: those
SELECT m.row FROM memories AS m WHERE m.row IN (SELECT value FROM json_each(:rows)) AND {where}

-- Where words stand, each place as one number: row, then place. Made once for a connection that only reads.
-- name: make_postings
CREATE VIRTUAL TABLE temp.postings USING fts5vocab ('main', 'texts', 'instance')

-- name: make_vocabulary
CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab ('main', 'texts', 'row')

-- name: places
SELECT json_group_array(doc << :shift | "offset") FROM temp.postings WHERE term = :word

-- name: places_between
SELECT json_group_array(doc << :shift | "offset") FROM temp.postings WHERE term >= :first AND term < :last

-- name: vocabulary
SELECT term FROM temp.vocabulary

-- The length of a memory in words is where FTS5 keeps it, as a number of SQLite's records.
-- name: lengths
SELECT d.id, m.namespace, d.sz FROM texts_docsize AS d CROSS JOIN memories AS m ON m.row = d.id

-- name: lengths_of
SELECT d.id, m.namespace, d.sz
FROM texts_docsize AS d CROSS JOIN memories AS m ON m.row = d.id
WHERE d.id IN (SELECT value FROM json_each(:rows))

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

-- name: stands
SELECT EXISTS (SELECT 1 FROM temp.postings WHERE term = :word AND doc = :row)

-- name: nearest
WITH nearest AS MATERIALIZED (
    SELECT rowid, distance FROM {table} WHERE embedding MATCH :query AND k = :k AND namespace = :namespace
)
SELECT v.memory, 1 - nearest.distance
FROM nearest JOIN vectors AS v ON v.id = nearest.rowid

-- name: nearest_everywhere
WITH nearest AS MATERIALIZED (
    SELECT rowid, distance FROM {table} WHERE embedding MATCH :query AND k = :k
)
SELECT v.memory, 1 - nearest.distance
FROM nearest JOIN vectors AS v ON v.id = nearest.rowid

-- name: nearest_of_all
SELECT v.memory, max(1 - vec_distance_cosine(v.embedding, :query)) AS cosine
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND m.deleted_at IS NULL
GROUP BY v.memory
ORDER BY cosine DESC, v.memory DESC
LIMIT :k

-- name: nearest_of_namespace
SELECT v.memory, max(1 - vec_distance_cosine(v.embedding, :query)) AS cosine
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model AND m.namespace = :namespace AND m.deleted_at IS NULL
GROUP BY v.memory
ORDER BY cosine DESC, v.memory DESC
LIMIT :k

-- name: nearest_of_rows
SELECT v.memory, max(1 - vec_distance_cosine(v.embedding, :query)) AS cosine
FROM vectors AS v
WHERE v.model = :model AND v.memory IN (SELECT value FROM json_each(:rows))
GROUP BY v.memory
ORDER BY cosine DESC, v.memory DESC
LIMIT :k

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
LIMIT :limit

-- name: changed
SELECT DISTINCT row FROM changes WHERE seq > :seq

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
