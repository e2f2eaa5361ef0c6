-- Filling a new database: the full-text index is built at the end, at once.

-- name: triggers
SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'texts_*'

-- name: drop
DROP TRIGGER {name}
