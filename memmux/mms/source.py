"""A source: a file of theirs, opened for reading, as lines for `memory.load`, with a report of what it held."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from memmux import limits
from memmux.mms import database, json_export, private_copy
from memmux.mms.ids import DIMENSIONS, MODEL
from memmux.mms.report import Outcome, Report
from memmux.mms.to_memory import Edge, Line, Reader, StoredMemory
from memmux.wire.answers import Loaded

BATCH_BYTES = 4 << 20  # of the contents and vectors of one request, more or less


class Memories(Protocol):
    """The memories of a file of theirs."""

    @property
    def total(self) -> int:
        """How many memories there are."""

    def memories(self) -> Iterator[StoredMemory]:
        """Yield them in the order of their storing."""

    def lost_edges(self) -> list[Edge]:
        """Return the links that start at none of them."""


class Source:
    """One file of theirs, while it is read.

    path: its name. total: how many memories it has. model: what the cluster calls the model that is to have made the
    vectors; None leaves them out. Nothing in a file says which one did: that it is this one is to be verified.
    """

    def __init__(self, path: Path, held: database.Database | json_export.Export, model: str | None) -> None:
        self._began = time.monotonic()
        self._at = time.time()
        self._path = path
        self._held: Memories = held
        self.total = held.total
        self._reader = Reader(model=model if model == MODEL else None, dimensions=DIMENSIONS, there=held.there)
        self._outcome = Outcome()

    @property
    def done(self) -> int:
        """How many of them were read."""
        return self._reader.counts.memories

    def batches(self, most: int = limits.DUMP_MEMORIES) -> Iterator[list[Line]]:
        """Yield all memories in groups of at most so many, each of which is for one `memory.load`."""
        batch: list[Line] = []
        size = 0
        for found in self._held.memories():
            line = self._reader.line(found)
            if line is None:
                continue
            weight = len(line["content"]) + sum(len(one["data"]) for one in line.get("vectors", ()))
            if batch and (len(batch) == most or size + weight > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += weight
        if batch:
            yield batch
        for edge in self._held.lost_edges():
            self._reader.odd.add("link_broken", str(edge.source), f"to {edge.target}")

    def note(self, batch: Sequence[Line], loaded: Loaded) -> None:
        """Note what `memory.load` answered for a batch."""
        outcome = self._outcome
        outcome.created += loaded.created
        outcome.skipped += loaded.skipped
        outcome.updated += loaded.updated
        outcome.merged += loaded.merged
        for problem in loaded.problems:
            name = batch[problem.place]["origin"]["hash"]
            outcome.conflicts += problem.status == "conflict"
            outcome.duplicates += problem.status == "duplicate"
            self._reader.odd.add(problem.status, name, problem.message)

    def report(self) -> Report:
        """Return what came of it so far."""
        return Report(
            source=str(self._path),
            at=round(self._at, 3),
            found=self._reader.counts,
            outcome=self._outcome,
            odd=dict(self._reader.odd.counts),
            named=tuple(self._reader.odd.named),
            seconds=round(time.monotonic() - self._began, 3),
        )


@contextmanager
def of_database(
    path: Path,
    model: str | None,
    *,
    folder: Path | None = None,
    prefix: str = "memmux-",
    alive: Callable[[], None] = lambda: None,
) -> Iterator[Source]:
    """Open a database of theirs, which others may be using; see `private_copy.taken` for folder, prefix and errors.

    Raises DatabaseForeignError for a database of somebody else.
    """
    with private_copy.taken(path, folder, prefix, alive) as copy, database.opened(copy, str(path)) as held:
        yield Source(path, held, model)


def of_export(path: Path, data: bytes, model: str | None) -> Source | None:
    """Return an export of theirs; None if the data is none."""
    held = json_export.parsed(data)
    return None if held is None else Source(path, held, model)
