"""The reader: questions to SQLite, each in one short transaction of a connection that can't write."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import numpy as np
import orjson

from memmux.wire import answers
from memmux.wire.answers import Change, Graph, Hit, Memory, Page, Verified
from memmux.wire.requests import Dump, Filter, Get, History, List, Mode, Namespaces, Search, Store, Tags
from memmux.wire.requests import Graph as GraphRequest
from workers.index.interface import Index, Rows
from workers.runtime.jobs import Alive, silent
from workers.storage import similar
from workers.storage.db import audits, dump, engine, file_identity, links, queries, rows, schema, vectors
from workers.storage.db.embeddings import Embedded, mean
from workers.storage.db.file_identity import Lineage
from workers.storage.db.filters import Condition, condition
from workers.storage.db.vectors import Model
from workers.storage.interface import SearchOutcome
from workers.storage.reading import counts, history, ranking, walks
from workers.storage.reading.scope import FEW, Scope
from workers.storage.reading.vec0_index import TableIndex
from workers.storage.reading.vector_follower import MOST_VECTORS, VectorFollower

_SQL = queries.load("search")
INDEXING = "indexing"  # the code that says: some memories have no vector yet
UNVERIFIED = "vectors_unverified"  # and: some vectors were brought along, and may be another model's


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The ranking by words that was made for a request, at a change, while its query was being embedded.

    asked: all that was asked for, so that it is of use to nobody who may ask for something else under the same id.
    """

    request: str
    asked: Search
    seq: int
    words: dict[int, float]


