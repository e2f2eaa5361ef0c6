#!/bin/sh
# Lets replicas in, and has each commit wait for one of them; the image of PostgreSQL runs it once, when it makes its data.
set -eu
echo "host replication memmux all scram-sha-256" >> "$PGDATA/pg_hba.conf"
cat >> "$PGDATA/postgresql.conf" <<CONF
hot_standby_feedback = on
wal_keep_size = 512MB
synchronous_standby_names = 'ANY 1 ("replica-1", "replica-2")'
CONF
