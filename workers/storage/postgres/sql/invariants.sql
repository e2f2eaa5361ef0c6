-- What rows must be like, whichever engine keeps them, and what the repair makes of them.

-- How many rows belong to a row that is not there, by their tables.
-- name: orphans
SELECT child, parent, rows FROM (
    SELECT 'vectors' AS child, 'memories' AS parent, count(*) AS rows
    FROM vectors AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.memory)
    UNION ALL
    SELECT 'vectors' AS child, 'models' AS parent, count(*) AS rows
    FROM vectors AS c WHERE NOT EXISTS (SELECT 1 FROM models AS p WHERE p.id = c.model)
    UNION ALL
    SELECT 'memory_tags' AS child, 'memories' AS parent, count(*) AS rows
    FROM memory_tags AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.memory)
    UNION ALL
    SELECT 'memory_tags' AS child, 'tags' AS parent, count(*) AS rows
    FROM memory_tags AS c WHERE NOT EXISTS (SELECT 1 FROM tags AS p WHERE p.id = c.tag)
    UNION ALL
    SELECT 'aliases' AS child, 'memories' AS parent, count(*) AS rows
    FROM aliases AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)
    UNION ALL
    SELECT 'origins' AS child, 'memories' AS parent, count(*) AS rows
    FROM origins AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)
    UNION ALL
    SELECT 'links' AS child, 'memories' AS parent, count(*) AS rows
    FROM links AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)
    UNION ALL
    SELECT 'uses' AS child, 'memories' AS parent, count(*) AS rows
    FROM uses AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)
    UNION ALL
    SELECT 'audits' AS child, 'models' AS parent, count(*) AS rows
    FROM audits AS c WHERE NOT EXISTS (SELECT 1 FROM models AS p WHERE p.id = c.model)
) AS found
WHERE rows > 0
ORDER BY child, parent

-- name: memories_counted
SELECT
    (SELECT value::bigint FROM meta WHERE key = 'memories'),
    (SELECT count(*) FROM memories WHERE deleted_at IS NULL)

-- name: models_counted
SELECT
    m.name,
    m.memories,
    (SELECT count(DISTINCT v.memory) FROM vectors AS v WHERE v.model = m.id),
    m.vectors,
    (SELECT count(*) FROM vectors AS v WHERE v.model = m.id)
FROM models AS m
ORDER BY m.id

-- name: current_missing
SELECT EXISTS (SELECT 1 FROM models)
    AND NOT EXISTS (SELECT 1 FROM models WHERE id = (SELECT value::bigint FROM meta WHERE key = 'model'))

-- The last of the next memories that have vectors.
-- name: next_piece
SELECT max(memory)
FROM (SELECT DISTINCT memory FROM vectors WHERE memory > %(after)s ORDER BY memory LIMIT %(limit)s) AS piece

-- name: vectors
SELECT
    v.memory, v.model, v."window", v.start, v."end", v.embedding, models.dimensions,
    m.row IS NOT NULL, m.deleted_at IS NOT NULL, CASE WHEN v."window" = 0 THEN m.content END
FROM vectors AS v LEFT JOIN models ON models.id = v.model LEFT JOIN memories AS m ON m.row = v.memory
WHERE v.memory > %(after)s AND v.memory <= %(last)s
ORDER BY v.memory, v.model, v."window"

-- name: uses
SELECT mt.memory, mt.tag, mt.position, mt.spelling, t.name
FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag

-- Whether lines of the log are missing. It is not known of a database that is yet to be migrated, and is then not said.
-- name: gap
WITH numbers AS MATERIALIZED (
    SELECT
        greatest((SELECT max(changes) FROM counters), max(seq), 0) AS last,
        count(*) AS lines,
        coalesce(min(seq), 1) AS first
    FROM changes
)
SELECT
    last, lines, first,
    last <> lines + (SELECT value::bigint FROM meta WHERE key = 'changes_skipped')
FROM numbers

-- name: unlogged
SELECT count(*)
FROM memories
WHERE NOT EXISTS (SELECT 1 FROM changes WHERE changes.row = memories.row)

-- name: hashes
SELECT id, content, content_hash FROM memories

-- name: ids
SELECT row, id FROM memories WHERE row = ANY (%(rows)s::bigint[]) ORDER BY row

-- The repair.

-- name: forget_vectors
DELETE FROM vectors WHERE memory = %(memory)s AND model = %(model)s

-- name: forget_uses
DELETE FROM memory_tags AS c
WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.memory)
    OR NOT EXISTS (SELECT 1 FROM tags AS p WHERE p.id = c.tag)

-- name: forget_aliases
DELETE FROM aliases AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)

-- name: forget_origins
DELETE FROM origins AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)

-- name: forget_links
DELETE FROM links AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)

-- name: forget_counts
DELETE FROM uses AS c WHERE NOT EXISTS (SELECT 1 FROM memories AS p WHERE p.row = c.row)

-- name: forget_audits
DELETE FROM audits AS c WHERE NOT EXISTS (SELECT 1 FROM models AS p WHERE p.id = c.model)

-- name: forget_use
DELETE FROM memory_tags WHERE memory = %(memory)s AND tag = %(tag)s

-- name: use
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT %(memory)s, id, %(position)s, %(spelling)s FROM tags WHERE name = %(name)s
ON CONFLICT (memory, tag) DO NOTHING

-- name: count_memories
INSERT INTO meta (key, value) SELECT 'memories', count(*)::text FROM memories WHERE deleted_at IS NULL
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: count_vectors
UPDATE models
SET
    vectors = (SELECT count(*) FROM vectors AS v WHERE v.model = models.id),
    memories = (SELECT count(DISTINCT v.memory) FROM vectors AS v WHERE v.model = models.id)

-- name: choose_current
INSERT INTO meta (key, value)
SELECT 'model', id::text FROM models WHERE true ORDER BY memories DESC, id DESC LIMIT 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: vectors_counted
SELECT count(*) FROM vectors
