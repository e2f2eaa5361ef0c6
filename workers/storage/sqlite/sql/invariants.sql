-- What rows must be like, whichever engine keeps them, and what the repair makes of them.

-- How many rows belong to a row that is not there, by their tables.
-- name: orphans
SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2

-- name: memories_counted
SELECT (SELECT value FROM meta WHERE key = 'memories'), (SELECT count(*) FROM memories WHERE deleted_at IS NULL)

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
    AND NOT EXISTS (SELECT 1 FROM models WHERE id = (SELECT value FROM meta WHERE key = 'model'))

-- The last of the next memories that have vectors.
-- name: next_piece
SELECT max(memory)
FROM (SELECT DISTINCT memory FROM vectors WHERE memory > :after ORDER BY memory LIMIT :limit)

-- name: vectors
SELECT
    v.memory, v.model, v.window, v.start, v."end", v.embedding, models.dimensions,
    m.row IS NOT NULL, m.deleted_at IS NOT NULL, CASE WHEN v.window = 0 THEN m.content END
FROM vectors AS v LEFT JOIN models ON models.id = v.model LEFT JOIN memories AS m ON m.row = v.memory
WHERE v.memory > :after AND v.memory <= :last
ORDER BY v.memory, v.model, v.window

-- name: uses
SELECT mt.memory, mt.tag, mt.position, mt.spelling, t.name
FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag

-- Whether lines of the log are missing. It is not known of a database that is yet to be migrated, and is then not said.
-- name: gap
WITH numbers AS MATERIALIZED (
    SELECT
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) AS last,
        count(*) AS lines,
        coalesce(min(seq), 1) AS first
    FROM changes
)
SELECT last, lines, first, last <> lines + (SELECT value FROM meta WHERE key = 'changes_skipped')
FROM numbers

-- name: unlogged
SELECT count(*)
FROM memories
WHERE NOT EXISTS (SELECT 1 FROM changes WHERE changes.row = memories.row)

-- name: hashes
SELECT id, content, content_hash FROM memories

-- name: ids
SELECT row, id FROM memories WHERE row IN (SELECT value FROM json_each(:rows)) ORDER BY row

-- The repair.

-- name: forget_vectors
DELETE FROM vectors WHERE memory = :memory AND model = :model

-- name: forget_uses
DELETE FROM memory_tags
WHERE memory NOT IN (SELECT row FROM memories) OR tag NOT IN (SELECT id FROM tags)

-- name: forget_aliases
DELETE FROM aliases WHERE row NOT IN (SELECT row FROM memories)

-- name: forget_origins
DELETE FROM origins WHERE row NOT IN (SELECT row FROM memories)

-- name: forget_links
DELETE FROM links WHERE row NOT IN (SELECT row FROM memories)

-- name: forget_counts
DELETE FROM uses WHERE row NOT IN (SELECT row FROM memories)

-- name: forget_audits
DELETE FROM audits WHERE model NOT IN (SELECT id FROM models)

-- name: forget_use
DELETE FROM memory_tags WHERE memory = :memory AND tag = :tag

-- name: use
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT :memory, id, :position, :spelling FROM tags WHERE name = :name
ON CONFLICT (memory, tag) DO NOTHING

-- name: count_memories
INSERT INTO meta (key, value) SELECT 'memories', count(*) FROM memories WHERE deleted_at IS NULL
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: count_vectors
UPDATE models
SET
    vectors = (SELECT count(*) FROM vectors AS v WHERE v.model = models.id),
    memories = (SELECT count(DISTINCT v.memory) FROM vectors AS v WHERE v.model = models.id)

-- name: choose_current
INSERT INTO meta (key, value)
SELECT 'model', id FROM models WHERE true ORDER BY memories DESC, id DESC LIMIT 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: vectors_counted
SELECT count(*) FROM vectors
