"""The connection to the database of memories, whichever engine keeps it: queries by their names, values, and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

Values = Mapping[str, object]
"""The values of a query by their names; a list or tuple is one value, which the query takes as so many rows."""

NONE: Values = MappingProxyType({})


class Query(NamedTuple):
    """A query, by its file of SQL and its name there, which every engine has; a tuple, as it is looked up all the time.

    where: names of conditions in filters.sql, all of which must hold; they stand for `{where}` in it.
    """

    file: str
    name: str
    where: tuple[str, ...] = ()

    def among(self, where: tuple[str, ...]) -> Query:
        """Return the query with these conditions."""
        return Query(self.file, self.name, where)


class Connection(Protocol):
    """A connection inside a transaction, which its engine begins and ends; rows are tuples."""

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows."""

    def value(self, query: Query, values: Values = NONE, /) -> Any:
        """Return the only value of the only row, or None if there is no row."""

    def each(self, query: Query, values: Values = NONE, /) -> Iterator[tuple[Any, ...]]:
        """Yield rows as they come, so that not all of them are in memory."""

    def execute(self, query: Query, values: Values = NONE, /) -> int:
        """Change rows, and return how many were changed."""

    def insert(self, query: Query, values: Values = NONE, /) -> int:
        """Insert one row, and return its number: `row` of a memory, `seq` of a change, `id` of others."""
