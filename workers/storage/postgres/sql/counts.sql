-- How many live memories there are under each name, the most first; `total` is how many names there are in all.

-- name: namespaces
SELECT m.namespace, count(*) AS memories, count(*) OVER () AS total
FROM memories AS m
WHERE {where}
GROUP BY m.namespace
ORDER BY memories DESC, m.namespace
LIMIT %(limit)s

-- Counted along the index of tags, without a look at any memory; spelled as the newest memory of each has it.
-- name: tags
WITH used AS (
    SELECT mt.tag, max(mt.memory) AS newest, count(*) AS memories
    FROM memory_tags AS mt
    WHERE mt.memory IN (SELECT m.row FROM memories AS m WHERE {where})
    GROUP BY mt.tag
)
SELECT
    (SELECT spelling FROM memory_tags WHERE memory = used.newest AND tag = used.tag),
    used.memories,
    count(*) OVER () AS total
FROM used JOIN tags ON tags.id = used.tag
ORDER BY used.memories DESC, tags.name
LIMIT %(limit)s
