"""Serving: which model the vectors are of by which a database is searched, for who embeds its queries."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from memmux.errors import MemmuxError
from workers.embedding.interface import Named
from workers.storage.db import engine, vectors


def model(connection: apsw.Connection) -> Named | None:
    """Return the current model; None where nothing has a vector yet."""
    found = vectors.current(connection)
    return None if found is None else Named(found.name, vectors.source(connection, found))


def model_of(database: Path) -> Named | None:
    """Return the current model of a file; None also where there is no database yet, or none that can be read."""
    if not database.exists():
        return None
    try:
        with engine.errors(), closing(engine.open_reader(database)) as connection:
            return model(connection)
    except (MemmuxError, apsw.Error):  # the reader and the writer say what is wrong
        return None
