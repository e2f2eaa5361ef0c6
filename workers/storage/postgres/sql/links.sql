-- What belongs to a memory beside its row.

-- name: aliases
SELECT name FROM aliases WHERE row = %(row)s ORDER BY name

-- name: add_alias
INSERT INTO aliases (namespace, name, row)
SELECT namespace, %(name)s, row FROM memories WHERE row = %(row)s
ON CONFLICT (namespace, name) DO NOTHING

-- name: drop_named_aliases
DELETE FROM aliases WHERE row = %(row)s AND name = ANY (%(names)s::text[])

-- name: taken_names
SELECT value
FROM unnest(%(names)s::text[]) AS given (value)
WHERE
    EXISTS (SELECT 1 FROM aliases WHERE namespace = %(namespace)s AND name = value AND row != %(row)s)
    OR EXISTS (SELECT 1 FROM memories WHERE id = value AND namespace = %(namespace)s AND row != %(row)s)

-- name: row_of_alias
SELECT row
FROM aliases
WHERE namespace = %(namespace)s AND name = ANY (%(names)s::text[])
ORDER BY row
LIMIT 1

-- name: origin
SELECT fields FROM origins WHERE row = %(row)s

-- name: put_origin
INSERT INTO origins (row, fields) VALUES (%(row)s, %(fields)s) ON CONFLICT (row) DO UPDATE SET fields = excluded.fields

-- name: drop_origin
DELETE FROM origins WHERE row = %(row)s

-- name: links
SELECT target, relation, similarity, types, metadata, created_at
FROM links
WHERE row = %(row)s
ORDER BY target, relation

-- name: put_link
INSERT INTO links (row, target, relation, similarity, types, metadata, created_at)
VALUES (%(row)s, %(target)s, %(relation)s, %(similarity)s, %(types)s, %(metadata)s, %(created_at)s)
ON CONFLICT (row, target, relation) DO NOTHING

-- name: drop_links
DELETE FROM links WHERE row = %(row)s

-- name: use
INSERT INTO uses (row, count, last_at)
SELECT row, 1, %(at)s
FROM memories
WHERE id = ANY (%(ids)s::text[]) AND deleted_at IS NULL
    AND (%(namespaces)s::text[] IS NULL OR namespace = ANY (%(namespaces)s::text[]))
ON CONFLICT (row) DO UPDATE SET count = uses.count + 1, last_at = excluded.last_at
RETURNING row

-- What a load says, which may be done again: the most and the last of both.
-- name: put_uses
INSERT INTO uses (row, count, last_at)
VALUES (%(row)s, %(count)s, %(last_at)s)
ON CONFLICT (row) DO UPDATE
SET count = greatest(uses.count, excluded.count),
    last_at = greatest(uses.last_at, excluded.last_at)

-- name: uses
SELECT row, count FROM uses WHERE row = ANY (%(rows)s::bigint[])
