"""Full text: an index of the words of live memories, kept by triggers, and the version of the words that are in it.

The triggers call `words` as an SQL function. `meta.words` says which version of it made what is in the index, and whose
stems it added: all that write the index add the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import apsw

from workers.storage.records import fulltext as index
from workers.storage.sqlite import engine, queries
from workers.storage.sqlite.connection import SqliteConnection
from workers.words import version, words

_SQL = queries.load("words")
_PIECE_CHARACTERS = 1 << 18  # of contents that are cut between two signs of life
Alive = Callable[[], None]


def written(connection: apsw.Connection) -> str:
    """Return the version of the words in the index; empty where it was not filled yet."""
    return index.written(SqliteConnection(connection))


def teach(connection: apsw.Connection, languages: Sequence[str] | None = None) -> None:
    """Let a connection cut words in its SQL; languages: whose stems are added, those of the index unless given."""
    also = tuple(version.languages_of(written(connection)) if languages is None else languages)

    def cut(*text: object) -> str:
        return " ".join(words(str(text[0]), languages=also))

    connection.create_scalar_function(
        "words",
        cut,
        1,
        deterministic=True,
        flags=apsw.SQLITE_INNOCUOUS,  # or else no trigger may call it
    )


def fill(
    connection: apsw.Connection, languages: Sequence[str], alive: Alive, told: Callable[[int], None] = lambda _: None
) -> int:
    """Make the index anew, inside a transaction; return how many memories are in it.

    alive: called often meanwhile. told: called now and then with how many are in it so far.
    """
    teach(connection, languages)
    connection.execute(_SQL["forget"])
    count = waiting = 0
    for row, content in contents(connection):
        add(connection, [(row, content)])
        count += 1
        waiting += len(content)
        if waiting >= _PIECE_CHARACTERS:
            waiting = 0
            alive()
            told(count)
    index.note_filled(SqliteConnection(connection), version.version(languages))
    return count


def add(connection: apsw.Connection, texts: Iterable[tuple[int, str]]) -> None:
    """Add the contents of memories, by their rows, to an index that has no words of them."""
    connection.executemany(_SQL["add"], texts)


def merge(connection: apsw.Connection) -> None:
    """Merge all segments of the index into one, so that it holds no word of what was removed."""
    connection.execute(_SQL["merge"])


def contents(connection: apsw.Connection) -> Iterator[tuple[int, str]]:
    """Yield row and content of the memories that belong into the index."""
    yield from connection.execute(_SQL["contents"])


def memories(connection: apsw.Connection) -> int:
    """Return how many memories belong into the index."""
    return int(engine.value(connection, _SQL["count"]))
