-- What the check asks of PostgreSQL's own side, and what the repair does there.

-- What a schema has of the tables that are named, each as: kind, table, name, definition, and what is wrong with it.
-- name: objects
WITH place AS (SELECT %(schema)s::text::regnamespace AS oid, quote_ident(%(schema)s::text) || '.' AS prefix)
SELECT
    'column', c.relname::text, a.attname::text,
    concat_ws(
        ' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN l.collname = 'C' THEN 'COLLATE "C"' END,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
    ),
    ''
FROM place
JOIN pg_class AS c ON c.relnamespace = place.oid AND c.relkind IN ('r', 'p')
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
UNION ALL
SELECT
    'index', t.relname::text, c.relname::text, replace(pg_get_indexdef(c.oid), place.prefix, ''),
    CASE WHEN i.indisvalid THEN '' ELSE 'is not valid' END
FROM place
JOIN pg_class AS c ON c.relnamespace = place.oid AND c.relkind = 'i'
JOIN pg_index AS i ON i.indexrelid = c.oid
JOIN pg_class AS t ON t.oid = i.indrelid
WHERE NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u'))
UNION ALL
SELECT
    'constraint', t.relname::text, k.conname::text, replace(pg_get_constraintdef(k.oid), place.prefix, ''),
    CASE WHEN i.indisvalid = false THEN 'is not valid' ELSE '' END
FROM place
JOIN pg_constraint AS k ON k.connamespace = place.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')
JOIN pg_class AS t ON t.oid = k.conrelid
LEFT JOIN pg_index AS i ON i.indexrelid = k.conindid AND k.contype NOT IN ('f', 'c')
UNION ALL
SELECT
    'trigger', t.relname::text, g.tgname::text, replace(pg_get_triggerdef(g.oid), place.prefix, ''),
    CASE WHEN g.tgenabled = 'D' THEN 'is disabled' ELSE '' END
FROM place
JOIN pg_class AS t ON t.relnamespace = place.oid
JOIN pg_trigger AS g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL
SELECT
    'rule', t.relname::text, r.rulename::text, replace(pg_get_ruledef(r.oid), place.prefix, ''),
    CASE WHEN r.ev_enabled = 'D' THEN 'is disabled' ELSE '' END
FROM place
JOIN pg_class AS t ON t.relnamespace = place.oid AND t.relkind IN ('r', 'p')
JOIN pg_rewrite AS r ON r.ev_class = t.oid
UNION ALL
-- What a table is beside its columns, as the statement that makes it so.
SELECT 'persistence', t.relname::text, '', concat('ALTER TABLE ', t.relname, ' SET ', p.is), ''
FROM place
JOIN pg_class AS t ON t.relnamespace = place.oid AND t.relkind IN ('r', 'p')
CROSS JOIN LATERAL (SELECT CASE t.relpersistence WHEN 'p' THEN 'LOGGED' ELSE 'UNLOGGED' END AS is) AS p
UNION ALL
SELECT
    'row level security', t.relname::text, '',
    concat('ALTER TABLE ', t.relname, CASE WHEN t.relrowsecurity THEN ' ENABLE' ELSE ' DISABLE' END, ' ROW LEVEL SECURITY'),
    ''
FROM place
JOIN pg_class AS t ON t.relnamespace = place.oid AND t.relkind IN ('r', 'p')
UNION ALL
SELECT 'function', '', p.proname::text, replace(pg_get_functiondef(p.oid), place.prefix, ''), ''
FROM place
JOIN pg_proc AS p ON p.pronamespace = place.oid AND p.prokind = 'f' AND p.prorettype = 'trigger'::regtype

-- name: place
SELECT current_schema(), current_user::text, current_database()::text

-- The counter row: how many there are, and the numbers that it would hand out a second time.
-- name: counter_rows
SELECT count(*) FROM counters

-- name: numbers
SELECT name, counted, newest
FROM (
    SELECT 'changes' AS name, (SELECT max(changes) FROM counters) AS counted, (SELECT max(seq) FROM changes) AS newest
    UNION ALL
    SELECT 'memories', (SELECT max(memories) FROM counters), (SELECT max(row) FROM memories)
    UNION ALL
    SELECT 'vectors', (SELECT max(vectors) FROM counters), (SELECT max(id) FROM vectors)
    UNION ALL
    SELECT 'models', (SELECT max(models) FROM counters), (SELECT max(id) FROM models)
) AS found
WHERE counted < newest

-- Keys of requests that have several answers.
-- name: answered_twice
SELECT count(*) FROM (SELECT 1 FROM idempotency GROUP BY key HAVING count(*) > 1) AS found

-- Full text: words that are not as they should be, in postings and beside them.
-- name: differing
SELECT given.row
FROM unnest(%(rows)s::bigint[], %(terms)s::text[], %(places)s::bytea[]) AS given (row, term, places)
LEFT JOIN postings AS p ON p.term = given.term AND p.row = given.row
WHERE p.places IS DISTINCT FROM given.places

-- name: texts
SELECT row, words, content_hash, terms FROM texts WHERE row > %(after)s AND row <= %(last)s

-- name: surplus_texts
SELECT t.row FROM texts AS t LEFT JOIN memories AS m ON m.row = t.row AND m.deleted_at IS NULL WHERE m.row IS NULL

-- name: postings_counted
SELECT count(*) FROM postings

-- The repair.

-- name: make_counters
INSERT INTO counters (changes, memories, vectors, models, writes)
SELECT 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM counters)

-- name: unite_counters
DELETE FROM counters WHERE ctid <> (SELECT ctid FROM counters ORDER BY changes DESC, ctid LIMIT 1)

-- name: raise_counters
UPDATE counters
SET
    changes = greatest(changes, (SELECT max(seq) FROM changes)),
    memories = greatest(memories, (SELECT max(row) FROM memories)),
    vectors = greatest(vectors, (SELECT max(id) FROM vectors)),
    models = greatest(models, (SELECT max(id) FROM models)),
    writes = writes + 1

-- name: forget_later_answers
DELETE FROM idempotency AS later
USING idempotency AS first
WHERE md5(first.key) = md5(later.key) AND first.key = later.key AND (first.seq, first.ctid) < (later.seq, later.ctid)
