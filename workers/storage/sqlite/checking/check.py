"""The check: every page of the file, every view against the rows, and what the rows say of each other.

A finding names what is wrong and the remedy. Views (indexes, full text, vec0, counters) can be built anew from the
rows; rows that are damaged come back from a backup only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw

from memmux.config import database_header
from memmux.errors import MemmuxError
from memmux.files import replacement
from workers.storage.records import invariants
from workers.storage.records.fulltext import agrees
from workers.storage.records.invariants import REPAIR, Finding
from workers.storage.sqlite import engine, queries, schema, schema_objects, vector_checks
from workers.storage.sqlite import fulltext as index
from workers.storage.sqlite.checking import fulltext
from workers.storage.sqlite.connection import SqliteConnection
from workers.storage.sqlite.vec0 import table

_SQL = queries.load("check")
RESTORE = "run `memmux stop`, then `memmux restore --newest`"
DROP = "run `memmux stop`, then remove it, for example with `sqlite3 FILE`; or restore a backup"
MESSAGES = 20  # of SQLite's own about one file
_HEADER_BYTES = 100  # of the file format, https://www.sqlite.org/fileformat2.html#the_database_header
_TREE = re.compile(r"\b[Tt]ree (\d+)\b")
_VIEWS = ("texts", "vec_")  # how the names of tables begin that can be built anew
_INDEX = re.compile(r"(missing from index|wrong # of entries in index) ")
_TWICE = "non-unique entry in index "  # the rows contradict each other, and no index of them can be made
_HEADLINE = "*** in database"
_FULL_TEXT = "malformed inverted index"

Checking = Callable[[apsw.Connection], Iterator[Finding]]


def check(database: Path, *, deep: bool) -> list[Finding]:
    """Return what is wrong with `database`; nothing, if all is well.

    deep: also compare every index with its table, and every content with its hash. Raises DatabaseForeignError,
    DatabaseNewerError and StoragePermissionError for a file that can't be checked at all.
    """
    if (restored := replacement.restored(database)).exists():
        what = (
            f"a restore was interrupted: {restored.name} is the database from now on, and this file the one of before"
        )
        return [Finding("restore_unfinished", what, "run `memmux restart`, which finishes it")]
    database_header.refuse_foreign(database)
    if cut := _cut_off(database):
        return [cut]
    try:
        schema.refuse_newer(database, schema.migrations())
        connection = engine.open_reader(database)
    except MemmuxError as error:
        if error.code != "database_corrupt":
            raise
        return [_damaged("the file", error)]
    with closing(connection):
        connection.pragma("query_only", 0)  # temporary tables are made; the file itself was opened for reading
        found = _run(connection, _schema)
        if found:
            return found  # nothing of it is evaluated before that is mended: a view may be endless
        found = _run(connection, _deeply if deep else _quickly)
        if damaged := [finding for finding in found if finding.remedy == RESTORE]:
            return damaged  # whatever else is wrong comes of it
        for checking in (_references, _counters, _full_text, _searchable, _vectors, _tags, _changes):
            found += _run(connection, checking)
        if deep:
            found += _run(connection, _hashes)
    return found


def _run(connection: apsw.Connection, checking: Checking) -> list[Finding]:
    """Return the findings of one check, of one moment; each has a transaction of its own, so that none is long."""
    try:
        with engine.errors():
            connection.execute("BEGIN")
            return list(checking(connection))
    except MemmuxError as error:
        return [_damaged(f"the check of {checking.__name__.strip('_').replace('_', ' ')}", error)]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _damaged(what: str, error: MemmuxError) -> Finding:
    return Finding(error.code, f"{what} could not be read: {error.message}", RESTORE)


def _cut_off(database: Path) -> Finding | None:
    """Return a finding if the file is shorter than its header says, and no log beside it may hold the rest."""
    log = database.with_name(f"{database.name}-wal")
    with database.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        size = file.seek(0, 2)
    if len(header) < _HEADER_BYTES or (log.exists() and log.stat().st_size):
        return None
    page = int.from_bytes(header[16:18], "big") or 1
    page_size = 65_536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    current = header[24:28] == header[92:96]  # else an old SQLite wrote it, and the number of pages is not kept
    if current and size < pages * page_size:
        what = f"the file is cut off: it has {size // page_size} pages and its header says {pages}"
        return Finding("database_corrupt", what, RESTORE)
    return None


def _quickly(connection: apsw.Connection) -> Iterator[Finding]:
    return _pages(connection, "quick_check")


def _deeply(connection: apsw.Connection) -> Iterator[Finding]:
    return _pages(connection, "integrity_check")


def _pages(connection: apsw.Connection, pragma: str) -> Iterator[Finding]:
    """Ask SQLite about every page, and name the tables that it means."""
    roots = {root: (owner, name) for root, owner, name in connection.execute(_SQL["roots"])}
    found = 0
    try:
        for (message,) in connection.execute(f"PRAGMA {pragma}({MESSAGES})"):
            for line in str(message).splitlines():
                if line != "ok" and not line.startswith(_HEADLINE):
                    yield _page(line, roots)
                    found += 1
    except apsw.CorruptError:
        if not found:  # else this is what it could not go on from
            raise


def _page(line: str, roots: dict[int, tuple[str, str]]) -> Finding:
    """Return the finding that a line of SQLite's is."""
    tree = _TREE.search(line)
    owner, name = roots.get(int(tree[1]), ("", "")) if tree else ("", "")
    what = line + (f" (in {name})" if name else "")
    if _FULL_TEXT in line:
        return Finding("fulltext_damaged", what, REPAIR)
    if _TWICE in line:
        return Finding("index_damaged", what, RESTORE)
    if _INDEX.search(line) or name != owner:
        return Finding("index_damaged", what, REPAIR)
    if owner.startswith(_VIEWS):
        return Finding("view_damaged", what, REPAIR)
    return Finding("database_corrupt", what, RESTORE)