class SqliteReader:
    """Reads `database`, which a writer has made; keeps at most `most_vectors` of its vectors in memory.

    now: seconds since 1970, by which memories get older.
    """

    def __init__(
        self, database: Path, *, most_vectors: int = MOST_VECTORS, now: Callable[[], float] = time.time
    ) -> None:
        self._now = now
        self._database, self._lineage = database, Lineage.of(database)
        file_identity.refuse_exchanged(database)
        schema.refuse_foreign(database)
        schema.refuse_newer(database, schema.migrations())
        self._connection = engine.open_reader(database)
        self._connection.set_progress_handler(self._interrupted, engine.PROGRESS_STEPS)
        self._vector_follower = VectorFollower(self._connection, database, most_vectors)
        # The index sees the very tokens that the tokenizer of `texts` makes, before stemming, which FTS5 does itself.
        self._tokenizer = self._connection.fts5_tokenizer("unicode61", [])
        self._deadline = math.inf
        self._alive: Alive = silent
        self._seq = 0
        self._ahead: _Ahead | None = None

    @property
    def seq(self) -> int:
        """The change that the last snapshot stood at."""
        return self._seq

    @property
    def indexed(self) -> int:
        """How many vectors the segments that are in use were made of."""
        return self._vector_follower.in_segments

    @contextmanager
    def snapshot(self, deadline: float, alive: Alive) -> Iterator[None]:
        """Begin a read transaction, and end it with the block; see `interface.Reader`."""
        self._lineage.check(self._database)
        self._end_former()
        self._deadline, self._alive = deadline, alive
        with engine.errors():
            try:
                self._connection.execute("BEGIN")
                self._seq = engine.value(self._connection, _SQL["seq"])  # the first look is what pins the snapshot
                yield
            finally:
                self._deadline = math.inf
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def get(self, asked: Get) -> Memory:
        """Return one memory; raise NotFoundError."""
        (memory,) = rows.memories(self._connection, [rows.find(self._connection, asked.id, asked.namespace)])
        return memory

    def list(self, asked: List) -> Page:
        """Return a page of memories, newest first."""
        where = condition(asked.filter, current=not asked.filter.include_superseded)
        total = engine.value(self._connection, _SQL["count"].format(where=where.sql), where.values)
        page = self._rows("newest", where, limit=asked.limit, offset=asked.offset)
        return Page(memories=tuple(rows.memories(self._connection, page)), total=total)

    def search(self, asked: Search, query: Embedded | None, request: str = "") -> SearchOutcome:
        """Return the best memories for a query; see `interface.Reader`."""
        where, audited = self._where(asked.filter)
        if asked.mode is Mode.EXACT:
            newest = self._rows("exact", where, query=asked.query, limit=asked.depth)
            return self._found(asked, Mode.EXACT, [(row, 1.0) for row in newest])
        if asked.mode is Mode.KEYWORD or query is None:
            return self._by_keyword(asked, where)
        model = vectors.model(self._connection, query.model)
        pending = vectors.memories(self._connection) - (model.memories if model else 0)
        degraded = (*((INDEXING,) if pending else ()), *(() if audited else (UNVERIFIED,)))
        if model is None or not model.vectors:
            return self._by_keyword(asked, where, degraded)
        model.check(query.dimensions)
        scope, direction = self._scope(model, asked.filter, where), mean(query.vectors)
        if asked.mode is Mode.SEMANTIC:
            return self._found(asked, Mode.SEMANTIC, scope.nearest(direction, asked.depth), degraded, scope.index)
        depth = ranking.candidates(asked.limit, asked.offset)
        words = self._words(asked, where, depth, request)
        cosines = dict(scope.nearest(direction, depth))
        cosines.update(scope.similarities(direction, [row for row in words if row not in cosines]))
        fused = ranking.fuse(words, cosines)
        scored = self._ranked(fused) if asked.mode is Mode.RANKED else fused
        return self._found(asked, asked.mode, scored, degraded, scope.index)

    def similar(self, asked: Store, text: Embedded | None) -> Sequence[tuple[str, float]]:
        """Return ids and cosines of the memories that say nearly the same as one to be stored; see `similar`."""
        model = None if text is None else vectors.model(self._connection, text.model)
        if text is None or model is None or not model.vectors or model.dimensions != text.dimensions:
            return []
        among = Filter(namespace=asked.namespace)
        scope = self._scope(model, among, self._where(among)[0])
        best: dict[int, float] = {}
        for vector in text.vectors[: similar.WINDOWS]:
            for row, cosine in scope.nearest(vector, similar.FOUND):
                best[row] = max(cosine, best.get(row, -1.0))
        near = [hit for hit in ranking.ordered(best) if hit[1] >= similar.LEAST][: similar.FOUND]
        wanted = {"rows": orjson.dumps([row for row, _ in near]).decode()}
        ids = dict(engine.fetch(self._connection, _SQL["ids"], wanted))
        return [(ids[row], cosine) for row, cosine in near]

    def graph(self, asked: GraphRequest) -> Graph:
        """Return what is linked with a memory; raise NotFoundError."""
        return walks.walk(self._connection, asked)

    def history(self, asked: History) -> Sequence[Change]:
        """Return the changes of one memory, newest first; raise NotFoundError."""
        return history.history(self._connection, asked)

    def namespaces(self, asked: Namespaces) -> answers.Namespaces:
        """Return the namespaces and how many memories each has."""
        return counts.namespaces(self._connection, asked)

    def tags(self, asked: Tags) -> answers.Tags:
        """Return the tags and how many memories each has."""
        return counts.tags(self._connection, asked)

    def dump(self, asked: Dump) -> Mapping[str, object]:
        """Return a page of all memories as they are; see `dump.dump`."""
        return dump.dump(self._connection, asked)

    def unindexed(self, model: str, limit: int) -> Sequence[tuple[str, str]]:
        """Return id and content of the oldest memories without vectors of `model`, at most `limit`."""
        return engine.fetch(self._connection, _SQL["unindexed"], {"name": model, "limit": limit})

    def sample(self, model: str) -> tuple[int, Sequence[tuple[str, str]]] | None:
        """Return an open audit of `model`, and id and content of its sample; see `audits.sample`."""
        return audits.sample(self._connection, model)

    def verify(self) -> Verified:
        """Compare the vectors in memory with the rows, at the change where the snapshot stands."""
        current = vectors.current(self._connection)
        compared = None if current is None else self._vector_follower.drifted(current, self._seq, self._alive)
        found, different = compared or (0, [])
        return Verified(pid=os.getpid(), seq=self._seq, vectors=found, drifted=len(different))

    def idle(self, alive: Alive = silent) -> None:
        """Catch up with the change log, and get ready for as many vectors, so that the next search need not."""
        with self.snapshot(math.inf, alive):
            if (model := vectors.current(self._connection)) is not None:
                self._vector_follower.follow(model, self._seq)
                self._vector_follower.tune()

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()

    def prepare(self, asked: Search, request: str) -> None:
        """Rank by words ahead of a search by words and meaning; request: its id."""
        if asked.mode in (Mode.HYBRID, Mode.RANKED):
            (where, _), depth = self._where(asked.filter), ranking.candidates(asked.limit, asked.offset)
            self._ahead = _Ahead(request, asked, self._seq, self._keyword(asked.query, where, depth))

    def _words(self, asked: Search, where: Condition, depth: int, request: str) -> dict[int, float]:
        """Return the best memories by words, as they were when the request was prepared for, if it was.

        That was after it was sent, so nothing is missing that had been acknowledged before; what was deleted or changed
        since, and no longer fits, is left out.
        """
        ahead = self._ahead
        if ahead is None or not request or (ahead.request, ahead.asked) != (request, asked):
            return self._keyword(asked.query, where, depth)
        if ahead.seq == self._seq:
            return ahead.words
        fit = set(self._rows("those", where, rows=orjson.dumps(list(ahead.words)).decode()))
        return {row: score for row, score in ahead.words.items() if row in fit}

    def _where(self, asked: Filter) -> tuple[Condition, bool]:
        """Return the condition of a search, and whether no vectors are unverified."""
        superseded, unverified = engine.fetch(self._connection, _SQL["rare"])[0]
        return condition(asked, current=bool(superseded) and not asked.include_superseded), not unverified

    def _by_keyword(self, asked: Search, where: Condition, degraded: tuple[str, ...] = ()) -> SearchOutcome:
        scores = ranking.by_best(self._keyword(asked.query, where, asked.depth))
        return self._found(asked, Mode.KEYWORD, ranking.ordered(scores), degraded)

    def _ranked(self, fused: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
        scores = dict(fused)
        wanted = {"rows": orjson.dumps(list(scores)).decode()}
        created = dict(engine.fetch(self._connection, _SQL["created"], wanted))
        return ranking.ranked(scores, created, links.uses(self._connection, list(scores)), self._now())

    def _keyword(self, query: str, where: Condition, limit: int) -> dict[int, float]:
        """Return the BM25 scores, higher is better, of the `limit` best memories that `where` lets through."""
        tokens = self._tokenizer(
            query.encode(), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False, include_colocated=False
        )
        matching = ranking.match(map(str, tokens))
        if not matching:
            return {}
        values = {**where.values, "match": matching, "limit": limit}
        # The full-text index holds live memories alone: where there is no other namespace there is nothing to check.
        alone = where.plain and not where.current and self._alone(where)
        name = "keyword_everywhere" if alone else "keyword"
        return dict(engine.fetch(self._connection, _SQL[name].format(where=where.sql), values))

    def _alone(self, where: Condition) -> bool:
        """Return whether all live memories are in the namespaces that are asked for."""
        if not where.values:
            return not self._canaries()
        return bool(engine.value(self._connection, _SQL["alone"], where.values))

    def _scope(self, model: Model, asked: Filter, where: Condition) -> Scope:
        """Return the memories among which a search by meaning is."""
        index = self._index(model, asked)
        hidden = self._superseded(asked) if where.current else frozenset()
        if asked.namespace is None:
            hidden |= self._canaries()
        if where.plain and len(hidden) <= FEW:
            return Scope(index, hidden=hidden)
        return Scope(index, self._allowed(where, index, hidden))

    def _index(self, model: Model, asked: Filter) -> Index:
        partitions = self._vector_follower.follow(model, self._seq)
        if partitions is None:
            return TableIndex(self._connection, model, _single(asked.namespace))
        name = _single(asked.namespace)
        return partitions.everywhere() if name is None else partitions.of(name)

    def _canaries(self) -> frozenset[int]:
        """Return the router's own memories, of which hardly ever there is one."""
        return frozenset(orjson.loads(engine.value(self._connection, _SQL["canaries"])))

    def _superseded(self, asked: Filter) -> frozenset[int]:
        found = engine.value(self._connection, _SQL["superseded"], {"namespace": _single(asked.namespace)})
        return frozenset(orjson.loads(found))

    def _allowed(self, where: Condition, index: Index, hidden: frozenset[int]) -> Rows:
        """Return the rows of the memories that `where` lets through, and maybe some that are not in `index` anyway."""
        # What is in memory is live and of one namespace: no need to look at each memory, which costs far more.
        name = "rows" if isinstance(index, TableIndex) else where.by_tags or "rows"
        found = orjson.loads(engine.value(self._connection, _SQL[name].format(where=where.sql), where.values))
        return np.array([row for row in found if row not in hidden] if hidden else found, np.int64)

    def _rows(self, name: str, where: Condition, **values: str | int) -> Sequence[int]:
        found = engine.fetch(self._connection, _SQL[name].format(where=where.sql), {**where.values, **values})
        return [row for (row,) in found]

    def _found(
        self,
        asked: Search,
        mode: Mode,
        scored: Sequence[tuple[int, float]],
        degraded: tuple[str, ...] = (),
        index: Index | None = None,
    ) -> SearchOutcome:
        page = ranking.cut(scored, asked.offset, asked.limit, asked.min_score)
        kept = rows.memories(self._connection, [row for row, _ in page])
        hits = tuple(Hit(score=score, memory=memory) for (_, score), memory in zip(page, kept, strict=True))
        return SearchOutcome(mode, hits, degraded, len(scored), "" if index is None else type(index).__name__)

    def _end_former(self) -> None:
        """Make sure that the snapshot before is over, or this one would be of the same moment.

        A read that was left in the middle keeps it open, beyond ROLLBACK, for as long as its cursor lives: in the
        frames of the error's traceback, for one, which may be in a cycle with the error.
        """
        if self._connection.txn_state("main") != apsw.SQLITE_TXN_NONE:
            gc.collect()
            if self._connection.txn_state("main") != apsw.SQLITE_TXN_NONE:
                raise RuntimeError("a former read is still open")  # no answer is better than an old one

    def _interrupted(self) -> bool:
        """Say that this worker is alive, and whether SQLite shall stop; SQLite asks about once a millisecond."""
        self._alive()
        return time.monotonic() >= self._deadline


def _single(namespace: str | tuple[str, ...] | None) -> str | None:
    """Return the only namespace that a filter is about, if it is about one; several are chosen from all of them."""
    return namespace if isinstance(namespace, str) else None
