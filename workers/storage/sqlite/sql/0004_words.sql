-- Full text: the words of live memories, as `words` cuts them, which every connection that writes memories has. Their
-- texts are in `memories` alone. What of a word is no letter here separates words: `words` puts spaces between them.
DROP TRIGGER texts_inserted;
DROP TRIGGER texts_forgotten;
DROP TRIGGER texts_restored;
DROP TABLE texts;

CREATE VIRTUAL TABLE texts USING fts5 (
    content, content = '', contentless_delete = 1, tokenize = "ascii tokenchars './@:+#&>_-\'"
);

CREATE TRIGGER texts_inserted AFTER INSERT ON memories WHEN new.deleted_at IS NULL
BEGIN
    INSERT INTO texts (rowid, content) VALUES (new.row, words(new.content));
END;

-- Inserting a row that is there would add words to it.
CREATE TRIGGER texts_forgotten AFTER UPDATE OF content, deleted_at ON memories
WHEN old.deleted_at IS NULL AND (new.deleted_at IS NOT NULL OR new.content <> old.content)
BEGIN
    DELETE FROM texts WHERE rowid = old.row;
    INSERT INTO texts (rowid, content) SELECT new.row, words(new.content) WHERE new.deleted_at IS NULL;
END;

CREATE TRIGGER texts_restored AFTER UPDATE OF content, deleted_at ON memories
WHEN old.deleted_at IS NOT NULL AND new.deleted_at IS NULL
BEGIN
    INSERT INTO texts (rowid, content) VALUES (new.row, words(new.content));
END;
