#!/bin/sh
# Makes the password of the compose file, once: for PostgreSQL, and for memmux in the form of ~/.pgpass.
set -eu
cd "$(dirname "$0")"
test ! -e secrets/password || exit 0
umask 077
mkdir -p secrets
od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > secrets/password
printf '*:5432:*:memmux:%s\n' "$(cat secrets/password)" > secrets/pgpass
