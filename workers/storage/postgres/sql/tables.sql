-- Vectors that are compared one after the other, as they are too many to be in memory.

-- name: of_all
SELECT v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND m.deleted_at IS NULL

-- name: of_namespace
SELECT v.memory, v.embedding
FROM vectors AS v JOIN memories AS m ON m.row = v.memory
WHERE v.model = %(model)s AND m.namespace = %(namespace)s AND m.deleted_at IS NULL

-- name: of_rows
SELECT v.memory, v.embedding FROM vectors AS v WHERE v.model = %(model)s AND v.memory = ANY (%(rows)s::bigint[])
