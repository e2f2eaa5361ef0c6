"""SQLite's side of `workers.storage.connection`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import orjson

from workers.storage.connection import NONE, Query, Values
from workers.storage.sqlite import engine, queries


class SqliteConnection:
    """Runs queries through the connection `raw`, by which SQLite's own modules begin and end transactions.

    working: called with each row that is written: many that are quick, or their words, take long together.
    """

    def __init__(self, raw: apsw.Connection, working: Callable[[], object] = lambda: None) -> None:
        self.raw = raw
        self._working = working
        raw.convert_binding = _bound

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows; their types are the schema's business, whose tables are STRICT."""
        return self.raw.execute(text(query), values).fetchall()

    def value(self, query: Query, values: Values = NONE, /) -> Any:
        """Return the only value of the only row, or None if there is no row."""
        return self.raw.execute(text(query), values).get

    def each(self, query: Query, values: Values = NONE, /) -> Iterator[tuple[Any, ...]]:
        """Yield rows as they come."""
        return self.raw.execute(text(query), values)

    def execute(self, query: Query, values: Values = NONE, /) -> int:
        """Change rows, and return how many were changed."""
        self._working()
        self.raw.execute(text(query), values)
        return self.raw.changes()

    def insert(self, query: Query, values: Values = NONE, /) -> int:
        """Insert one row, and return its number."""
        self._working()
        self.raw.execute(text(query), values)
        return self.raw.last_insert_rowid()


@contextmanager
def reading(database: Path) -> Iterator[SqliteConnection]:
    """Open a file for reading, all as of one moment; raise StorageError and its kinds, also for what the block does."""
    with engine.errors(), closing(engine.open_reader(database)) as raw:
        raw.execute("BEGIN")
        yield SqliteConnection(raw)


@cache
def text(query: Query) -> str:
    """Return the SQL of a query, with its conditions."""
    sql = _file(query.file)[query.name]
    return sql.format(where=" AND ".join(map(_file("filters").__getitem__, query.where))) if query.where else sql


@cache
def _file(name: str) -> Mapping[str, str]:
    return queries.load(name)


def _bound(_cursor: apsw.Cursor, _number: int, value: object) -> str:
    """Return a list as JSON, for json_each."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"SQLite has no value for {type(value)}")
    return orjson.dumps(value).decode()
