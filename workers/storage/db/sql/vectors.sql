-- `{table}` is the name of a model's vec0 table, made from its id.

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

-- name: make_table
CREATE VIRTUAL TABLE {table} USING vec0 (embedding FLOAT [{dimensions}] distance_metric=cosine, namespace TEXT)

-- name: insert
INSERT INTO vectors (memory, model, window, start, "end", embedding)
VALUES (:memory, :model, :window, :start, :end, :embedding)

-- name: insert_searchable
INSERT INTO {table} (rowid, embedding, namespace) VALUES (:id, :embedding, :namespace)

-- name: of_memory
SELECT id, model FROM vectors WHERE memory = :memory

-- name: has
SELECT EXISTS (SELECT 1 FROM vectors WHERE memory = :memory AND model = :model)

-- name: delete
DELETE FROM vectors WHERE memory = :memory

-- name: delete_searchable
DELETE FROM {table} WHERE rowid = :id

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

-- name: drop_table
DROP TABLE {table}

-- name: memories
SELECT value FROM meta WHERE key = 'memories'
