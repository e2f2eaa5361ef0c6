-- Which namespaces there are.

-- From one to the next along the index, however many memories each has.
-- name: live
WITH RECURSIVE found(name) AS (
    SELECT min(namespace) FROM memories WHERE deleted_at IS NULL
    UNION ALL
    SELECT (SELECT min(namespace) FROM memories WHERE deleted_at IS NULL AND namespace > found.name)
    FROM found
    WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL

-- name: deleted
SELECT DISTINCT namespace FROM memories WHERE deleted_at IS NOT NULL ORDER BY namespace

-- The first one along an index; EXISTS may be planned as a look through all memories, which one that is not there takes.
-- name: is_there
SELECT min(created_at) IS NOT NULL FROM memories WHERE namespace = %(namespace)s AND deleted_at IS NULL

-- name: was_there
SELECT EXISTS (SELECT 1 FROM memories WHERE deleted_at IS NOT NULL AND namespace = %(namespace)s)

-- name: size
SELECT count(*) FROM memories WHERE namespace = %(namespace)s AND deleted_at IS NULL
