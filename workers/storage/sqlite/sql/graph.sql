-- Links between live memories of one namespace.

-- name: names
SELECT m.id, m.row
FROM memories AS m
WHERE m.row IN (SELECT value FROM json_each(:rows))
UNION ALL
SELECT a.name, a.row
FROM aliases AS a
WHERE a.row IN (SELECT value FROM json_each(:rows))

-- name: targets
SELECT m.id, m.row
FROM memories AS m
WHERE m.id IN (SELECT value FROM json_each(:names)) AND m.namespace = :namespace AND m.deleted_at IS NULL
UNION ALL
SELECT a.name, a.row
FROM aliases AS a CROSS JOIN memories AS m ON m.row = a.row
WHERE a.namespace = :namespace AND a.name IN (SELECT value FROM json_each(:names)) AND m.deleted_at IS NULL

-- name: from
SELECT row, target, relation, similarity, types, metadata, created_at
FROM links
WHERE row IN (SELECT value FROM json_each(:rows))
ORDER BY row, target, relation

-- name: to
SELECT l.row, l.target, l.relation, l.similarity, l.types, l.metadata, l.created_at
FROM links AS l CROSS JOIN memories AS m ON m.row = l.row
WHERE l.target IN (SELECT value FROM json_each(:names)) AND m.namespace = :namespace AND m.deleted_at IS NULL
ORDER BY l.row, l.target, l.relation