def _schema(connection: apsw.Connection) -> Iterator[Finding]:
    """Compare tables, indexes, views and triggers with those that the migrations make."""
    differences = schema_objects.compare(connection)
    for name in differences.foreign:
        yield Finding("schema_foreign", f"memmux did not make the {name}", DROP)
    if differences.later:
        what = f"the file's user_version was changed: it has the {differences.later[0]}, which only a later one has"
        yield Finding("schema_wrong", what, RESTORE)
        return
    for name in differences.changed:
        yield Finding("schema_wrong", f"the {name} is not what this memmux makes", RESTORE)
    for name in differences.missing:
        yield Finding("schema_wrong", f"the {name} is missing", RESTORE)


def _full_text(connection: apsw.Connection) -> Iterator[Finding]:
    if int(connection.pragma("user_version")) < max(schema.migrations()):
        return  # the next writer makes full text anew
    if not agrees(written := index.written(connection)):
        what = f"the words in full text are of another version than this memmux cuts: {written or 'none'}"
        yield Finding("fulltext_stale", what, REPAIR)
    elif rows := fulltext.differing(connection):
        yield Finding(
            "fulltext_stale", f"full text is wrong about {invariants.named(SqliteConnection(connection), rows)}", REPAIR
        )


def _searchable(connection: apsw.Connection) -> Iterator[Finding]:
    """Compare the vec0 tables with the vectors."""
    there = vector_checks.searchables(connection)
    for model, name, _ in engine.fetch(connection, _SQL["models"]):
        if table(model) not in there:
            yield Finding("vec0_stale", f"{name} has no table {table(model)}", REPAIR)
        elif drift := vector_checks.drift(connection, model):
            yield Finding("vec0_stale", f"{table(model)}, the vectors of {name} for search: {drift}", REPAIR)
        there.discard(table(model))
    for left in sorted(there):
        yield Finding("vec0_stale", f"{left} belongs to no model", REPAIR)


def _references(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.references(SqliteConnection(connection))


def _counters(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.counters(SqliteConnection(connection))


def _vectors(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.vectors(SqliteConnection(connection))


def _tags(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.tags(SqliteConnection(connection))


def _changes(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.changes(SqliteConnection(connection), RESTORE)


def _hashes(connection: apsw.Connection) -> Iterator[Finding]:
    return invariants.hashes(SqliteConnection(connection), RESTORE)
