"""The log follower: the change log without its texts, in memory, at the very change that a transaction stands at.

The texts of what was before stand between the lines in the file, so that to count a hundred thousand of them is to read
a hundred megabytes. Here a change takes 23 bytes, from the first question on that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from workers.index.interface import Rows
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("timeline")
_CHUNK = 16_384  # lines read at once

Mask = NDArray[np.bool_]


class Kind(IntEnum):
    """What a change did, as far as its line tells without its text; timeline.sql has the same numbers."""

    STORED = 0  # a memory is there that was not before
    CHANGED = 1
    DELETED = 2
    PURGED = 3


_LINE = np.dtype([("seq", "<i8"), ("at", "<f8"), ("row", "<i4"), ("client", "<u2"), ("kind", "u1")])
_CLIENTS = np.iinfo(np.uint16).max  # that are told apart; what others do is counted as by the last one


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of the log, oldest first, and the names of the clients, of which each line has the place."""

    lines: NDArray[Any]
    clients: tuple[str, ...]

    def __getitem__(self, name: str) -> NDArray[Any]:
        found: NDArray[Any] = self.lines[name]
        return found

    def where(self, which: Mask) -> Lines:
        """Return those lines."""
        return Lines(self.lines[which], self.clients)

    def of(self, client: str) -> Lines:
        """Return the lines of the clients whose names begin so, in any case of ASCII letters, as lists have them."""
        sought = client.encode().lower()
        wanted = [number for number, name in enumerate(self.clients) if name.encode().lower().startswith(sought)]
        return self.where(np.isin(self["client"], wanted))

    def first_after(self, seq: int) -> tuple[Rows, Rows, Mask]:
        """Return the memories that changed after a change, the first change of each, and which are new by it."""
        since = self.lines[np.searchsorted(self.lines["seq"], seq, "right") :]
        rows, places = np.unique(since["row"], return_index=True)
        firsts = since[places]
        return rows.astype(np.int64), firsts["seq"].astype(np.int64), firsts["kind"] == Kind.STORED


class LogFollower:
    """The lines of the change log that say something of memories, as of the last transaction that asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lines: NDArray[Any] = np.empty(0, _LINE)
        self._clients: dict[str, int] = {}
        self._seq = 0

    def follow(self, seq: int) -> Lines:
        """Return the lines up to change `seq`, where the transaction stands; may be interrupted, and called again."""
        if seq != self._seq:
            clients = dict(self._clients)
            pieces = list(self._read(clients))
            self._lines, self._clients, self._seq = np.concatenate((self._lines, *pieces)), clients, seq
        return Lines(self._lines, tuple(self._clients))

    def _read(self, clients: dict[str, int]) -> Iterator[NDArray[Any]]:
        last, full = self._seq, True
        while full:
            ((*numbers, names, kinds),) = self._connection.fetch(_SQL["lines"], {"seq": last, "limit": _CHUNK})
            seqs, times, rows = map(orjson.loads, numbers)
            piece = np.empty(len(seqs), _LINE)
            piece["seq"], piece["at"], piece["row"] = seqs, times, rows
            piece["client"] = [_place(clients, name) for name in orjson.loads(names)]
            piece["kind"] = orjson.loads(kinds)
            yield piece
            full = len(piece) == _CHUNK
            last = seqs[-1] if seqs else last


def _place(clients: dict[str, int], name: str) -> int:
    """Return the place of a client's name, a new one if there is room for it."""
    if (known := clients.get(name)) is not None:
        return known
    return clients.setdefault(name, len(clients)) if len(clients) < _CLIENTS else _CLIENTS - 1
