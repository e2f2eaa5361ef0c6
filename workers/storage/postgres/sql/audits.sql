-- Vectors that were brought along, until they have been compared with the model's own.

-- name: models
SELECT DISTINCT model FROM vectors WHERE memory = ANY (%(rows)s::bigint[]) ORDER BY model

-- name: open
INSERT INTO audits (id, model, first, last)
SELECT coalesce(max(id), 0) + 1, %(model)s::bigint, %(first)s::bigint, %(last)s::bigint FROM audits
RETURNING id

-- name: count
SELECT count(*) FROM audits

-- name: next
SELECT a.id, a.model, a.first, a.last
FROM audits AS a JOIN models AS m ON m.id = a.model
WHERE m.name = %(name)s
ORDER BY a.id
LIMIT 1

-- name: named
SELECT id, model, first, last FROM audits WHERE id = %(id)s

-- name: close
DELETE FROM audits WHERE id = %(id)s

-- Those whose vectors are the ones that were brought along: what gave them vectors last is a load.
-- name: unverified
SELECT
    m.row, m.id, octet_length(m.content),
    (SELECT count(*) FROM vectors AS v WHERE v.memory = m.row AND v.model = %(model)s)
FROM memories AS m
WHERE m.row BETWEEN %(first)s AND %(last)s
    AND m.deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM vectors AS v WHERE v.memory = m.row AND v.model = %(model)s)
    AND 'memory.load' = (
        SELECT c.operation
        FROM changes AS c
        WHERE c.row = m.row AND c.operation IN (
            'memory.load', 'memory.store', 'memory.store_similar', 'memory.store_batch', 'memory.rewrite',
            'vectors.backfill'
        )
        ORDER BY c.seq DESC
        LIMIT 1
    )
ORDER BY m.row

-- name: contents
SELECT row, id, content FROM memories WHERE row = ANY (%(rows)s::bigint[])

-- name: first_window
SELECT v.embedding
FROM vectors AS v
WHERE v.memory = %(row)s AND v.model = %(model)s AND v."window" = 0
