-- Links between live memories of one namespace.

-- name: names
SELECT m.id, m.row
FROM memories AS m
WHERE m.row = ANY (%(rows)s::bigint[])
UNION ALL
SELECT a.name, a.row
FROM aliases AS a
WHERE a.row = ANY (%(rows)s::bigint[])

-- name: targets
SELECT m.id, m.row
FROM memories AS m
WHERE m.id = ANY (%(names)s::text[]) AND m.namespace = %(namespace)s AND m.deleted_at IS NULL
UNION ALL
SELECT a.name, a.row
FROM aliases AS a JOIN memories AS m ON m.row = a.row
WHERE a.namespace = %(namespace)s AND a.name = ANY (%(names)s::text[]) AND m.deleted_at IS NULL

-- name: from
SELECT row, target, relation, similarity, types, metadata, created_at
FROM links
WHERE row = ANY (%(rows)s::bigint[])
ORDER BY row, target, relation

-- name: to
SELECT l.row, l.target, l.relation, l.similarity, l.types, l.metadata, l.created_at
FROM links AS l JOIN memories AS m ON m.row = l.row
WHERE l.target = ANY (%(names)s::text[]) AND m.namespace = %(namespace)s AND m.deleted_at IS NULL
ORDER BY l.row, l.target, l.relation
