"""The follower: brings the in-memory index to the very change that a reader's transaction stands at."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import apsw
import numpy as np
import orjson

from workers.index.partitions import Partitions
from workers.jobs import Alive
from workers.storage import engine, queries
from workers.storage.vectors import Model

_SQL = queries.load("search")
MOST_VECTORS = 200_000  # 300 MB at 384 dimensions; beyond that the tables answer
FAR_BEHIND = 4_096  # changed memories from which on loading everything is quicker
_CHUNK = 1_024  # vectors copied at once


class Follower:
    """One model's vectors in memory, as of the last transaction that asked."""

    def __init__(self, connection: apsw.Connection, most: int = MOST_VECTORS) -> None:
        self._connection = connection
        self._most = most
        self._partitions: Partitions | None = None

    def follow(self, model: Model, seq: int) -> Partitions | None:
        """Return the vectors of `model` as of change `seq`, where the transaction stands; None if they are too many.

        If it is interrupted it may be called again: each step forgets what it is about to load.
        """
        if model.vectors > self._most:
            self._partitions = None
            return None
        known = self._partitions
        if known is None or known.model != model.id or not self._catch_up(known, model):
            known = self._partitions = self._load(model)
        known.seq = seq
        return known

    def drifted(self, model: Model, seq: int, alive: Alive) -> tuple[int, list[int]] | None:
        """Compare what is in memory, after catching up, with the rows; None if nothing is kept in memory.

        Returns how many vectors were compared, and the rows of the memories whose vectors differ; 0 for those that
        only memory knows.
        """
        known = self.follow(model, seq)
        if known is None:
            return None
        different: list[int] = []
        compared = 0
        cursor = self._connection.execute(_SQL["vectors_of_model_in_order"], {"model": model.id})
        for (namespace, row), group in groupby(cursor, key=itemgetter(0, 1)):
            data = [embedding for _, _, embedding in group]
            compared += len(data)
            vectors = np.frombuffer(b"".join(data), "<f4").reshape(-1, model.dimensions)
            if known.drifted(namespace, row, vectors):
                different.append(row)
            alive()
        if not different and len(known) != compared:
            different.append(0)
        return compared, different

    def _catch_up(self, known: Partitions, model: Model) -> bool:
        """Apply what changed since `known`; return False if that is too much."""
        changed = [row for (row,) in engine.fetch(self._connection, _SQL["changed"], {"seq": known.seq})]
        if len(changed) > FAR_BEHIND:
            return False
        if changed:
            values = {"model": model.id, "rows": orjson.dumps(changed).decode()}
            found = engine.fetch(self._connection, _SQL["vectors_of_rows"], values)
            for row in changed:
                known.remove(row)
            _add(known, found, model.dimensions)
        return True

    def _load(self, model: Model) -> Partitions:
        loaded = Partitions(model.id, model.dimensions)
        cursor = self._connection.execute(_SQL["vectors_of_model"], {"model": model.id})
        while chunk := list(islice(cursor, _CHUNK)):
            _add(loaded, chunk, model.dimensions)
        return loaded


def _add(to: Partitions, found: Iterable[tuple[Any, ...]], dimensions: int) -> None:
    for namespace, vectors in groupby(sorted(found, key=itemgetter(0)), key=itemgetter(0)):
        _, rows, data = zip(*vectors, strict=True)
        to.add(namespace, rows, np.frombuffer(b"".join(data), "<f4").reshape(-1, dimensions))
