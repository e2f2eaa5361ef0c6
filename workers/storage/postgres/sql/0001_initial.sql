-- The tables of sqlite/sql/, as PostgreSQL has them. Texts are compared byte by byte. JSON is text, which keeps the order
-- of keys and how numbers are written. An id that is in an index is short enough for it, by limits.py.

-- Which migrations were done, and the oldest memmux, by the newest migration that it knows, that may use what each made.
CREATE TABLE schema_versions (
    version bigint PRIMARY KEY,
    oldest bigint NOT NULL
);

-- The newest numbers. A writer locks this row first in each transaction and hands out numbers itself, so there are no gaps
-- in the log, and changes become visible in their order.
CREATE TABLE counters (
    changes bigint NOT NULL,
    memories bigint NOT NULL,
    vectors bigint NOT NULL,
    models bigint NOT NULL,
    writes bigint NOT NULL  -- transactions, by which a writer knows whether another one has written since its last
);

INSERT INTO counters (changes, memories, vectors, models, writes) VALUES (0, 0, 0, 0, 0);

CREATE TABLE meta (
    key text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

INSERT INTO meta (key, value) VALUES ('memories', '0'), ('changes_skipped', '0');

CREATE TABLE memories (
    row bigint PRIMARY KEY,
    created_at float8 NOT NULL,
    updated_at float8 NOT NULL,
    deleted_at float8,
    place bigint,
    run bigint,
    id text COLLATE "C" NOT NULL UNIQUE,
    namespace text COLLATE "C" NOT NULL,
    type text COLLATE "C",
    supersedes text COLLATE "C",
    superseded_by text COLLATE "C",
    content_hash text COLLATE "C" NOT NULL,
    thread text COLLATE "C",
    metadata text COLLATE "C" NOT NULL DEFAULT '{}',
    content text COLLATE "C" NOT NULL
);

CREATE UNIQUE INDEX memories_by_hash ON memories (namespace, content_hash) WHERE deleted_at IS NULL;
CREATE INDEX memories_by_time ON memories (namespace, created_at) WHERE deleted_at IS NULL;
CREATE INDEX memories_by_deletion ON memories (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX memories_superseded ON memories (namespace) WHERE superseded_by IS NOT NULL AND deleted_at IS NULL;

CREATE FUNCTION count_new_memories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta SET value = (value::bigint + found.more)::text
    FROM (SELECT count(*) AS more FROM new_rows WHERE deleted_at IS NULL) AS found
    WHERE key = 'memories' AND found.more > 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_counted AFTER INSERT ON memories
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_new_memories();

CREATE FUNCTION recount_memory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta SET value = (value::bigint + CASE WHEN new.deleted_at IS NULL THEN 1 ELSE -1 END)::text
    WHERE key = 'memories';
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_recounted AFTER UPDATE OF deleted_at ON memories FOR EACH ROW
WHEN ((old.deleted_at IS NULL) <> (new.deleted_at IS NULL)) EXECUTE FUNCTION recount_memory();

CREATE TABLE tags (
    id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE memory_tags (
    memory bigint NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    tag bigint NOT NULL REFERENCES tags (id),
    position bigint NOT NULL,
    spelling text COLLATE "C" NOT NULL,
    PRIMARY KEY (memory, tag)
);

CREATE INDEX memory_tags_by_tag ON memory_tags (tag, memory);

-- A name of a model may be longer than what an index takes; there are a handful of them.
CREATE TABLE models (
    id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    dimensions bigint NOT NULL,
    memories bigint NOT NULL DEFAULT 0,
    vectors bigint NOT NULL DEFAULT 0
);

-- An embedding stands in its row, not compressed, as far as a page has room for it: up to 2000 dimensions.
CREATE TABLE vectors (
    id bigint PRIMARY KEY,
    memory bigint NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    model bigint NOT NULL REFERENCES models (id),
    "window" bigint NOT NULL,
    start bigint NOT NULL,
    "end" bigint NOT NULL,
    embedding bytea NOT NULL,
    UNIQUE (memory, model, "window")
) WITH (toast_tuple_target = 8160);

ALTER TABLE vectors ALTER COLUMN embedding SET STORAGE EXTERNAL;

CREATE INDEX vectors_by_model ON vectors (model, memory);

CREATE FUNCTION count_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE models SET vectors = models.vectors + found.windows, memories = models.memories + found.memories
    FROM (
        SELECT model, count(*) AS windows, count(*) FILTER (WHERE "window" = 0) AS memories FROM new_rows GROUP BY model
    ) AS found
    WHERE models.id = found.model;
    RETURN NULL;
END
$$;

CREATE TRIGGER vectors_counted AFTER INSERT ON vectors
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_vectors();

CREATE FUNCTION uncount_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE models SET vectors = models.vectors - found.windows, memories = models.memories - found.memories
    FROM (
        SELECT model, count(*) AS windows, count(*) FILTER (WHERE "window" = 0) AS memories FROM old_rows GROUP BY model
    ) AS found
    WHERE models.id = found.model;
    RETURN NULL;
END
$$;

CREATE TRIGGER vectors_uncounted AFTER DELETE ON vectors
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION uncount_vectors();

CREATE TABLE changes (
    seq bigint PRIMARY KEY,
    at float8 NOT NULL,
    row bigint NOT NULL,
    operation text COLLATE "C" NOT NULL,
    memory text COLLATE "C" NOT NULL,
    client text COLLATE "C" NOT NULL,
    request text COLLATE "C" NOT NULL,
    before text COLLATE "C"
);

CREATE INDEX changes_by_row ON changes (row, seq);
CREATE INDEX changes_of_purges ON changes (memory) WHERE operation = 'memory.purge';

-- A key may be longer than what an index takes.
CREATE TABLE idempotency (
    at float8 NOT NULL,
    seq bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL
);

CREATE INDEX idempotency_by_key ON idempotency (md5(key));
CREATE INDEX idempotency_by_time ON idempotency (at);

CREATE TABLE aliases (
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    row bigint NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    PRIMARY KEY (namespace, name)
);

CREATE INDEX aliases_by_row ON aliases (row);

CREATE TABLE origins (
    row bigint PRIMARY KEY REFERENCES memories (row) ON DELETE CASCADE,
    fields text COLLATE "C" NOT NULL
);

CREATE TABLE links (
    row bigint NOT NULL REFERENCES memories (row) ON DELETE CASCADE,
    target text COLLATE "C" NOT NULL,
    relation text COLLATE "C" NOT NULL,
    similarity float8,
    types text COLLATE "C" NOT NULL,
    metadata text COLLATE "C" NOT NULL,
    created_at float8 NOT NULL,
    PRIMARY KEY (row, target, relation)
);

CREATE INDEX links_by_target ON links (target);

CREATE TABLE uses (
    row bigint PRIMARY KEY REFERENCES memories (row) ON DELETE CASCADE,
    count bigint NOT NULL,
    last_at float8 NOT NULL
);

CREATE TABLE audits (
    id bigint PRIMARY KEY,
    model bigint NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    first bigint NOT NULL,
    last bigint NOT NULL
);

-- Full text: where each word of a live memory stands in it. A place is 8 bytes: the memory's row, then the word's number.
CREATE TABLE postings (
    row bigint NOT NULL,
    term text COLLATE "C" NOT NULL,
    places bytea NOT NULL,
    PRIMARY KEY (term, row)
);

ALTER TABLE postings ALTER COLUMN places SET STORAGE EXTERNAL;

-- The live memories in full text: how many words each has, the hash of the content that these are of, and which they are,
-- a line each, by which its postings are found.
CREATE TABLE texts (
    row bigint PRIMARY KEY,
    words bigint NOT NULL,
    content_hash text COLLATE "C" NOT NULL,
    terms text COLLATE "C" NOT NULL
);
