"""The reader's answers, whichever engine keeps the database; that begins and ends the snapshots they are read in."""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from memmux.wire import answers
from memmux.wire.answers import Change, Graph, Hit, Memory, Page, Verified
from memmux.wire.cues import Cue
from memmux.wire.requests import (
    Changes,
    Dump,
    Duplicates,
    Get,
    HealthRow,
    History,
    List,
    Namespaces,
    Search,
    Store,
    Superseded,
    Tags,
    Timeline,
)
from memmux.wire.requests import Graph as GraphRequest
from workers.embedding.interface import Named
from workers.runtime.jobs import Alive, silent
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.interface import Embeddings, SearchOutcome
from workers.storage.reading import as_of, counts, history, superseded, timeline, walks
from workers.storage.reading.duplicate_search import DuplicateSearch
from workers.storage.reading.log_follower import LogFollower
from workers.storage.reading.scope import Tables
from workers.storage.reading.search import MemorySearch
from workers.storage.reading.vector_follower import MOST_VECTORS, VectorFollower
from workers.storage.reading.word_index import WordIndex
from workers.storage.records import audits, dump, rows, vectors
from workers.storage.records.embeddings import Embedded
from workers.storage.records.filters import Deleted, condition
from workers.storage.records.namespaces import BodyT, Placed
from workers.storage.records.namespaces import Namespaces as Known

_SQL = queries.load("search")


