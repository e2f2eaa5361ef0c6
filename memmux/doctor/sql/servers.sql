-- What the doctor asks of each server of a database on PostgreSQL. None of it needs more than the right to connect.

-- name: server
SELECT
    current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(),
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
    coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true),
    current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('max_connections')::int,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')

-- Where a replica stands, and the time of the newest transaction that it has, by the primary's clock: NULL before it has
-- any.
-- name: replica
SELECT
    pg_last_wal_replay_lsn()::text,
    extract(epoch FROM pg_last_xact_replay_timestamp())::float8,
    EXISTS (SELECT FROM pg_stat_wal_receiver),
    pg_is_wal_replay_paused()

-- name: position
SELECT pg_current_wal_lsn()::text

-- name: behind
SELECT
    pg_wal_lsn_diff(%(at)s::pg_lsn, %(replayed)s::pg_lsn)::bigint,
    extract(epoch FROM now())::float8 - %(newest)s::float8

-- Who follows a primary; the state is hidden from roles without pg_monitor.
-- name: followers
SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, '')
FROM pg_stat_replication
ORDER BY 1

-- name: primary
SELECT
    current_setting('synchronous_standby_names'), current_setting('synchronous_commit'),
    current_setting('default_transaction_read_only') = 'on',
    current_user::text, current_schema()::text,
    has_schema_privilege(current_schema(), 'CREATE'),
    pg_has_role(current_user, 'pg_monitor', 'USAGE')

-- The tables of the schema with which the user may not do what a writer does.
-- name: denied
SELECT c.relname::text
FROM pg_class AS c
WHERE
    c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT (
        has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
    )
ORDER BY 1

-- name: amcheck
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')

-- name: indexes
SELECT c.relname::text, c.oid::bigint
FROM pg_class AS c
INNER JOIN pg_index AS i ON i.indexrelid = c.oid
INNER JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relnamespace = current_schema()::regnamespace AND a.amname = 'btree' AND i.indisvalid
ORDER BY 1

-- name: check_index
SELECT bt_index_check(%(index)s::oid::regclass)
