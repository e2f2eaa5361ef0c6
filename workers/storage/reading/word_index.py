"""The seam for where words stand: SQLite has FTS5's index, another engine postings of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from workers.index.bm25 import Places


class WordIndex(Protocol):
    """The words of live memories, as a connection's transaction sees them."""

    def places(self, words: Sequence[str]) -> Sequence[Places]:
        """Return where each of some words stands."""

    def between(self, first: str, last: str) -> Places:
        """Return where words stand from `first` on and before `last`, in any order."""

    def vocabulary(self) -> Iterator[str]:
        """Yield all words, in any order."""

    def lengths(self, rows: Sequence[int] | None) -> Iterable[tuple[int, str, int]]:
        """Return row, namespace and how many words of some memories, or of all for None, as far as they are there."""

    def stands(self, word: str, row: int) -> bool:
        """Return whether a word stands in the memory `row`."""
