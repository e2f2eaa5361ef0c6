-- Which words are in the index of full text.

-- name: version
SELECT value FROM meta WHERE key = 'words'

-- How often the index was made anew tells readers that it is another one, though no memory has changed.
-- name: filled
SELECT coalesce((SELECT value::bigint FROM meta WHERE key = 'words_filled'), 0)

-- name: count_filled
INSERT INTO meta (key, value) VALUES ('words_filled', '1')
ON CONFLICT (key) DO UPDATE SET value = (meta.value::bigint + 1)::text

-- name: put_version
INSERT INTO meta (key, value) VALUES ('words', %(version)s) ON CONFLICT (key) DO UPDATE SET value = excluded.value
