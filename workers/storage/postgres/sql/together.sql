-- Many rows at once: what the queries of the same names do for one, in writer.sql and vectors.sql; and what a group of
-- jobs will look for, before the first of them does.

-- name: insert_memory
INSERT INTO memories (
    row, id, namespace, type, created_at, updated_at, supersedes, content_hash, metadata, content, thread, place, run
)
SELECT number, id, namespace, type, at, at, supersedes, content_hash, metadata, content, thread, place, run
FROM unnest(
    %(number)s::bigint[], %(id)s::text[], %(namespace)s::text[], %(type)s::text[], %(at)s::float8[],
    %(supersedes)s::text[], %(content_hash)s::text[], %(metadata)s::text[], %(content)s::text[], %(thread)s::text[],
    %(place)s::bigint[], %(run)s::bigint[]
) AS given (
    number, id, namespace, type, at, supersedes, content_hash, metadata, content, thread, place, run
)

-- In the order in which they are named, each once.
-- name: insert_tag
INSERT INTO tags (id, name)
SELECT (SELECT coalesce(max(id), 0) FROM tags) + row_number() OVER (ORDER BY place), name
FROM (
    SELECT name, min(place) AS place
    FROM unnest(%(name)s::text[]) WITH ORDINALITY AS given (name, place)
    WHERE NOT EXISTS (SELECT 1 FROM tags WHERE tags.name = given.name)
    GROUP BY name
) AS fresh

-- name: insert_memory_tag
INSERT INTO memory_tags (memory, tag, position, spelling)
SELECT given.row, tags.id, given.position, given.spelling
FROM unnest(%(row)s::bigint[], %(name)s::text[], %(position)s::bigint[], %(spelling)s::text[])
    AS given (row, name, position, spelling)
JOIN tags ON tags.name = given.name

-- name: insert
INSERT INTO vectors (id, memory, model, "window", start, "end", embedding)
SELECT *
FROM unnest(
    %(number)s::bigint[], %(memory)s::bigint[], %(model)s::bigint[], %(window)s::bigint[], %(start)s::bigint[],
    %(end)s::bigint[], %(embedding)s::bytea[]
)

-- name: insert_change
INSERT INTO changes (seq, at, operation, memory, row, client, request, before)
SELECT *
FROM unnest(
    %(number)s::bigint[], %(at)s::float8[], %(operation)s::text[], %(memory)s::text[], %(row)s::bigint[],
    %(client)s::text[], %(request)s::text[], %(before)s::text[]
)

-- name: insert_answer
INSERT INTO idempotency (key, fingerprint, at, seq, answer)
SELECT given.key, given.fingerprint, given.at, given.seq, given.answer
FROM unnest(%(key)s::text[], %(fingerprint)s::bytea[], %(at)s::float8[], %(seq)s::bigint[], %(answer)s::bytea[])
    AS given (key, fingerprint, at, seq, answer)

-- The memories that have contents, and then the answers that keys have had. Each is found by its index, whatever the server
-- expects of the tables: OFFSET 0 keeps it from joining them in another way.
-- name: ahead
SELECT given.namespace, given.content_hash, found.row, found.id, NULL::bytea, NULL::bytea
FROM unnest(%(namespaces)s::text[], %(hashes)s::text[]) AS given (namespace, content_hash)
CROSS JOIN LATERAL (
    SELECT m.row, m.id
    FROM memories AS m
    WHERE m.namespace = given.namespace AND m.content_hash = given.content_hash AND m.deleted_at IS NULL
    OFFSET 0
) AS found
UNION ALL
SELECT given.key, NULL, NULL, NULL, found.fingerprint, found.answer
FROM unnest(%(keys)s::text[]) AS given (key)
CROSS JOIN LATERAL (
    SELECT i.fingerprint, i.answer FROM idempotency AS i WHERE md5(i.key) = md5(given.key) AND i.key = given.key OFFSET 0
) AS found

-- What `run` in threads.sql gives of each of several.
-- name: runs
SELECT given.row, given.client, found.run, found.created_at
FROM unnest(%(rows)s::bigint[], %(clients)s::text[], %(namespaces)s::text[]) AS given (row, client, namespace)
CROSS JOIN LATERAL (
    SELECT coalesce(m.run, m.row) AS run, m.created_at
    FROM memories AS m
    WHERE m.row = given.row AND m.namespace = given.namespace AND m.thread IS NULL
        AND (SELECT c.client FROM changes AS c WHERE c.row = m.row ORDER BY c.seq LIMIT 1) = given.client
    OFFSET 0
) AS found
