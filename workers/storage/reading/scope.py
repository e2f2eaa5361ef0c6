"""Scope: the memories that a search is among, by a condition or by an index that knows more of them, or of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson

from memmux.wire.requests import Filter
from workers.index.alike import alike
from workers.index.interface import Index, Near, Rows, Scored, Vectors
from workers.index.partitions import Partitions
from workers.index.scores import Scores, within
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.vector_follower import VectorFollower
from workers.storage.records.filters import Condition, condition
from workers.storage.records.vectors import Model

_SQL = queries.load("search")

FEW = 256  # hidden memories, up to which as many more are asked for as there are
_LOOKED_AT = 500  # memories at once, the best first, for whether a filter lets them through
Tables = Callable[[Model, str | None], Index]
"""Makes the index that compares vectors where they are, of one namespace or of all, for too many to be in memory."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The memories of `index`, those in `allowed` only if that is given, without those in `hidden`."""

    index: Index
    allowed: Rows | None = None
    hidden: frozenset[int] = frozenset()

    @property
    def vectors(self) -> int | None:
        """How many vectors the index has; None where that is not known."""
        centre = self.index.centre
        return None if centre is None else centre.count

    def nearest(self, query: Vectors, k: int) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`."""
        if not self.hidden:
            return self.index.search(query, k, self.allowed)
        found = self.index.search(query, k + len(self.hidden), self.allowed)
        return [hit for hit in found if hit[0] not in self.hidden][:k]

    def alike(self, queries: Vectors, wanted: Near) -> Sequence[Scored]:
        """Return for each of the unit vectors `queries` the memories that are near."""
        if not self.hidden:
            return alike(self.index, queries, wanted, self.allowed)
        found = alike(self.index, queries, replace(wanted, k=wanted.k + len(self.hidden)), self.allowed)
        return [[hit for hit in hits if hit[0] not in self.hidden] for hits in found]

    def apart(self, query: Vectors) -> tuple[Vectors, float]:
        """Return what sets the unit vector `query` apart from all of the index, and the mean cosine with that."""
        centre = self.index.centre
        return (query, 0.0) if centre is None else centre.apart(query)

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending and in the scope, that has a vector."""
        return self.index.similarities(query, rows)


class Scopes:
    """What searches are among, as a connection's transaction sees it."""

    def __init__(self, connection: Connection, tables: Tables, vector_follower: VectorFollower) -> None:
        self._connection = connection
        self._tables = tables
        self._vector_follower = vector_follower
        self._seq = 0

    def at(self, seq: int) -> None:
        """Search as of the change where the transaction that has just begun stands."""
        self._seq = seq

    def where(self, asked: Filter) -> tuple[Condition, bool]:
        """Return the condition of a search, and whether no vectors are unverified."""
        superseded, unverified = self._connection.fetch(_SQL["rare"])[0]
        return condition(asked, current=bool(superseded) and not asked.include_superseded), not unverified

    def of(self, model: Model, asked: Filter, where: Condition) -> Scope:
        """Return the memories among which a search by meaning is."""
        partitions = self.partitions(model)
        index = self._index(model, asked, partitions)
        hidden = self._superseded(asked) if where.current else frozenset()
        if where.plain and len(hidden) <= FEW:
            return Scope(index, hidden=hidden)
        return Scope(index, self._allowed(where, hidden, in_memory=partitions is not None))

    def partitions(self, model: Model) -> Partitions | None:
        """Return the vectors of a model; None where they are in tables alone."""
        return self._vector_follower.follow(model, self._seq)

    def index(self, model: Model, asked: Filter) -> Index:
        """Return the index of the namespaces that a filter is about; several are chosen from all of them in tables."""
        return self._index(model, asked, self.partitions(model))

    def _index(self, model: Model, asked: Filter, partitions: Partitions | None) -> Index:
        name = asked.namespace if isinstance(asked.namespace, str) else None
        if partitions is None:
            return self._tables(model, name)
        if name is not None:
            return partitions.of(name)
        several = several_of(asked)
        return partitions.everywhere() if several is None else partitions.joined(several)

    def fitting(self, where: Condition, rows: Rows) -> Rows:
        """Return those of some memories that `where` lets through, ascending."""
        found = self.rows("those", where, rows=rows.tolist())
        return np.sort(np.array(found, np.int64))

    def best(self, scores: Scores, where: Condition, limit: int) -> Scores:
        """Return the `limit` best, newer ones among equals, of the memories that `where` lets through."""
        if where.plain and not where.current:
            return scores.best(limit)
        found, ahead, depth = np.empty(0, np.int64), scores.best_first(len(scores)), max(limit, _LOOKED_AT)
        while len(ahead) and len(found) < limit:
            piece, ahead, depth = ahead[:depth], ahead[depth:], 2 * depth
            found = np.concatenate((found, piece[within(piece, self.fitting(where, piece))]))
        return scores.among(np.sort(found[:limit]))

    def rows(self, name: str, where: Condition, **values: object) -> list[int]:
        """Return the rows that a query of `search.sql` finds among the memories that `where` lets through."""
        found = self._connection.fetch(_SQL[name].among(where.names), {**where.values, **values})
        return [row for (row,) in found]

    def _superseded(self, asked: Filter) -> frozenset[int]:
        single = asked.namespace if isinstance(asked.namespace, str) else None
        return frozenset(orjson.loads(self._connection.value(_SQL["superseded"], {"namespace": single})))

    def _allowed(self, where: Condition, hidden: frozenset[int], *, in_memory: bool) -> Rows:
        """Return the rows of the memories that `where` lets through, and maybe some that are not in the index anyway.

        in_memory: whether that is where the index is.
        """
        # What is in memory is live and of one namespace: no need to look at each memory, which costs far more.
        name = (where.by_tags if in_memory else "") or "rows"
        found = orjson.loads(self._connection.value(_SQL[name].among(where.names), where.values))
        return np.array([row for row in found if row not in hidden] if hidden else found, np.int64)


def several_of(asked: Filter) -> tuple[str, ...] | None:
    """Return the namespaces that a filter is about; None for all of them."""
    return (asked.namespace,) if isinstance(asked.namespace, str) else asked.namespace
