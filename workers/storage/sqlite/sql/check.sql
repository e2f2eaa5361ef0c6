-- What the check asks of a file's own, and what the repair does with it.

-- name: roots
SELECT rootpage, tbl_name, name FROM sqlite_schema WHERE rootpage > 0

-- name: schema
SELECT type, name, tbl_name, sql
FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'

-- name: models
SELECT id, name, dimensions FROM models ORDER BY id

-- name: searchables
SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE vec\_% USING vec0%' ESCAPE '\'

-- name: searchable
SELECT rowid, embedding, namespace FROM {table}

-- name: vectors_of_model
SELECT v.id, v.embedding, m.namespace
FROM vectors AS v LEFT JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model

-- name: texts_schema
SELECT sql FROM sqlite_schema WHERE name = 'texts'

-- name: make_instances
CREATE VIRTUAL TABLE temp.instances USING fts5vocab ('main', 'texts', 'instance')

-- name: drop_instances
DROP TABLE temp.instances

-- name: instances
SELECT term, doc, "offset" FROM temp.instances

-- name: sizes
SELECT '', id, sz FROM texts_docsize ORDER BY id

-- name: drop
DROP TABLE {table}

-- name: fill
INSERT INTO {table} (rowid, embedding, namespace)
SELECT v.id, v.embedding, m.namespace
FROM vectors AS v CROSS JOIN memories AS m ON m.row = v.memory
WHERE v.model = :model
