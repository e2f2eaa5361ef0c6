-- Full text: postings, and how many words memories have.

-- name: places
SELECT term, string_agg(places, ''::bytea)
FROM postings
WHERE term = ANY (%(words)s::text[])
GROUP BY term

-- The same, of some memories alone.
-- name: places_in
SELECT p.term, string_agg(p.places, ''::bytea)
FROM unnest(%(words)s::text[]) AS asked (term)
CROSS JOIN unnest(%(rows)s::bigint[]) AS changed (row)
JOIN postings AS p ON p.term = asked.term AND p.row = changed.row
GROUP BY p.term

-- name: places_between
SELECT coalesce(string_agg(places, ''::bytea), ''::bytea)
FROM postings
WHERE term >= %(first)s AND term < %(last)s

-- From one to the next along the index, however many memories have each.
-- name: vocabulary
WITH RECURSIVE found (term) AS (
    SELECT min(term) FROM postings
    UNION ALL
    SELECT (SELECT min(term) FROM postings WHERE term > found.term) FROM found WHERE found.term IS NOT NULL
)
SELECT term FROM found WHERE term IS NOT NULL

-- name: lengths
SELECT t.row, m.namespace, t.words FROM texts AS t JOIN memories AS m ON m.row = t.row

-- name: lengths_of
SELECT t.row, m.namespace, t.words
FROM texts AS t JOIN memories AS m ON m.row = t.row
WHERE t.row = ANY (%(rows)s::bigint[])

-- name: stands
SELECT EXISTS (SELECT 1 FROM postings WHERE term = %(word)s AND row = %(row)s)

-- Of memories that changed since: what is in full text and belongs there no more, and what belongs there and is not.
-- name: changed
SELECT c.row, t.row IS NOT NULL, m.content_hash, m.content
FROM (SELECT DISTINCT row FROM changes WHERE seq > %(seq)s) AS c
LEFT JOIN texts AS t ON t.row = c.row
LEFT JOIN memories AS m ON m.row = c.row AND m.deleted_at IS NULL
WHERE t.content_hash IS DISTINCT FROM m.content_hash

-- name: forget
DELETE FROM postings AS p
USING texts AS t CROSS JOIN string_to_table(t.terms, E'\n') AS of (term)
WHERE t.row = ANY (%(rows)s::bigint[]) AND p.term = of.term AND p.row = t.row

-- name: forget_texts
DELETE FROM texts WHERE row = ANY (%(rows)s::bigint[])

-- name: add
INSERT INTO postings (row, term, places)
SELECT * FROM unnest(%(rows)s::bigint[], %(terms)s::text[], %(places)s::bytea[])

-- name: add_texts
INSERT INTO texts (row, words, content_hash, terms)
SELECT * FROM unnest(%(rows)s::bigint[], %(words)s::bigint[], %(hashes)s::text[], %(terms)s::text[])

-- name: forget_all
DELETE FROM postings

-- name: forget_all_texts
DELETE FROM texts

-- name: contents
SELECT row, content_hash, content
FROM memories
WHERE deleted_at IS NULL AND row > %(after)s
ORDER BY row
LIMIT %(limit)s
