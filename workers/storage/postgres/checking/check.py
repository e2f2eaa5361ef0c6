"""The check: the schema, what is made of the rows against the rows, and what they say of each other.

PostgreSQL checks its own pages, and amcheck its indexes. What is read here is read whole, so a damaged page is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import psycopg

from memmux.errors import DatabaseCorruptError
from workers.storage import queries
from workers.storage.postgres import engine, schema
from workers.storage.postgres.checking import fulltext, objects
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Role
from workers.storage.postgres.errors import errors
from workers.storage.records import fulltext as index
from workers.storage.records import invariants
from workers.storage.records.invariants import REPAIR, Finding
from workers.words import version

RESTORE = "stop every cluster (`memmux stop`), then restore a backup of PostgreSQL's; `memmux restore` says how"
_FAIL_OVER = "have PostgreSQL's replica promoted, if that is whole, or restore a backup; `memmux restore` says how"

_SQL = queries.load("checks")
_IS_REPLICA = queries.load("server")["is_replica"]
Checking = Callable[[PostgresConnection], Iterator[Finding]]


def check(url: str, *, deep: bool) -> list[Finding]:
    """Return what is wrong with the database on the primary of `url`; nothing, if all is well.

    deep: also compare every content with its hash. Raises StorageError and its kinds where it can't be checked.
    """
    connection = PostgresConnection(partial(engine.connect, url, Role.WRITE))
    try:
        with errors():
            schema.refuse_unready(connection.raw)
            found = list(_objects(connection))
        if any(finding.code == "schema_wrong" and finding.remedy == RESTORE for finding in found):
            return found  # what is asked next may not be there
        checks: list[Checking] = [_references, _counters, _numbers, _full_text, _vectors, _tags, _changes, _answers]
        for checking in (*checks, _hashes) if deep else checks:
            found += _run(connection, checking)
        return found
    finally:
        connection.drop()


def _run(connection: PostgresConnection, checking: Checking) -> list[Finding]:
    """Return the findings of one check, of one moment; each has a transaction of its own, so that none is long."""
    try:
        with errors():
            connection.look(_IS_REPLICA)
            return list(checking(connection))
    except DatabaseCorruptError as error:
        what = f"the check of {checking.__name__.strip('_').replace('_', ' ')} could not read it: {error.message}"
        return [Finding(error.code, what, _FAIL_OVER)]
    finally:
        connection.end()


def _objects(connection: PostgresConnection) -> Iterator[Finding]:
    """Compare the schema with what the migrations make."""
    try:
        yield from objects.compare(connection.raw, RESTORE)
    except psycopg.errors.InsufficientPrivilege:
        ((_, user, name),) = connection.fetch(_SQL["place"])
        what = f"the schema could not be compared, as {user} may make none beside it"
        yield Finding("schema_unknown", what, f"run in psql, as a superuser: ALTER DATABASE {name} OWNER TO {user};")


def _references(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.references(connection)


def _counters(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.counters(connection)


def _numbers(connection: PostgresConnection) -> Iterator[Finding]:
    """Look at the row from which writers hand out numbers."""
    if (rows := connection.value(_SQL["counter_rows"])) != 1:
        yield Finding("counter_wrong", f"counters has {rows} rows instead of one", REPAIR)
    for name, counted, newest in connection.fetch(_SQL["numbers"]):
        yield Finding("counter_wrong", f"{name} are numbered up to {newest} and counted up to {counted}", REPAIR)


def _full_text(connection: PostgresConnection) -> Iterator[Finding]:
    if not index.agrees(written := index.written(connection)):
        what = f"the words in full text are of another version than this memmux cuts: {written or 'none'}"
        yield Finding("fulltext_stale", what, REPAIR)
        return
    rows, surplus = fulltext.differing(connection, version.languages_of(written))
    if rows:
        yield Finding("fulltext_stale", f"full text is wrong about {invariants.named(connection, rows)}", REPAIR)
    if surplus:
        yield Finding("fulltext_stale", f"{surplus} postings are of no memory that has their words", REPAIR)


def _vectors(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.vectors(connection)


def _tags(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.tags(connection)


def _changes(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.changes(connection, RESTORE)


def _answers(connection: PostgresConnection) -> Iterator[Finding]:
    if keys := connection.value(_SQL["answered_twice"]):
        yield Finding("answers_twice", f"{keys} idempotency keys have several answers", REPAIR)


def _hashes(connection: PostgresConnection) -> Iterator[Finding]:
    return invariants.hashes(connection, RESTORE)
