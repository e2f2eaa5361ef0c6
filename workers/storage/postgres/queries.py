"""The SQL of the engine, in `sql/`: named queries, and the migrations, which schema.py reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from memmux import named_queries
from workers.storage.connection import Query

FOLDER = Path(__file__).with_name("sql")
ASKED = re.compile(r"%\((\w+)\)s")  # the values of a query


@cache
def load(file: str) -> Mapping[str, str]:
    """Return the queries of `sql/<file>.sql` by their names; see `memmux.named_queries.load`."""
    return named_queries.load(FOLDER / f"{file}.sql")


@cache
def text(query: Query) -> str:
    """Return the SQL of a query, with its conditions."""
    sql = load(query.file)[query.name]
    return sql.format(where=" AND ".join(map(load("filters").__getitem__, query.where))) if query.where else sql
