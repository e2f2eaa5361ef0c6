-- name: model
SELECT id, name, dimensions, memories, vectors FROM models WHERE name = %(name)s

-- name: current
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id = (SELECT value::bigint FROM meta WHERE key = 'model')

-- name: coming
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id = (SELECT value::bigint FROM meta WHERE key = 'next_model')

-- name: put
INSERT INTO meta (key, value) VALUES (%(key)s, %(value)s::text)
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: forget
DELETE FROM meta WHERE key = %(key)s

-- name: source
SELECT value FROM meta WHERE key = 'source_of_model_' || %(model)s::text

-- name: register
INSERT INTO models (id, name, dimensions) VALUES (%(number)s, %(name)s, %(dimensions)s)

-- name: insert
INSERT INTO vectors (id, memory, model, "window", start, "end", embedding)
VALUES (%(number)s, %(memory)s, %(model)s, %(window)s, %(start)s, %(end)s, %(embedding)s)

-- name: of_memory
SELECT id, model FROM vectors WHERE memory = %(memory)s

-- name: has
SELECT EXISTS (SELECT 1 FROM vectors WHERE memory = %(memory)s AND model = %(model)s)

-- name: delete
DELETE FROM vectors WHERE memory = %(memory)s

-- Models that neither answer searches nor are about to.
-- name: others
SELECT id, name, dimensions, memories, vectors
FROM models
WHERE id NOT IN (SELECT value::bigint FROM meta WHERE key IN ('model', 'next_model'))
ORDER BY id

-- name: some
SELECT id FROM vectors WHERE model = %(model)s LIMIT %(limit)s

-- name: delete_vector
DELETE FROM vectors WHERE id = %(id)s

-- name: delete_model
DELETE FROM models WHERE id = %(model)s

-- name: memories
SELECT value::bigint FROM meta WHERE key = 'memories'
