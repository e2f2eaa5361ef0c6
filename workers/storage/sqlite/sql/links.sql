-- What belongs to a memory beside its row.

-- name: aliases
SELECT name FROM aliases WHERE row = :row ORDER BY name

-- name: add_alias
INSERT INTO aliases (namespace, name, row)
SELECT namespace, :name, row FROM memories WHERE row = :row
ON CONFLICT (namespace, name) DO NOTHING

-- name: drop_named_aliases
DELETE FROM aliases WHERE row = :row AND name IN (SELECT value FROM json_each(:names))

-- name: taken_names
SELECT value
FROM json_each(:names)
WHERE
    EXISTS (SELECT 1 FROM aliases WHERE namespace = :namespace AND name = value AND row != :row)
    OR EXISTS (SELECT 1 FROM memories WHERE id = value AND namespace = :namespace AND row != :row)

-- name: row_of_alias
SELECT row
FROM aliases
WHERE namespace = :namespace AND name IN (SELECT value FROM json_each(:names))
ORDER BY row
LIMIT 1

-- name: origin
SELECT fields FROM origins WHERE row = :row

-- name: put_origin
INSERT INTO origins (row, fields) VALUES (:row, :fields) ON CONFLICT (row) DO UPDATE SET fields = excluded.fields

-- name: drop_origin
DELETE FROM origins WHERE row = :row

-- name: links
SELECT target, relation, similarity, types, metadata, created_at
FROM links
WHERE row = :row
ORDER BY target, relation

-- name: put_link
INSERT INTO links (row, target, relation, similarity, types, metadata, created_at)
VALUES (:row, :target, :relation, :similarity, :types, :metadata, :created_at)
ON CONFLICT (row, target, relation) DO NOTHING

-- name: drop_links
DELETE FROM links WHERE row = :row

-- name: use
INSERT INTO uses (row, count, last_at)
SELECT row, 1, :at
FROM memories
WHERE id IN (SELECT value FROM json_each(:ids)) AND deleted_at IS NULL
    AND (:namespaces IS NULL OR namespace IN (SELECT value FROM json_each(:namespaces)))
ON CONFLICT (row) DO UPDATE SET count = count + 1, last_at = excluded.last_at

-- What a load says, which may be done again: the most and the last of both.
-- name: put_uses
INSERT INTO uses (row, count, last_at)
VALUES (:row, :count, :last_at)
ON CONFLICT (row) DO UPDATE
SET count = max(count, excluded.count),
    last_at = max(last_at, excluded.last_at)

-- name: uses
SELECT row, count FROM uses WHERE row IN (SELECT value FROM json_each(:rows))
