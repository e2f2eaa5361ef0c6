"""Kept places: where words stand, in memory for as long as they are asked for, up to the change where readers stand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from workers.index.bm25 import SHIFT, Places

_MOST_BYTES = 16 << 20
ENTRY_BYTES = 256  # of a word, beside its places
FAR_BEHIND = 64  # changed memories from which on reading a word anew is quicker
MOST_CHANGED = 1_024  # that are remembered; then all words are read anew

Read = Callable[[Sequence[str], Sequence[int] | None], Mapping[str, Places]]
"""Returns where words stand, ascending, in some memories or in all for None; without those that stand nowhere."""
_NOWHERE: Places = np.empty(0, np.int64)


class KeptPlaces:
    """Where words stand, as they were read last, and which memories have changed since.

    read: reads them. most: bytes that are kept; the words that were not asked for the longest go first.
    """

    def __init__(self, read: Read, most: int = _MOST_BYTES) -> None:
        self._read = read
        self._most = most
        self._kept: OrderedDict[str, tuple[int, Places]] = OrderedDict()  # with the step they are of
        self._bytes = 0
        self._step = 0
        self._changed: dict[int, int] = {}  # the step in which each memory has changed last

    def forget(self) -> None:
        """Keep nothing: all memories may have changed."""
        self._kept.clear()
        self._changed.clear()
        self._bytes = 0

    def changed(self, rows: Collection[int]) -> None:
        """Note that these memories have changed, or may have."""
        self._step += bool(rows)
        self._changed.update(dict.fromkeys(rows, self._step))
        if len(self._changed) > MOST_CHANGED:
            self.forget()

    def of(self, words: Sequence[str]) -> list[Places]:
        """Return where each of some words stands."""
        found: dict[str, Places] = {}
        missing, stale, oldest = list[str](), list[str](), self._step
        for word in words:
            if (kept := self._kept.get(word)) is None:
                missing.append(word)
                continue
            step, found[word] = kept
            if step < self._step:
                stale.append(word)
                oldest = min(oldest, step)
        rows = [row for row, step in self._changed.items() if step > oldest] if stale else []
        if len(rows) > FAR_BEHIND:
            missing, stale = [*missing, *stale], []
        if missing:
            read = self._read(missing, None)
            found |= {word: read.get(word, _NOWHERE) for word in missing}
        if stale:
            read = self._read(stale, rows)
            found |= {word: _replaced(found[word], rows, read.get(word, _NOWHERE)) for word in stale}
        for word in (*missing, *stale):
            self._keep(word, found[word])
        for word in words:
            if word in self._kept:
                self._kept.move_to_end(word)
        return [found[word] for word in words]

    def _keep(self, word: str, places: Places) -> None:
        if (known := self._kept.get(word)) is not None:
            self._bytes -= known[1].nbytes + ENTRY_BYTES
        self._kept[word] = self._step, places
        self._bytes += places.nbytes + ENTRY_BYTES
        while self._bytes > self._most:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone.nbytes + ENTRY_BYTES


def _replaced(places: Places, rows: Sequence[int], now: Places) -> Places:
    """Return places with those in the memories `rows` as they are now."""
    stays = places[~np.isin(places >> SHIFT, rows)]
    return np.sort(np.concatenate((stays, now))) if now.size else stays
