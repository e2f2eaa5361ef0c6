-- What the check asks, and what the repair does.

-- name: memories_counted
SELECT (SELECT value::bigint FROM meta WHERE key = 'memories'), (SELECT count(*) FROM memories WHERE deleted_at IS NULL)

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

-- name: models
SELECT id, name, dimensions FROM models ORDER BY id

-- name: vectors_of_model
SELECT v.id, v.embedding, m.namespace
FROM vectors AS v LEFT JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s

-- name: vectors
SELECT v.memory, v.model, v."window", v.start, v."end", v.embedding, models.dimensions
FROM vectors AS v LEFT JOIN models ON models.id = v.model
ORDER BY v.memory, v.model, v."window"

-- name: vectors_counted
SELECT count(*) FROM vectors

-- name: rows
SELECT row FROM memories

-- name: hashes
SELECT id, content, content_hash FROM memories

-- name: uses
SELECT mt.memory, mt.tag, mt.position, mt.spelling, t.name
FROM memory_tags AS mt JOIN tags AS t ON t.id = mt.tag

-- Whether lines of the log are missing. It is not known of a database that is yet to be migrated, and is then not said.
-- name: unlogged
SELECT count(*)
FROM memories
WHERE NOT EXISTS (SELECT 1 FROM changes WHERE changes.row = memories.row)

-- name: ids
SELECT row, id FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- The repair.

-- name: forget_vectors
DELETE FROM vectors WHERE memory = %(memory)s AND model = %(model)s

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
DELETE FROM memory_tags WHERE memory = %(memory)s AND tag = %(tag)s

-- name: use
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT %(memory)s, id, %(position)s, %(spelling)s FROM tags WHERE name = %(name)s
ON CONFLICT (memory, tag) DO NOTHING

-- name: count_memories
UPDATE meta SET value = (SELECT count(*)::text FROM memories WHERE deleted_at IS NULL) WHERE key = 'memories'

-- name: count_vectors
UPDATE models
SET
    vectors = (SELECT count(*) FROM vectors AS v WHERE v.model = models.id),
    memories = (SELECT count(DISTINCT v.memory) FROM vectors AS v WHERE v.model = models.id)

-- name: choose_current
INSERT INTO meta (key, value)
SELECT 'model', id::text FROM models WHERE true ORDER BY memories DESC, id DESC LIMIT 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value
