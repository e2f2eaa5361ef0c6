-- `{table}` is the name of a model's vec0 table, made from its id.

-- name: model
SELECT id, name, dimensions, memories, vectors FROM models WHERE name = :name

-- name: current
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id = (SELECT value FROM meta WHERE key = 'model')

-- name: set_current
INSERT INTO meta (key, value) VALUES ('model', :model)
ON CONFLICT (key) DO UPDATE SET value = excluded.value

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

-- name: others
SELECT id FROM models WHERE id <> :model

-- name: delete_model_vectors
DELETE FROM vectors WHERE model = :model

-- name: delete_model
DELETE FROM models WHERE id = :model

-- name: drop_table
DROP TABLE {table}

-- name: memories
SELECT value FROM meta WHERE key = 'memories'
