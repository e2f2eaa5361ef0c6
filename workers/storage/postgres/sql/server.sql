-- What is asked of the server that a connection is of.

-- Where the log stands, what its newest change was, and what that one was at which the reader stood last. Another history
-- with the same numbers has other memories and requests.
-- name: stands
SELECT
    coalesce(newest.seq, 0), coalesce(newest.what, ''),
    (SELECT c.memory || ' ' || c.request FROM changes AS c WHERE c.seq = %(known)s)
FROM (SELECT 1) AS one
LEFT JOIN (SELECT seq, memory || ' ' || request AS what FROM changes ORDER BY seq DESC LIMIT 1) AS newest ON true

-- name: is_replica
SELECT pg_is_in_recovery()

-- Whether what is acknowledged may be on this server alone.
-- name: is_alone
SELECT current_setting('synchronous_standby_names') = ''

-- How many memories there were when the server last looked at the table; -1 or 0 where it never did.
-- name: analyzed
SELECT reltuples::bigint FROM pg_class WHERE oid = 'memories'::regclass
