-- Facts about the database as a whole: `memories`, how many live ones there are; `model`, the id of the current one.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('memories', 0);

-- Content stands last: what filters look at is then on a row's first page, however long the content is.
CREATE TABLE memories (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL,
    type TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    deleted_at REAL,
    supersedes TEXT,
    content_hash TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
    content TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX memories_by_hash ON memories (namespace, content_hash) WHERE deleted_at IS NULL;
CREATE INDEX memories_by_time ON memories (namespace, created_at) WHERE deleted_at IS NULL;
CREATE INDEX memories_by_deletion ON memories (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TRIGGER memories_counted AFTER INSERT ON memories WHEN new.deleted_at IS NULL
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'memories';
END;

CREATE TRIGGER memories_recounted AFTER UPDATE OF deleted_at ON memories
WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)
BEGIN
    UPDATE meta SET value = value + iif(new.deleted_at IS NULL, 1, -1) WHERE key = 'memories';
END;

-- Full text: an index over live memories alone, so that ranking never sees a deleted one.
CREATE VIEW live AS SELECT row, content FROM memories WHERE deleted_at IS NULL;

CREATE VIRTUAL TABLE texts USING fts5 (
    content, content = 'live', content_rowid = 'row', tokenize = 'porter unicode61'
);

CREATE TRIGGER texts_inserted AFTER INSERT ON memories WHEN new.deleted_at IS NULL
BEGIN
    INSERT INTO texts (rowid, content) VALUES (new.row, new.content);
END;

-- An external-content index must be told the old text to forget it; a plain DELETE would corrupt it for good.
CREATE TRIGGER texts_forgotten AFTER UPDATE OF content, deleted_at ON memories WHEN old.deleted_at IS NULL
BEGIN
    INSERT INTO texts (texts, rowid, content) VALUES ('delete', old.row, old.content);
    INSERT INTO texts (rowid, content) SELECT new.row, new.content WHERE new.deleted_at IS NULL;
END;

CREATE TRIGGER texts_restored AFTER UPDATE OF content, deleted_at ON memories
WHEN old.deleted_at IS NOT NULL AND new.deleted_at IS NULL
BEGIN
    INSERT INTO texts (rowid, content) VALUES (new.row, new.content);
END;

-- Tags: `name` is what is compared (NFC, stripped, case folded), `spelling` is what the user wrote.
CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE memory_tags (
    memory INTEGER NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    tag INTEGER NOT NULL REFERENCES tags (id),
    position INTEGER NOT NULL,
    spelling TEXT NOT NULL,
    PRIMARY KEY (memory, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX memory_tags_by_tag ON memory_tags (tag, memory);

-- Vectors: the truth as float32; each model has a table `vec_<id>` beside it for search (vec0, rowid = vectors.id).
-- An id is never used again: the indexes of readers are known by it.
CREATE TABLE models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dimensions INTEGER NOT NULL,
    memories INTEGER NOT NULL DEFAULT 0,  -- how many have vectors of this model
    vectors INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE vectors (
    id INTEGER PRIMARY KEY,
    memory INTEGER NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES models (id),
    window INTEGER NOT NULL,  -- counted from 0; every memory with vectors has window 0
    start INTEGER NOT NULL,  -- the characters of the content that it stands for
    "end" INTEGER NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (memory, model, window)
) STRICT;

CREATE INDEX vectors_by_model ON vectors (model, memory);

CREATE TRIGGER vectors_counted AFTER INSERT ON vectors
BEGIN
    UPDATE models SET vectors = vectors + 1, memories = memories + (new.window = 0) WHERE id = new.model;
END;

CREATE TRIGGER vectors_uncounted AFTER DELETE ON vectors
BEGIN
    UPDATE models SET vectors = vectors - 1, memories = memories - (old.window = 0) WHERE id = old.model;
END;

-- The change log: everything that can be rebuilt catches up from here.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    operation TEXT NOT NULL,
    memory TEXT NOT NULL,
    row INTEGER NOT NULL,  -- of the memory, for views to catch up without a look at memories
    client TEXT NOT NULL,
    request TEXT NOT NULL,
    before TEXT CHECK (before IS NULL OR json_valid(before))  -- the memory as it was; NULL when it is new
) STRICT;

CREATE INDEX changes_by_row ON changes (row, seq);

-- What was answered to a write with this key; asked again, it is answered again and not applied.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    at REAL NOT NULL,
    seq INTEGER NOT NULL,
    answer BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_time ON idempotency (at);
