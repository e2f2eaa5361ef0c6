-- name: contents
SELECT
    (SELECT user_version FROM pragma_user_version),
    (SELECT count(*) FROM memories WHERE deleted_at IS NULL),
    (SELECT coalesce(max(seq), 0) FROM changes)

-- name: size
SELECT page_count * page_size FROM pragma_page_count, pragma_page_size
