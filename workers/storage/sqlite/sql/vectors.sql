-- name: model
SELECT id, name, dimensions, memories, vectors FROM models WHERE name = :name

-- name: current
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id = (SELECT value FROM meta WHERE key = 'model')

-- name: coming
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id = (SELECT value FROM meta WHERE key = 'next_model')

-- name: put
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: forget
DELETE FROM meta WHERE key = :key

-- name: source
SELECT value FROM meta WHERE key = 'source_of_model_' || :model

-- name: register
INSERT INTO models (name, dimensions) VALUES (:name, :dimensions)

-- name: insert
INSERT INTO vectors (memory, model, window, start, "end", embedding)
VALUES (:memory, :model, :window, :start, :end, :embedding)

-- name: of_memory
SELECT id, model FROM vectors WHERE memory = :memory

-- name: has
SELECT EXISTS (SELECT 1 FROM vectors WHERE memory = :memory AND model = :model)

-- name: delete
DELETE FROM vectors WHERE memory = :memory

-- Models that neither answer searches nor are about to.
-- name: others
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id NOT IN (SELECT value FROM meta WHERE key IN ('model', 'next_model'))
ORDER BY id

-- name: some
SELECT id FROM vectors WHERE model = :model LIMIT :limit

-- name: delete_vector
DELETE FROM vectors WHERE id = :id

-- name: delete_model
DELETE FROM models WHERE id = :model

-- name: memories
SELECT value FROM meta WHERE key = 'memories'
