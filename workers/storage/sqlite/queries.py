"""The SQL of the engine, in `sql/`: named queries, and the migrations, which schema.py reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memmux import named_queries

FOLDER = Path(__file__).with_name("sql")


def load(file: str) -> Mapping[str, str]:
    """Return the queries of `sql/<file>.sql` by their names; see `memmux.named_queries.load`."""
    return named_queries.load(FOLDER / f"{file}.sql")
