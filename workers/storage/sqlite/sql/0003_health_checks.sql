-- A health check writes a row of meta, and memories alone are memories. Those that earlier versions stored to see whether
-- they are found become what they were to be: purged. Their lines stay, with no word of them, as who follows the log knows
-- it by its numbers and its last lines.

UPDATE memories SET deleted_at = unixepoch('subsec') WHERE namespace = 'memmux-canary' AND deleted_at IS NULL;

-- From here on all of them are among the deleted ones, which have an index. What a migration selects is run at its end:
-- the tables of vectors have names that only the database knows.
SELECT 'DELETE FROM vec_' || v.model || ' WHERE rowid = ' || v.id
FROM memories AS m CROSS JOIN vectors AS v ON v.memory = m.row
WHERE m.namespace = 'memmux-canary' AND m.deleted_at IS NOT NULL;

UPDATE changes
SET before = NULL
WHERE row IN (SELECT row FROM memories WHERE namespace = 'memmux-canary' AND deleted_at IS NOT NULL);

INSERT INTO changes (at, operation, memory, row, client, request, before)
SELECT unixepoch('subsec'), 'memory.purge', id, row, 'upkeep', '', json_object('namespace', namespace)
FROM memories
WHERE namespace = 'memmux-canary' AND deleted_at IS NOT NULL;

DELETE FROM memories WHERE namespace = 'memmux-canary' AND deleted_at IS NOT NULL;

UPDATE changes
SET operation = CASE
    WHEN operation = 'canary.store' THEN 'memory.store'
    WHEN before IS NULL THEN 'memory.delete'
    ELSE 'memory.purge'
END
WHERE operation IN ('canary.store', 'canary.remove');

-- Of most, the lines were removed after an hour. How many numbers of the log have no line, here and in any new database:
INSERT INTO meta (key, value)
VALUES ('changes_skipped', coalesce((SELECT value FROM meta WHERE key = 'changes_forgotten'), 0));

DELETE FROM meta WHERE key IN ('changes_forgotten', 'canaries_seen');
