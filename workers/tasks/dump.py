"""The dump of another database, as a task: `python -P -m workers dump COPY FLAGS…` prints its memories, a page a line.

COPY is a private copy of a database or a backup; it is migrated if an older memmux wrote it. The database of the flags
is not opened.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from memmux.config.database_header import refuse_foreign
from memmux.config.settings import Settings
from memmux.errors import DatabaseCorruptError
from memmux.wire.requests import Dump
from workers.storage.connection import Connection
from workers.storage.records import dump
from workers.storage.sqlite import migrate, schema, schema_objects
from workers.storage.sqlite.connection import reading


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Print all memories, the deleted ones too, with their vectors; return how many there are.

    Raises StorageError and its kinds, DatabaseAlteredError for one whose schema somebody else changed among them.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader who went away needs no more
    copy = Path(arguments[0])
    refuse_foreign(copy)
    if schema.refuse_newer(copy, schema.migrations()) < max(schema.migrations()):
        migrate.prepare(copy, languages=settings.languages)
    count, after = 0, 0
    with reading(copy) as connection:
        schema_objects.refuse_altered(connection.raw, copy)
        while True:
            page = _page(connection, after)
            count += len(page["memories"])
            sys.stdout.buffer.write(orjson.dumps({"page": page}) + b"\n")
            sys.stdout.buffer.flush()
            if page["next"] is None:
                return {"memories": count}
            after = page["next"]


def _page(connection: Connection, after: int) -> dump.Fields:
    try:
        return dump.dump(connection, Dump(after=after, vectors=True))
    except (ValueError, TypeError, AttributeError) as error:  # what no memmux writes
        raise DatabaseCorruptError(f"what comes after row {after} can't be read: {error}") from None