class MemoryReader(ABC):
    """Answers questions; see `interface.Reader`. What it keeps in memory goes from snapshot to snapshot.

    word_index: says where words stand. tables: makes the index that compares vectors where they are. database: beside
    which the segments are. most_vectors: kept in memory. now: seconds since 1970, by which memories get older. cues:
    those of questions that count in rankings.
    """

    degraded: tuple[str, ...] = ()

    def __init__(
        self,
        connection: Connection,
        word_index: WordIndex,
        tables: Tables,
        database: Path,
        *,
        most_vectors: int = MOST_VECTORS,
        now: Callable[[], float] = time.time,
        cues: Collection[Cue] = tuple(Cue),
    ) -> None:
        self._connection = connection
        self._vector_follower = VectorFollower(connection, database, most_vectors)
        self._search = MemorySearch(connection, word_index, tables, self._vector_follower, now=now, cues=cues)
        self._log_follower = LogFollower(connection)
        self._alive: Alive = silent
        self._seq = 0

    @abstractmethod
    def snapshot(self, deadline: float, alive: Alive, *, min_seq: int = 0) -> AbstractContextManager[None]:
        """Begin a snapshot, and end it with the block; see `interface.Reader`."""

    def _begun(self, alive: Alive) -> None:
        """Answer as of the change where the transaction that has just begun stands: this first look is what pins it."""
        self._alive = alive
        self._seq = self._connection.value(_SQL["seq"])
        self._search.at(self._seq)

    @property
    def seq(self) -> int:
        """The change that the last snapshot stood at."""
        return self._seq

    @property
    def indexed(self) -> int:
        """How many vectors the segments that are in use were made of."""
        return self._vector_follower.in_segments

    def place(self, asked: BodyT, among: Sequence[str] | None = None) -> Placed[BodyT]:
        """Return a request with the namespaces that it means; see `interface.Reader`."""
        return Known(self._connection, among).place(asked)

    def get(self, asked: Get) -> Memory:
        """Return one memory, as it is or was; raise NotFoundError."""
        if asked.as_of is not None:
            return as_of.memory(self._connection, asked)
        (memory,) = rows.memories(self._connection, [rows.find(self._connection, asked.id, asked.namespace)])
        return memory

    def list(self, asked: List) -> Page:
        """Return a page of memories, newest first; of deleted ones, the last deleted first."""
        if asked.as_of is not None and asked.as_of < self._seq:
            then = as_of.page(self._connection, asked, self._log_follower.follow(self._seq))
            return replace(then, short=rows.shorts(self._connection, then)) if asked.short else then
        current = not asked.filter.include_superseded
        deleted = Deleted.ONLY if asked.deleted else Deleted.NO
        where = condition(
            asked.filter, current=current, unused_since=asked.unused_since, deleted=deleted, client=asked.client
        )
        total = self._connection.value(_SQL["count"].among(where.names), where.values)
        order = "last_deleted" if asked.deleted else "newest"
        page = self._search.scopes.rows(order, where, limit=asked.limit, offset=asked.offset)
        deletions = rows.deletions(self._connection, page) if asked.deleted else ()
        found = tuple(rows.memories(self._connection, page))
        short = rows.shorts(self._connection, found) if asked.short else {}
        return Page(memories=found, total=total, deletions=tuple(deletions), short=short)

    def search(self, asked: Search, query: Embeddings, zone: str = "") -> SearchOutcome:
        """Return the best memories for a query; see `interface.Reader`."""
        fitting = (lambda: self._fit(query())) if callable(query) else self._fit(query)
        found = self._search.search(asked, fitting, zone)
        return replace(found, short=rows.shorts(self._connection, map(_memory, found.hits))) if asked.short else found

    def similar(self, asked: Store, text: Sequence[Embedded]) -> Sequence[tuple[str, float]]:
        """Return ids and cosines of the memories that say nearly the same as one to be stored; see `similar`."""
        return self._search.similar(asked, self._fit(text))

    @property
    def model(self) -> Named | None:
        """The model whose vectors are searched; see `interface.Reader`."""
        return vectors.served(self._connection)

    def _fit(self, texts: Sequence[Embedded]) -> Embedded | None:
        """Return the embedding by the model whose vectors are searched, or else what there is."""
        name = current.name if len(texts) > 1 and (current := vectors.current(self._connection)) else ""
        return next((text for text in texts if text.model == name), next(iter(texts), None))

    def graph(self, asked: GraphRequest) -> Graph:
        """Return what is linked with a memory; raise NotFoundError."""
        return walks.walk(self._connection, asked)

    def history(self, asked: History) -> Sequence[Change]:
        """Return the changes of one memory, newest first; raise NotFoundError."""
        return history.history(self._connection, asked)

    def changes(self, asked: Changes) -> answers.Changes:
        """Return what happened after a change, oldest first."""
        return history.changes(self._connection, asked, self._seq)

    def namespaces(self, asked: Namespaces) -> answers.Namespaces:
        """Return the namespaces and how many memories each has."""
        return counts.namespaces(self._connection, asked)

    def tags(self, asked: Tags) -> answers.Tags:
        """Return the tags and how many memories each has."""
        return counts.tags(self._connection, asked)

    def timeline(self, asked: Timeline, zone: str = "") -> answers.Timeline:
        """Return what happened on each day; see `interface.Reader`."""
        return timeline.timeline(self._connection, asked, self._log_follower.follow(self._seq), zone)

    def duplicates(self, asked: Duplicates) -> answers.Duplicates:
        """Return groups of memories that say nearly the same."""
        return DuplicateSearch(self._connection, self._search.scopes, asked, self._alive).page()

    def superseded(self, asked: Superseded) -> answers.Superseded:
        """Return a page of memories that a newer version took the place of, newest first."""
        return superseded.superseded(self._connection, asked)

    def dump(self, asked: Dump) -> Mapping[str, object]:
        """Return a page of all memories as they are; see `dump.dump`."""
        return dump.dump(self._connection, asked)

    def unindexed(self, model: str, limit: int, skip: int) -> Sequence[tuple[str, str]]:
        """Return id and content of the oldest memories without vectors of `model`, at most `limit` after `skip`."""
        return self._connection.fetch(_SQL["unindexed"], {"name": model, "limit": limit, "skip": skip})

    def sample(self, model: str) -> tuple[int, Sequence[tuple[str, str]]] | None:
        """Return an open audit of `model`, and id and content of its sample; see `audits.sample`."""
        return audits.sample(self._connection, model)

    def verify(self) -> Verified:
        """Compare the vectors in memory with the rows, at the change where the snapshot stands."""
        current = vectors.current(self._connection)
        compared = None if current is None else self._vector_follower.drifted(current, self._seq, self._alive)
        found, different = compared or (0, [])
        return Verified(pid=os.getpid(), seq=self._seq, vectors=found, drifted=len(different))

    def missed(self, asked: HealthRow, texts: Sequence[Embedded]) -> Sequence[str]:
        """Return what a health check should have found and did not; see `interface.Reader`."""
        for text in texts:
            if (model := vectors.model(self._connection, text.model)) is not None:
                model.check(text.dimensions)
        found = {
            "row": self._has_row(asked),
            "meaning": self._search.finds_by_meaning(),
            "words": self._search.finds_by_words(),
        }
        return [name for name, well in found.items() if not well]

    def _has_row(self, asked: HealthRow) -> bool:
        """Return whether the row of a health check is seen, if one was written."""
        return asked.id is None or asked.id in str(self._connection.value(_SQL["health_check"])).split()

    def facts(self) -> dict[str, object]:
        """Return nothing: there are no servers; see `interface.Reader`."""
        return {}

    def idle(self, alive: Alive = silent) -> None:
        """Catch up with the change log, and get ready for as many vectors, so that the next search need not."""
        with self.snapshot(math.inf, alive):
            self._search.catch_up()
            if (model := vectors.current(self._connection)) is not None:
                self._vector_follower.follow(model, self._seq)
                self._vector_follower.tune()


def _memory(hit: Hit) -> Memory:
    return hit.memory
