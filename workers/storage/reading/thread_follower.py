"""The thread follower: which memories stand beside each other, at the very change that a transaction stands at.

Twelve bytes a memory, kept in memory, that catch up from the change log. A memory that is deleted or superseded stands
beside none. What goes on with a thread, as nearly all that is stored does, is linked with its last memory; only what
comes in between has its thread put in order anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.index.neighbours import Links, Neighbours
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("threads")
FAR_BEHIND = 4_096  # changed memories from which on loading everything is quicker
_ROOM = 1_024  # rows more than there are, so that not every new one needs another array

Key = tuple[float, float, int]
"""Where a memory stands in its thread: by its place, if it has one, then by its time, then by its row."""


class ThreadFollower:
    """The threads of all memories, as of the last transaction that asked.

    A thread's number is below 0 if it has a name; else it is the row of the first memory of its run.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seq: int | None = None
        self._numbers: dict[tuple[str, str], int] = {}  # of threads that have names, by namespace and name
        self._before: Links = np.zeros(0, np.int32)
        self._after: Links = np.zeros(0, np.int32)
        self._threads: Links = np.zeros(0, np.int32)

    @property
    def neighbours(self) -> Neighbours:
        """The memories beside each memory, in the threads that have names and in runs."""
        return Neighbours(self._before, self._after, self._threads)

    def follow(self, seq: int) -> None:
        """Catch up with change `seq`, where the transaction stands."""
        if self._seq == seq:
            return
        changed: list[int] | None = None
        if self._seq is not None:
            changed = [row for (row,) in self._connection.fetch(_SQL["changed"], {"seq": self._seq})]
        if changed is None or len(changed) > FAR_BEHIND:
            self._load()
        elif changed:
            self._catch_up(changed)
        self._seq = seq

    def context(self, row: int, count: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return the `count` memories before and after one in its thread, each in the order of the thread."""
        return _walk(self._before, row, count)[::-1], _walk(self._after, row, count)

    def _load(self) -> None:
        found = self._connection.fetch(_SQL["linked"])
        self._numbers.clear()
        self._before, self._after, self._threads = (np.zeros(0, np.int32) for _ in range(3))
        self._reserve(self._connection.value(_SQL["last"]))  # which may be of one that is superseded, and has words
        if found:
            self._put_in_order(found)

    def _catch_up(self, changed: list[int]) -> None:
        self._reserve(max(changed))
        now = {line[0]: line for line in self._fetched("linked_of", changed)}
        beside = {row: (int(self._before[row]), int(self._after[row])) for row in changed}
        ends = {row: key for row, *key in self._fetched("keys", {one for pair in beside.values() for one in pair})}
        staying = {row for row, line in now.items() if self._stays(line, beside[row], ends)}
        leaving = [row for row in changed if row not in staying]
        for row in leaving:  # which grows: what changed, too, and is beside one that leaves has other neighbours then
            more = staying.intersection(beside[row])
            staying -= more
            leaving += more
        for row in leaving:
            if self._threads[row]:
                self._unlink(row)
        if moved := [now[row] for row in leaving if row in now]:
            self._link(moved)

    def _stays(self, line: tuple[Any, ...], beside: tuple[int, int], keys: dict[int, list[float]]) -> bool:
        """Return whether a memory still stands in its thread, between those that it stood between."""
        before, after = beside
        key = _key(line)
        return (
            self._threads[line[0]] == self._number(line)
            and (not before or (before in keys and _key_of(before, keys) <= key))
            and (not after or (after in keys and key <= _key_of(after, keys)))
        )

    def _link(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Let memories that stand in no thread be in theirs."""
        groups: dict[int, list[tuple[Any, ...]]] = {}
        for line in lines:
            groups.setdefault(self._number(line), []).append(line)
        numbers = np.array(list(groups), np.int32)
        members = np.flatnonzero(self._threads == numbers[0] if len(groups) == 1 else np.isin(self._threads, numbers))
        last = {int(self._threads[row]): int(row) for row in members[self._after[members] == 0]}
        keys = {row: key for row, *key in self._fetched("keys", last.values())}
        anew: list[int] = []
        for number, group in groups.items():
            group.sort(key=_key)
            end = last.get(number, 0)
            if end and (end not in keys or _key_of(end, keys) > _key(group[0])):
                anew += members[self._threads[members] == number].tolist()
                anew += [line[0] for line in group]
                continue
            for row, *_ in group:
                self._threads[row], self._before[row], self._after[row] = number, end, 0
                if end:
                    self._after[end] = row
                end = row
        if anew:
            self._put_in_order(self._fetched("linked_of", anew))

    def _put_in_order(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Link all memories of some threads."""
        rows = np.array([line[0] for line in lines], np.int32)
        numbers = np.array([self._number(line) for line in lines], np.int32)
        places = np.array([np.inf if line[4] is None else line[4] for line in lines], np.float64)
        times = np.array([line[5] for line in lines], np.float64)
        order = np.lexsort((rows, times, places, numbers))
        rows, numbers = rows[order], numbers[order]
        same = numbers[1:] == numbers[:-1]
        self._threads[rows], self._before[rows], self._after[rows] = numbers, 0, 0
        self._before[rows[1:][same]] = rows[:-1][same]
        self._after[rows[:-1][same]] = rows[1:][same]

    def _unlink(self, row: int) -> None:
        before, after = self._before[row], self._after[row]
        if before:
            self._after[before] = after
        if after:
            self._before[after] = before
        self._threads[row] = self._before[row] = self._after[row] = 0

    def _number(self, line: tuple[Any, ...]) -> int:
        _, namespace, thread, run, *_ = line
        if thread is None:
            return int(run)
        return self._numbers.setdefault((namespace, thread), -1 - len(self._numbers))

    def _fetched(self, query: str, rows: Iterable[int]) -> list[tuple[Any, ...]]:
        return self._connection.fetch(_SQL[query], {"rows": list(rows)})

    def _reserve(self, row: int) -> None:
        if row >= (had := len(self._threads)):
            self._before, self._after, self._threads = (
                _longer(links, had, row + _ROOM) for links in (self._before, self._after, self._threads)
            )


def _key(line: tuple[Any, ...]) -> Key:
    row, _, _, _, place, at = line
    return (np.inf if place is None else float(place), at, row)


def _key_of(row: int, keys: dict[int, list[float]]) -> Key:
    place, at = keys[row]
    return (np.inf if place is None else float(place), at, row)


def _walk(links: Links, row: int, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count and row < len(links) and (row := int(links[row])):
        found.append(row)
    return found


def _longer(links: NDArray[np.int32], had: int, size: int) -> Links:
    longer = np.zeros(size, np.int32)
    longer[:had] = links
    return longer
