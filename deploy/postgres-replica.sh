#!/bin/sh
# Begins as a copy of whichever server takes writes, and follows that; the name of the host is what the primary calls it.
set -eu
source="host=primary,replica-1,replica-2 user=memmux dbname=postgres target_session_attrs=read-write passfile=$PGPASSFILE application_name=$(hostname)"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  until pg_basebackup --pgdata="$PGDATA" --dbname="$source" --checkpoint=fast; do
    rm -rf "${PGDATA:?}"/*
    sleep 1
  done
  touch "$PGDATA/standby.signal"
  echo "primary_conninfo = '$source'" >> "$PGDATA/postgresql.auto.conf"
  chmod 0700 "$PGDATA"
fi
exec postgres
