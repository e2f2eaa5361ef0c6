"""Serving: which model the vectors are of by which a file is searched, for who embeds its queries."""

from __future__ import annotations

from pathlib import Path

import apsw

from memmux.errors import MemmuxError
from workers.embedding.interface import Named
from workers.storage.records import vectors
from workers.storage.sqlite.connection import reading


def model_of(database: Path) -> Named | None:
    """Return the current model of a file; None also where there is no database yet, or none that can be read."""
    if not database.exists():
        return None
    try:
        with reading(database) as connection:
            return vectors.served(connection)
    except (MemmuxError, apsw.Error):  # the reader and the writer say what is wrong
        return None
