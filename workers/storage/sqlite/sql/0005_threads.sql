-- Threads: what belongs together, such as a conversation or a document, and where in it a memory stands. Given, or in
-- the metadata of whoever stored it; threads.py says so for what is stored from here on.
ALTER TABLE memories ADD COLUMN thread TEXT;
ALTER TABLE memories ADD COLUMN place INTEGER;

-- Of a memory without: the first one of those that its client stored there one soon after the other; NULL if it is that.
ALTER TABLE memories ADD COLUMN run INTEGER;

UPDATE memories
SET (thread, place) = (
    SELECT name, chunk
    FROM (
        SELECT 1 AS choice, metadata ->> '$.conversation_id' AS name, NULL AS chunk
        WHERE json_type(metadata, '$.conversation_id') IN ('text', 'integer')
        UNION ALL
        SELECT 2, metadata ->> '$.session_id', NULL
        WHERE json_type(metadata, '$.session_id') IN ('text', 'integer')
        UNION ALL
        SELECT 3, metadata ->> '$.source', metadata ->> '$.chunk'
        WHERE json_type(metadata, '$.source') = 'text' AND json_type(metadata, '$.chunk') = 'integer'
    )
    WHERE trim(name) <> '' AND length(name) <= 4096 AND (chunk IS NULL OR typeof(chunk) = 'integer')
    ORDER BY choice
    LIMIT 1
)
WHERE metadata <> '{}';

UPDATE memories
SET run = found.run
FROM (
    SELECT row, max(iif(begins, row, NULL)) OVER (PARTITION BY namespace, client ORDER BY row) AS run
    FROM (
        SELECT
            row, namespace, client,
            coalesce(
                abs(created_at - lag(created_at) OVER (PARTITION BY namespace, client ORDER BY row)) > 1800, true
            ) AS begins
        FROM (
            SELECT
                m.row, m.namespace, m.created_at,
                (SELECT c.client FROM changes AS c WHERE c.row = m.row ORDER BY c.seq LIMIT 1) AS client
            FROM memories AS m
            WHERE m.thread IS NULL
        )
    )
) AS found
WHERE found.row = memories.row AND found.run <> memories.row;
