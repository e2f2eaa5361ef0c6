"""The reader: questions to SQLite, each in one short transaction of a connection that can't write."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import numpy as np
import orjson

from memmux.models import Change, Hit, Memory, Page, Verified
from memmux.requests import Dump, Filter, Get, History, List, Mode, Search
from workers.index.interface import Index, Rows
from workers.jobs import Alive, silent
from workers.storage import dump, engine, history, lineage, queries, ranking, rows, schema, vectors
from workers.storage.embeddings import Embedded, mean
from workers.storage.filters import Condition, condition
from workers.storage.follower import MOST_VECTORS, Follower
from workers.storage.interface import Found
from workers.storage.knn import TableIndex
from workers.storage.lineage import Lineage
from workers.storage.vectors import Model

_SQL = queries.load("search")
INDEXING = "indexing"  # the code that says: some memories have no vector yet


class SqliteReader:
    """Reads `database`, which a writer has made; keeps at most `most_vectors` of its vectors in memory."""

    def __init__(self, database: Path, *, most_vectors: int = MOST_VECTORS) -> None:
        self._database, self._lineage = database, Lineage.of(database)
        lineage.refuse_exchanged(database)
        schema.refuse_foreign(database)
        schema.refuse_newer(database, schema.migrations())
        self._connection = engine.open_reader(database)
        self._connection.set_progress_handler(self._interrupted, engine.PROGRESS_STEPS)
        self._follower = Follower(self._connection, database, most_vectors)
        # The index sees the very tokens that the tokenizer of `texts` makes, before stemming, which FTS5 does itself.
        self._tokenizer = self._connection.fts5_tokenizer("unicode61", [])
        self._deadline = math.inf
        self._alive: Alive = silent
        self._seq = 0
        self._ahead: tuple[tuple[object, ...], dict[int, float]] = (), {}

    @property
    def seq(self) -> int:
        """The change that the last snapshot stood at."""
        return self._seq

    @property
    def indexed(self) -> int:
        """How many vectors the segments that are in use were made of."""
        return self._follower.in_segments

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
        where = condition(asked.filter)
        total = engine.value(self._connection, _SQL["count"].format(where=where.sql), where.values)
        page = self._rows("newest", where, limit=asked.limit, offset=asked.offset)
        return Page(memories=tuple(rows.memories(self._connection, page)), total=total)

    def search(self, asked: Search, query: Embedded | None) -> Found:
        """Return the best memories for a query; see `interface.Reader`."""
        where = condition(asked.filter)
        if asked.mode is Mode.EXACT:
            newest = self._rows("exact", where, query=asked.query, limit=asked.limit)
            return self._found(Mode.EXACT, [(row, 1.0) for row in newest])
        if asked.mode is Mode.KEYWORD or query is None:
            return self._by_keyword(asked, where)
        model = vectors.model(self._connection, query.model)
        pending = vectors.memories(self._connection) - (model.memories if model else 0)
        degraded = (INDEXING,) if pending else ()
        if model is None or not model.vectors:
            return self._by_keyword(asked, where, degraded)
        model.check(query.dimensions)
        index, direction = self._index(model, asked.filter), mean(query.vectors)
        allowed = None if where.plain else self._allowed(where, index)
        if asked.mode is Mode.SEMANTIC:
            return self._found(Mode.SEMANTIC, index.search(direction, asked.limit, allowed), degraded)
        depth = ranking.candidates(asked.limit)
        known, words = self._ahead
        if known != self._key(asked.query, where, depth):
            words = self._keyword(asked.query, where, depth)
        cosines = dict(index.search(direction, depth, allowed))
        cosines.update(index.similarities(direction, [row for row in words if row not in cosines]))
        return self._found(Mode.HYBRID, ranking.fuse(words, cosines)[: asked.limit], degraded)

    def history(self, asked: History) -> Sequence[Change]:
        """Return the changes of one memory, newest first; raise NotFoundError."""
        return history.history(self._connection, asked)

    def dump(self, asked: Dump) -> Mapping[str, object]:
        """Return a page of all memories as they are; see `dump.dump`."""
        return dump.dump(self._connection, asked)

    def unindexed(self, model: str, limit: int) -> Sequence[tuple[str, str]]:
        """Return id and content of the oldest memories without vectors of `model`, at most `limit`."""
        return engine.fetch(self._connection, _SQL["unindexed"], {"name": model, "limit": limit})

    def verify(self) -> Verified:
        """Compare the vectors in memory with the rows, at the change where the snapshot stands."""
        current = vectors.current(self._connection)
        compared = None if current is None else self._follower.drifted(current, self._seq, self._alive)
        found, different = compared or (0, [])
        return Verified(pid=os.getpid(), seq=self._seq, vectors=found, drifted=len(different))

    def idle(self, alive: Alive = silent) -> None:
        """Catch up with the change log, and get ready for as many vectors, so that the next search need not."""
        with self.snapshot(math.inf, alive):
            if (model := vectors.current(self._connection)) is not None:
                self._follower.follow(model, self._seq)
                self._follower.tune()

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()

    def prepare(self, asked: Search) -> None:
        """Rank by words ahead of a hybrid search, which uses it if nothing was written in between."""
        if asked.mode is Mode.HYBRID:
            where, depth = condition(asked.filter), ranking.candidates(asked.limit)
            self._ahead = self._key(asked.query, where, depth), self._keyword(asked.query, where, depth)

    def _key(self, query: str, where: Condition, limit: int) -> tuple[object, ...]:
        """Return all that a ranking by words depends on."""
        return self._seq, query, where.sql, tuple(where.values.items()), limit

    def _by_keyword(self, asked: Search, where: Condition, degraded: tuple[str, ...] = ()) -> Found:
        scores = ranking.by_best(self._keyword(asked.query, where, asked.limit))
        return self._found(Mode.KEYWORD, ranking.ordered(scores), degraded)

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
        alone = where.plain and engine.value(self._connection, _SQL["alone"], where.values)
        name = "keyword_everywhere" if alone else "keyword"
        return dict(engine.fetch(self._connection, _SQL[name].format(where=where.sql), values))

    def _index(self, model: Model, asked: Filter) -> Index:
        partitions = self._follower.follow(model, self._seq)
        if partitions is None:
            return TableIndex(self._connection, model, asked.namespace)
        return partitions.of(asked.namespace)

    def _allowed(self, where: Condition, index: Index) -> Rows:
        """Return the rows of the memories that `where` lets through, and maybe some that are not in `index` anyway."""
        # What is in memory is live and of one namespace: no need to look at each memory, which costs far more.
        name = "rows" if isinstance(index, TableIndex) else where.by_tags or "rows"
        found = engine.value(self._connection, _SQL[name].format(where=where.sql), where.values)
        return np.array(orjson.loads(found), np.int64)

    def _rows(self, name: str, where: Condition, **values: str | int) -> Sequence[int]:
        found = engine.fetch(self._connection, _SQL[name].format(where=where.sql), {**where.values, **values})
        return [row for (row,) in found]

    def _found(self, mode: Mode, scored: Sequence[tuple[int, float]], degraded: tuple[str, ...] = ()) -> Found:
        kept = rows.memories(self._connection, [row for row, _ in scored])
        hits = tuple(Hit(score=score, memory=memory) for (_, score), memory in zip(scored, kept, strict=True))
        return Found(mode, hits, degraded)

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
