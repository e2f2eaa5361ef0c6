"""The vector follower: brings the index of vectors to the very change that a reader's transaction stands at."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from memmux.logs import log
from workers.index import segment as segments
from workers.index.partitions import Partitions
from workers.index.segment import Manifest, Segment
from workers.runtime.jobs import Alive
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.vectors import Model

_SQL = queries.load("search")
MOST_VECTORS = 200_000  # in memory, 300 MB at 384 dimensions; beyond that, and while no segment is there, tables answer
FAR_BEHIND = 4_096  # changed memories from which on loading everything is quicker, where it is not in a segment
LOOK_S = 1.0  # between two looks for a newer segment
_CHUNK = 1_024  # vectors copied at once


class VectorFollower:
    """One model's vectors, as of the last transaction that asked: in memory, or in segments and what came since."""

    def __init__(
        self,
        connection: Connection,
        database: Path,
        most: int = MOST_VECTORS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._database = database
        self._most = most
        self._clock = clock
        self._partitions: Partitions | None = None
        self._looked = -math.inf
        self._refused: set[Path] = set()  # segments that can't be used

    @property
    def in_segments(self) -> int:
        """How many vectors the segments that are in use were made of."""
        return sum(used.manifest.vectors for used in self._partitions.segments.values()) if self._partitions else 0

    def follow(self, model: Model, seq: int) -> Partitions | None:
        """Return the vectors of `model` as of change `seq`, where the transaction stands; None if they are too many.

        If it is interrupted it may be called again: what is read is applied in one go, after it is complete.
        """
        known = self._partitions
        if known is not None and known.model != model.id:
            known = self._partitions = None  # before those of another are read: both together may be too much
        if self._clock() - self._looked >= LOOK_S:
            known = self._stand(known, model)
        if known is not None and not self._catch_up(known, model, seq):
            known = None
        if known is None:
            known = self._load(model)
        self._partitions = known
        if known is not None:
            known.seq = seq
        return known

    def tune(self) -> None:
        """Prepare for the number of vectors that there are; may take a while, so nobody should be waiting."""
        if self._partitions is not None:
            self._partitions.tune()

    def drifted(self, model: Model, seq: int, alive: Alive) -> tuple[int, list[int]] | None:
        """Compare what is in memory and in segments, after catching up, with the rows; None if it is in tables only.

        Returns how many vectors were compared, and the rows of the memories whose vectors differ; 0 for those that
        only memory knows.
        """
        known = self.follow(model, seq)
        if known is None:
            return None
        different: list[int] = []
        compared = 0
        found = self._connection.each(_SQL["vectors_of_model_in_order"], {"model": model.id})
        for (namespace, row), group in groupby(found, key=itemgetter(0, 1)):
            data = [embedding for _, _, embedding in group]
            compared += len(data)
            vectors = np.frombuffer(b"".join(data), "<f4").reshape(-1, model.dimensions)
            if known.drifted(namespace, row, vectors):
                different.append(row)
            alive()
        if not different and len(known) != compared:
            different.append(0)
        return compared, different

    def _catch_up(self, known: Partitions, model: Model, seq: int) -> bool:
        """Apply what changed since `known`; return False if that is too much, or too many are in memory."""
        if seq != known.seq:
            changed = self._changed(known.seq)
            if len(changed) > FAR_BEHIND and not known.segments:
                return False
            if changed:
                found = self._vectors(model, changed)
                known.remove(*changed)
                _add(known, found, model.dimensions)
        return known.in_memory <= self._most

    def _stand(self, known: Partitions | None, model: Model) -> Partitions | None:
        """Put the newest segments under what is `known`, or under nothing yet; return None where there is neither."""
        self._looked = self._clock()
        used = {} if known is None else known.segments
        newest = {
            manifest.namespace: (path, manifest)
            for path, manifest in segments.kept(self._database)
            if manifest.model == model.id and path not in self._refused
        }
        fresh = [
            opened
            for namespace, (path, manifest) in newest.items()
            if (namespace not in used or used[namespace].manifest.seq < manifest.seq)
            and self._is_recent(path, manifest)
            and (opened := self._opened(path, manifest, model)) is not None
        ]
        if not fresh:
            return known
        # What changed is read before anything is replaced: this may be interrupted.
        since = [self._changed(opened.manifest.seq) for opened in fresh]
        found = [self._vectors(model, changed) for changed in since]
        if known is None:
            if (known := self._load(model, {opened.manifest.namespace for opened in fresh})) is None:
                return None
            known.seq = self._connection.value(_SQL["seq"])
        for opened, changed, vectors in zip(fresh, since, found, strict=True):
            opened.hide(changed)
            known.stand_on(opened)
            _add(known, [row for row in vectors if row[0] == opened.manifest.namespace], model.dimensions)
            log.get().info("segment_opened", namespace=opened.manifest.namespace, vectors=len(opened))
        return known

    def _is_recent(self, path: Path, manifest: Manifest) -> bool:
        """Return whether what has changed since fits into memory; if it does not now, it never will again."""
        recent = bool(self._connection.value(_SQL["recent"], {"seq": manifest.seq, "most": self._most}))
        if not recent:
            log.get().info("segment_refused", path=str(path), why="too much has changed since; a newer one follows")
            self._refused.add(path)
        return recent

    def _opened(self, path: Path, manifest: Manifest, model: Model) -> Segment | None:
        """Return the segment, unless it is of another history, or broken."""
        change = self._connection.value(_SQL["change"], {"seq": manifest.seq})
        if change is None:
            return None  # this transaction is older than the segment
        if change != manifest.change or manifest.dimensions != model.dimensions:
            log.get().warning("segment_refused", path=str(path), why="it was made of another history")
            self._refused.add(path)
            return None
        try:
            return Segment(path, manifest)
        except (OSError, ValueError, RuntimeError) as error:
            if path.exists():
                log.get().warning("segment_refused", path=str(path), why=str(error))
                self._refused.add(path)
            return None

    def _changed(self, seq: int) -> list[int]:
        return [row for (row,) in self._connection.fetch(_SQL["changed"], {"seq": seq})]

    def _vectors(self, model: Model, rows: list[int]) -> list[tuple[Any, ...]]:
        values = {"model": model.id, "rows": rows}
        return self._connection.fetch(_SQL["vectors_of_rows"], values) if rows else []

    def _load(self, model: Model, but: Iterable[str] = ()) -> Partitions | None:
        """Return the vectors of all namespaces `but` some, in memory; None if they are too many."""
        excepted = list(but)
        if not excepted and model.vectors > self._most:
            return None
        loaded = Partitions(model.id, model.dimensions)
        values = {"model": model.id, "except": excepted}
        found = self._connection.each(_SQL["vectors_of_model"], values)
        while chunk := list(islice(found, _CHUNK)):
            _add(loaded, chunk, model.dimensions)
            if len(loaded) > self._most:
                return None
        return loaded


def _add(to: Partitions, found: Iterable[tuple[Any, ...]], dimensions: int) -> None:
    for namespace, vectors in groupby(sorted(found, key=itemgetter(0)), key=itemgetter(0)):
        _, rows, data = zip(*vectors, strict=True)
        to.add(namespace, rows, np.frombuffer(b"".join(data), "<f4").reshape(-1, dimensions))
