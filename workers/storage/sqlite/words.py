"""Where words stand, out of FTS5's own index (https://www.sqlite.org/fts5.html#the_fts5vocab_virtual_table_module)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw
import numpy as np
import orjson

from workers.index.bm25 import SHIFT, Places
from workers.storage.sqlite import engine, queries

_SQL = queries.load("words")


class SqliteWords:
    """The words of the memories that a connection's transaction sees; see `word_index.WordIndex`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        only = connection.pragma("query_only")
        connection.pragma("query_only", 0)  # which refuses temporary tables, too; the file is open for reading alone
        for query in ("make_postings", "make_vocabulary"):
            connection.execute(_SQL[query])
        connection.pragma("query_only", only)

    def places(self, words: Sequence[str]) -> Sequence[Places]:
        """Return where each of some words stands."""
        return [self._fetched("places", word=word) for word in words]

    def between(self, first: str, last: str) -> Places:
        """Return where words stand from `first` on and before `last`, in any order."""
        return self._fetched("places_between", first=first, last=last)

    def vocabulary(self) -> Iterator[str]:
        """Yield all words."""
        return (term for (term,) in self._connection.execute(_SQL["vocabulary"]))

    def lengths(self, rows: Sequence[int] | None) -> Iterator[tuple[int, str, int]]:
        """Yield row, namespace and words of some memories, or of all for None."""
        if rows is None:
            found = engine.fetch(self._connection, _SQL["lengths"])
        else:
            found = engine.fetch(self._connection, _SQL["lengths_of"], {"rows": orjson.dumps(rows).decode()})
        return ((row, name, size[0] if len(size) == 1 else _varint(size)) for row, name, size in found)

    def stands(self, word: str, row: int) -> bool:
        """Return whether a word stands in the memory `row`."""
        return bool(engine.value(self._connection, _SQL["stands"], {"word": word, "row": row}))

    def _fetched(self, query: str, **values: str) -> Places:
        found = engine.value(self._connection, _SQL[query], {**values, "shift": SHIFT})
        return np.array(orjson.loads(found), np.int64)


def _varint(data: bytes) -> int:
    """Return a number as SQLite writes it: seven bits a byte, the most significant first."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value
