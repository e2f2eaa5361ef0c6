"""The search of memories: by words, by meaning, or by both, inside the snapshot of a reader."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from memmux.wire.cues import Cue
from memmux.wire.requests import Filter, Mode, Search, Store
from workers.index import bm25
from workers.index.interface import Rows
from workers.index.neighbours import Neighbours
from workers.index.scores import Scores
from workers.storage import queries, similar
from workers.storage.connection import Connection
from workers.storage.interface import Query, SearchOutcome
from workers.storage.reading import parts, ranking
from workers.storage.reading.fusion import Ahead, Fusion
from workers.storage.reading.hits import Found
from workers.storage.reading.parts import Parts
from workers.storage.reading.scope import Scope, Scopes, Tables, several_of
from workers.storage.reading.thread_search import ThreadSearch
from workers.storage.reading.vector_follower import VectorFollower
from workers.storage.reading.word_index import WordIndex
from workers.storage.reading.word_search import WordSearch
from workers.storage.records import vectors
from workers.storage.records.embeddings import Embedded, mean
from workers.storage.records.filters import Condition, folded, holds
from workers.storage.records.vectors import Model

_SQL = queries.load("search")
INDEXING = "indexing"  # the code that says: some memories have no vector yet
OUTDATED = "words_outdated"  # and: words are cut otherwise here than where full text was made
UNVERIFIED = "vectors_unverified"  # and: some vectors were brought along, and may be another model's
_SAME = 0.9999  # the cosine from which on two vectors are taken for one
_NEIGHBOURS = 10  # that a health check asks for
_WORDS = 8  # and by which it looks for a memory
_PIECE = 500  # memories whose contents are looked at, at once


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a search by vectors of a model needs beside that of its query.

    pending: how many memories have no vector of it. scope: what it is among; None where there are no vectors. ahead:
    what its fusion needs, where it has one.
    """

    model: Model | None
    pending: int
    scope: Scope | None = None
    ahead: Ahead | None = None


