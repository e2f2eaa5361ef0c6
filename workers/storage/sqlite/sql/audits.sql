-- Vectors that were brought along, until they have been compared with the model's own.

-- name: models
SELECT DISTINCT model FROM vectors WHERE memory IN (SELECT value FROM json_each(:rows)) ORDER BY model

-- name: open
INSERT INTO audits (model, first, last) VALUES (:model, :first, :last)

-- name: count
SELECT count(*) FROM audits

-- name: next
SELECT a.id, a.model, a.first, a.last
FROM audits AS a JOIN models AS m ON m.id = a.model
WHERE m.name = :name
ORDER BY a.id
LIMIT 1

-- name: named
SELECT id, model, first, last FROM audits WHERE id = :id

-- name: close
DELETE FROM audits WHERE id = :id

-- Those whose vectors are the ones that were brought along: what gave them vectors last is a load.
-- name: unverified
SELECT
    m.row, m.id, octet_length(m.content),
    (SELECT count(*) FROM vectors AS v WHERE v.memory = m.row AND v.model = :model)
FROM memories AS m
WHERE m.row BETWEEN :first AND :last
    AND m.deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM vectors AS v WHERE v.memory = m.row AND v.model = :model)
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
SELECT row, id, content FROM memories WHERE row IN (SELECT value FROM json_each(:rows))

-- name: first_window
SELECT v.embedding
FROM vectors AS v
WHERE v.memory = :row AND v.model = :model AND v.window = 0
