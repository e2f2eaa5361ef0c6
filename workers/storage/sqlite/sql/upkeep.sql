-- What only a file of SQLite's needs.

-- name: note_name
INSERT INTO meta (key, value) VALUES ('written_as', :name) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: forget_name
DELETE FROM meta WHERE key = 'written_as'

-- name: noted_name
SELECT value FROM meta WHERE key = 'written_as'

-- name: has_samples
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4')

-- name: drop_samples
DELETE FROM sqlite_stat4
