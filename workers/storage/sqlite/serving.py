"""Serving: which model the vectors are of by which a file is searched, for who embeds its queries."""

from __future__ import annotations

from pathlib import Path

import apsw

from memmux.errors import MemmuxError
from workers.embedding.interface import Named
from workers.storage.records import vectors
from workers.storage.sqlite.connection import reading


class Serving:
    """Looks into a file, which it opens for that."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def model(self) -> Named | None:
        """Return the current model; None also where there is no database yet, or none that can be read."""
        if not self._database.exists():
            return None
        try:
            with reading(self._database) as connection:
                return vectors.served(connection)
        except (MemmuxError, apsw.Error):  # the reader and the writer say what is wrong
            return None

    def close(self) -> None:
        """Do nothing: the file is open only while it is looked at."""