class MemorySearch:
    """Ranks the memories that a connection's transaction sees.

    word_index: says where words stand. tables: makes the index that compares vectors where they are. vector_follower:
    gives the index of those in memory at a change. now: seconds since 1970, by which memories get older.
    cues: those that count where a search does not say which.
    """

    def __init__(
        self,
        connection: Connection,
        word_index: WordIndex,
        tables: Tables,
        vector_follower: VectorFollower,
        *,
        now: Callable[[], float],
        cues: Collection[Cue] = tuple(Cue),
    ) -> None:
        self._connection = connection
        self.scopes = Scopes(connection, tables, vector_follower)
        self._word_search = WordSearch(connection, word_index)
        self._fusion = Fusion(connection, self.scopes, self._word_search, now, cues)
        self._threads = ThreadSearch(connection, self._word_search.follower)

    def at(self, seq: int) -> None:
        """Search as of the change where the transaction that has just begun stands."""
        self.scopes.at(seq)
        self._word_search.at(seq)
        self._threads.at(seq)

    def catch_up(self) -> None:
        """Be ready for a search by words, and in threads, at this change."""
        self._word_search.catch_up()
        self._threads.catch_up()

    def search(self, asked: Search, query: Query, zone: str = "") -> SearchOutcome:
        """Return the best memories for a query; see `interface.Reader`."""
        return self._found(asked, query, zone).outcome(asked, self._connection, self._threads)

    def _found(self, asked: Search, query: Query, zone: str) -> Found:
        where, audited = self.scopes.where(asked.filter)
        outdated = () if asked.mode in (Mode.SEMANTIC, Mode.EXACT) or self._word_search.agrees else (OUTDATED,)
        ready = None
        if callable(query):
            ready = self._ready(asked, where, vectors.current(self._connection), zone)  # while it is being embedded
            query = query()
        if query is None or not asked.embeds:
            return self._by_words(asked, where, outdated)
        if ready is None or ready.model is None or ready.model.name != query.model:
            ready = self._ready(asked, where, vectors.model(self._connection, query.model), zone)
        model, scope = ready.model, ready.scope
        degraded = (*((INDEXING,) if ready.pending else ()), *(() if audited else (UNVERIFIED,)), *outdated)
        if model is None or scope is None:
            return self._by_words(asked, where, degraded)
        model.check(query.dimensions)
        direction = mean(query.vectors)
        if not asked.mode.embeds:
            return self._by_words(asked, where, degraded, lambda found: scope.similarities(direction, found))
        if ready.ahead is None:
            scored = scope.nearest(direction, asked.depth)
            return Found(Mode.SEMANTIC, Parts.of(parts.MEANING, scored), degraded, Scores.of(scored), scope.index)
        near = ranking.NEAR.get(model.name) if asked.only_relevant and asked.min_similarity is None else None
        floor = None if near is None else near.of(self._count(asked, scope))
        return self._fusion.found(asked, ready.ahead, scope, direction, floor=floor, degraded=degraded)

    def _count(self, asked: Search, scope: Scope) -> int:
        """Return among how many vectors a search is, or among how many memories where those are fewer, or all known.

        The rows that a filter allows may be those of other namespaces, and of deleted memories, which don't count.
        """
        if scope.allowed is None and scope.vectors is not None:
            return scope.vectors
        memories = self._word_search.count(several_of(asked.filter), scope.allowed)
        return memories if scope.vectors is None else min(scope.vectors, memories)

    def _ready(self, asked: Search, where: Condition, model: Model | None, zone: str) -> _Ready:
        """Return what a search by vectors of a model needs beside that of its query."""
        pending = vectors.memories(self._connection) - (model.memories if model else 0)
        if model is None or not model.vectors:
            return _Ready(model, pending)
        ahead = None
        if asked.mode.fuses:
            words = self._scored(asked)
            ahead = self._fusion.ahead(asked, where, words, self._beside(asked, model), zone)
        return _Ready(model, pending, self.scopes.of(model, asked.filter, where), ahead)

    def similar(self, asked: Store, text: Embedded | None) -> Sequence[tuple[str, float]]:
        """Return ids and cosines of the memories that say nearly the same as one to be stored; see `similar`."""
        model = None if text is None else vectors.model(self._connection, text.model)
        if text is None or model is None or not model.vectors or model.dimensions != text.dimensions:
            return []
        among = Filter(namespace=asked.namespace)
        scope = self.scopes.of(model, among, self.scopes.where(among)[0])
        best: dict[int, float] = {}
        for vector in text.vectors[: similar.WINDOWS]:
            for row, cosine in scope.nearest(vector, similar.FOUND):
                best[row] = max(cosine, best.get(row, -1.0))
        near = [(cosine, row) for row, cosine in best.items() if cosine >= similar.least(model.name)]
        near = sorted(near, reverse=True)[: similar.FOUND]
        wanted = {"rows": [row for _, row in near]}
        ids = dict(self._connection.fetch(_SQL["ids"], wanted))
        return [(ids[row], cosine) for cosine, row in near]

    def finds_by_meaning(self) -> bool:
        """Return whether the index that searches use has the newest memory with a vector, and finds one by its own.

        An inverted file may miss a memory, so that one of a few is enough, or as many as are asked for that are the
        very same.
        """
        model = vectors.current(self._connection)
        known = [] if model is None else self._connection.fetch(_SQL["known_vectors"], {"model": model.id})
        for number, (row, namespace, embedding) in enumerate(known):
            assert model is not None
            index, vector = self.scopes.index(model, Filter(namespace=namespace)), np.frombuffer(embedding, "<f4")
            itself = index.similarities(vector, np.array([row]))
            if not number and not (len(itself) and itself.most >= _SAME):
                return False
            found = index.search(vector, _NEIGHBOURS)
            if row in dict(found) or (len(found) == _NEIGHBOURS and found[-1][1] >= _SAME):
                return True
        return not known

    def finds_by_words(self) -> bool:
        """Return whether a memory is found by its first words that say something, if it has any."""
        for row, content in self._connection.fetch(_SQL["known_words"]):
            return self._word_search.holds(row, content, _WORDS)
        return True

    def _by_words(
        self,
        asked: Search,
        where: Condition,
        degraded: tuple[str, ...] = (),
        similarities: Callable[[Rows], Scores] | None = None,
    ) -> Found:
        """Return the best memories by words, or those that hold the query; similarities: gives their cosines."""
        # Where a cosine decides which are left out, the best are among more than are asked for.
        depth = asked.depth if asked.min_similarity is None else ranking.candidates(asked.limit, asked.offset)
        if asked.mode is Mode.EXACT:
            ranked = Parts.of(parts.WORDS, ((row, 1.0) for row in self._holding(asked, where, depth)))
        else:
            found = self._scored(asked)
            ranked = ranking.by_best(self.scopes.best(Scores(found.rows, found.scores), where, depth)).best_first()
        mode = Mode.EXACT if asked.mode is Mode.EXACT else Mode.KEYWORD
        cosines = None if similarities is None else similarities(np.sort(ranked.rows))
        return Found(mode, ranked, degraded, cosines)

    def _holding(self, asked: Search, where: Condition, most: int) -> list[int]:
        """Return the newest memories that hold the query, at most so many."""
        ahead, query = self.scopes.rows("all_newest_first", where), folded(asked.query)
        found: list[int] = []
        for first in range(0, len(ahead), _PIECE):
            piece = ahead[first : first + _PIECE]
            texts = self._connection.each(_SQL["contents"], {"rows": piece})
            held = {row for row, content in texts if holds(content, query)}
            found += [row for row in piece if row in held]
            if len(found) >= most:
                break
        return found[:most]

    def _scored(self, asked: Search) -> bm25.Scored:
        """Return the memories of the namespaces that have words of the query, and their BM25 scores."""
        return self._word_search.scored(asked.query, several_of(asked.filter))

    def _beside(self, asked: Search, model: Model) -> Neighbours | None:
        """Return what stands beside each memory, where that is asked for and says something."""
        if not asked.context_weight:
            return None
        self._word_search.catch_up()
        return self._threads.neighbours(several_of(asked.filter), self.scopes.partitions(model))
