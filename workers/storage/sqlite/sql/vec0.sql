-- `{table}` is the name of a model's vec0 table, made from its id.

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

-- name: make_table
CREATE VIRTUAL TABLE {table} USING vec0 (embedding FLOAT [{dimensions}] distance_metric=cosine, namespace TEXT)

-- name: insert_searchable
INSERT INTO {table} (rowid, embedding, namespace) VALUES (:id, :embedding, :namespace)

-- name: delete_searchable
DELETE FROM {table} WHERE rowid = :id

-- name: drop_table
DROP TABLE {table}
