"""Where words stand: postings, brought up to the change log inside the transaction that changes memories.

The words are those of FTS5's index: `words` cuts them, and FTS5's tokenizer `ascii` would take some of them apart.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from workers.index.bm25 import SHIFT, Places
from workers.runtime.jobs import Alive
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.postgres import arrays
from workers.storage.postgres.kept_places import KeptPlaces
from workers.storage.records import fulltext
from workers.words import version, words

_SQL = queries.load("postings")
_TOKENS = re.compile(rb"[0-9a-z./@:+#&>_\\\x80-\xff-]+")  # as 0004_words.sql of SQLite's has it
_ONE = struct.Struct("<q").pack
_PIECE = 500  # memories whose words are written at once
_PIECE_CHARACTERS = 1 << 20  # of them: to cut so many takes up to a second


class PostgresWords:
    """The words of the memories that a connection's transaction sees; see `word_index.WordIndex`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept = KeptPlaces(self._read)

    def places(self, words: Sequence[str]) -> Sequence[Places]:
        """Return where each of some words stands; what is kept is as of the last change that `lengths` was asked of."""
        return self._kept.of(words)

    def between(self, first: str, last: str) -> Places:
        """Return where words stand from `first` on and before `last`, in any order."""
        found = self._connection.value(_SQL["places_between"], {"first": first, "last": last})
        return np.frombuffer(found, "<i8")

    def vocabulary(self) -> Iterator[str]:
        """Yield all words."""
        return (term for (term,) in self._connection.each(_SQL["vocabulary"]))

    def lengths(self, rows: Sequence[int] | None) -> Iterable[tuple[int, str, int]]:
        """Yield row, namespace and words of some memories, or of all for None."""
        if rows is None:
            self._kept.forget()
            return self._connection.fetch(_SQL["lengths"])
        self._kept.changed(rows)
        return self._connection.fetch(_SQL["lengths_of"], {"rows": rows})

    def stands(self, word: str, row: int) -> bool:
        """Return whether a word stands in the memory `row`."""
        return bool(self._connection.value(_SQL["stands"], {"word": word, "row": row}))

    def _read(self, words: Sequence[str], rows: Sequence[int] | None) -> Mapping[str, Places]:
        if rows is None:
            found = self._connection.fetch(_SQL["places"], {"words": words})
        else:
            found = self._connection.fetch(_SQL["places_in"], {"words": words, "rows": rows})
        return {word: np.sort(np.frombuffer(places, "<i8")) for word, places in found}


def follow(connection: Connection, seq: int, languages: Sequence[str]) -> None:
    """Bring the postings of memories that changed after `seq` to where the transaction stands.

    languages: whose stems are added to the words.
    """
    changed = connection.fetch(_SQL["changed"], {"seq": seq})
    if gone := [row for row, there, *_ in changed if there]:
        connection.execute(_SQL["forget"], {"rows": gone})
        connection.execute(_SQL["forget_texts"], {"rows": gone})
    fresh = [(row, digest, content) for row, _, digest, content in changed if digest is not None]
    add(connection, fresh, languages)


def add(connection: Connection, fresh: Sequence[tuple[int, str, str]], languages: Sequence[str]) -> None:
    """Write the words of memories that have none; fresh: row, content hash and content of each."""
    piece: list[tuple[int, str, str]] = []
    size = 0
    for one in fresh:
        piece.append(one)
        size += len(one[2])
        if len(piece) == _PIECE or size >= _PIECE_CHARACTERS:
            _add(connection, piece, languages)
            piece, size = [], 0
    if piece:
        _add(connection, piece, languages)


def fill(
    connection: Connection, languages: Sequence[str], alive: Alive, told: Callable[[int], None] = lambda _: None
) -> int:
    """Make the postings anew, inside a transaction; return how many memories are in them.

    alive: called often meanwhile. told: called now and then with how many are in them so far.
    """
    connection.execute(_SQL["forget_all"])
    connection.execute(_SQL["forget_all_texts"])
    count = last = 0
    while piece := connection.fetch(_SQL["contents"], {"after": last, "limit": _PIECE}):
        _add(connection, piece, languages)
        count, last = count + len(piece), piece[-1][0]
        alive()
        told(count)
    fulltext.note_filled(connection, version.version(languages))
    return count


def postings(row: int, content: str, languages: Sequence[str]) -> tuple[int, Mapping[str, bytes]]:
    """Return how many words a memory has, and the places of each."""
    numbers: dict[bytes, list[int]] = {}
    tokens = _TOKENS.findall(" ".join(words(content, languages=languages)).encode().lower())  # ASCII alone
    for place, token in enumerate(tokens, row << SHIFT):
        numbers.setdefault(token, []).append(place)
    return len(tokens), {token.decode(): _places(found) for token, found in numbers.items()}


def _places(numbers: list[int]) -> bytes:
    return _ONE(numbers[0]) if len(numbers) == 1 else struct.pack(f"<{len(numbers)}q", *numbers)


def _add(connection: Connection, memories: Iterable[tuple[int, str, str]], languages: Sequence[str]) -> None:
    """Write the words of memories that have none: one statement for each table, however many they are."""
    rows: list[int] = []
    terms: list[str] = []
    places: list[bytes] = []
    texts: list[tuple[int, int, str, str]] = []
    for row, digest, content in memories:
        count, found = postings(row, content, languages)
        texts.append((row, count, digest, "\n".join(found)))
        rows += [row] * len(found)
        terms += found
        places += found.values()
    packed = {"rows": arrays.longs(rows), "terms": arrays.texts(terms), "places": arrays.blobs(places)}
    connection.execute(_SQL["add"], packed)
    of, counts, hashes, lines = zip(*texts, strict=True)
    numbers = {"rows": arrays.longs(of), "words": arrays.longs(counts)}
    connection.execute(_SQL["add_texts"], {**numbers, "hashes": arrays.texts(hashes), "terms": arrays.texts(lines)})
