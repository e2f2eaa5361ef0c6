-- The index of full text: where words stand in it, and how it is made.

-- Where words stand, each place as one number: row, then place. Made once for a connection that only reads.
-- name: make_postings
CREATE VIRTUAL TABLE temp.postings USING fts5vocab ('main', 'texts', 'instance')

-- name: make_vocabulary
CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab ('main', 'texts', 'row')

-- name: places
SELECT json_group_array(doc << :shift | "offset") FROM temp.postings WHERE term = :word

-- name: places_between
SELECT json_group_array(doc << :shift | "offset") FROM temp.postings WHERE term >= :first AND term < :last

-- name: vocabulary
SELECT term FROM temp.vocabulary

-- The length of a memory in words is where FTS5 keeps it, as a number of SQLite's records.
-- name: lengths
SELECT d.id, m.namespace, d.sz FROM texts_docsize AS d CROSS JOIN memories AS m ON m.row = d.id

-- name: lengths_of
SELECT d.id, m.namespace, d.sz
FROM texts_docsize AS d CROSS JOIN memories AS m ON m.row = d.id
WHERE d.id IN (SELECT value FROM json_each(:rows))

-- name: stands
SELECT EXISTS (SELECT 1 FROM temp.postings WHERE term = :word AND doc = :row)

-- name: contents
SELECT row, content FROM live ORDER BY row

-- name: count
SELECT count(*) FROM live

-- name: forget
INSERT INTO texts (texts) VALUES ('delete-all')

-- name: add
INSERT INTO texts (rowid, content) VALUES (?1, words(?2))

-- name: merge
INSERT INTO texts (texts) VALUES ('optimize')
