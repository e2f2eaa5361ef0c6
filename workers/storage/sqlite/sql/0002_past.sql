-- What a memory has beside its own row: versions, other names, links, where it came from, and how often it was of use.

ALTER TABLE memories ADD COLUMN superseded_by TEXT;

-- Whether there are any, and which: a search hides them.
CREATE INDEX memories_superseded ON memories (namespace) WHERE superseded_by IS NOT NULL AND deleted_at IS NULL;

-- Other names by which a memory is found, beside its id and content hash.
CREATE TABLE aliases (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    row INTEGER NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_row ON aliases (row);

-- What a memory's former home knew and there is no field for here; it is kept for the way back.
CREATE TABLE origins (
    row INTEGER PRIMARY KEY REFERENCES memories (row) ON DELETE CASCADE,
    fields TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

-- Directed links from a memory to another's id or alias, which need not be there.
CREATE TABLE links (
    row INTEGER NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    target TEXT NOT NULL,
    relation TEXT NOT NULL,
    similarity REAL,
    types TEXT NOT NULL CHECK (json_valid(types)),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    created_at REAL NOT NULL,
    PRIMARY KEY (row, target, relation)
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_target ON links (target);

-- Which memories were removed for good: they do not come back from where they came.
CREATE INDEX changes_of_purges ON changes (memory) WHERE operation = 'memory.purge';

-- How often a memory was of use, and when last; in no log, as it is nothing that anyone said.
CREATE TABLE uses (
    row INTEGER PRIMARY KEY REFERENCES memories (row) ON DELETE CASCADE,
    count INTEGER NOT NULL,
    last_at REAL NOT NULL
) STRICT;

-- Vectors that were brought along and are yet to be compared with the model's own: those of memories in a range of
-- rows. An audit is over when its row is gone.
CREATE TABLE audits (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
