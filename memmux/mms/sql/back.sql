-- The way back: what is written into a new database of theirs.

-- name: insert
INSERT INTO memories (
    content_hash, content, tags, memory_type, metadata, created_at, updated_at, created_at_iso, updated_at_iso,
    deleted_at, store, confidence, last_accessed, embedding_pending
) VALUES (
    :hash, :content, :tags, :type, :metadata, :created_at, :updated_at, :created_at_iso, :updated_at_iso,
    :deleted_at, :store, :confidence, :last_accessed, :embedding_pending
)

-- name: insert_vector
INSERT INTO memory_embeddings (rowid, content_embedding, store) VALUES (:row, :vector, :store)

-- name: known
SELECT id, deleted_at IS NOT NULL FROM memories WHERE content_hash = :hash

-- Before there is a full-text index, which a deletion would damage for good.
-- name: remove
DELETE FROM memories WHERE id = :row

-- name: relate
UPDATE memories
SET parent_id = :parent_id, superseded_by = :superseded_by, version = :version
WHERE id = :row

-- name: insert_link
INSERT INTO memory_graph (
    source_hash, target_hash, similarity, connection_types, metadata, created_at, relationship_type
) VALUES (:source, :target, :similarity, :types, :metadata, :created_at, :relation)
ON CONFLICT (source_hash, target_hash) DO NOTHING
