"""Queries by their files and names; each engine has their SQL."""

from __future__ import annotations

from workers.storage.connection import Query


class Queries(dict[str, Query]):
    """The queries of one file, each as it is first asked for."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def __missing__(self, name: str) -> Query:
        """Return the query of that name."""
        query = self[name] = Query(self._file, name)
        return query


def load(file: str) -> Queries:
    """Return the queries of `<file>.sql` by their names."""
    return Queries(file)
