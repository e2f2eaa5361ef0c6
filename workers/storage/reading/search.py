"""The search of memories: by words, by meaning, or by both, inside the snapshot of a reader."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType

import apsw
import numpy as np
import orjson

from memmux.wire.answers import Hit, Memory
from memmux.wire.cues import Cue
from memmux.wire.requests import Filter, Mode, Search, Store
from workers.index import bm25
from workers.index.interface import Index, Rows, Vectors
from workers.index.neighbours import Neighbours
from workers.storage import similar
from workers.storage.db import engine, links, queries, rows, vectors
from workers.storage.db.embeddings import Embedded, mean
from workers.storage.db.filters import Condition, condition, folded, holds
from workers.storage.db.vec0_index import TableIndex
from workers.storage.db.vectors import Model
from workers.storage.interface import Query, SearchOutcome
from workers.storage.reading import parts, ranking, thread_search
from workers.storage.reading.cues import Cues, Question
from workers.storage.reading.parts import Parts
from workers.storage.reading.ranking import Scores
from workers.storage.reading.scope import FEW, Scope
from workers.storage.reading.thread_search import ThreadSearch
from workers.storage.reading.vector_follower import VectorFollower
from workers.storage.reading.word_search import WordSearch, best, scores_of
from workers.words.stopwords import STOP_WORDS

_SQL = queries.load("search")
INDEXING = "indexing"  # the code that says: some memories have no vector yet
OUTDATED = "words_outdated"  # and: words are cut otherwise here than where full text was made
UNVERIFIED = "vectors_unverified"  # and: some vectors were brought along, and may be another model's
_LOOKED_AT = 500  # memories at once, the best first, for whether a filter lets them through
_NONE: Scores = MappingProxyType({})
_SAME = 0.9999  # the cosine from which on two vectors are taken for one
_NEIGHBOURS = 10  # that a health check asks for
_WORDS = 8  # and by which it looks for a memory


@dataclass(frozen=True, slots=True)
class _Words:
    """The ranking by words: the best of what `bm25` has scored."""

    scores: dict[int, float]
    scored: bm25.Scored

    @property
    def whole(self) -> float:
        """The score that counts as all that words can say."""
        return ranking.whole(max(self.scores.values(), default=0.0), self.scored.most, self.scored.memories)


class MemorySearch:
    """Ranks the memories that a connection's transaction sees.

    vector_follower: gives the index of vectors at a change. now: seconds since 1970, by which memories get older.
    cues: those that count where a search does not say which.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        vector_follower: VectorFollower,
        now: Callable[[], float],
        cues: Collection[Cue] = tuple(Cue),
    ) -> None:
        self._connection = connection
        self._vector_follower = vector_follower
        self._now = now
        self._word_search = WordSearch(connection)
        self._cues, self._usual_cues = Cues(connection), cues
        self._threads = ThreadSearch(connection, self._word_search.follower)
        connection.create_scalar_function("holds", lambda *texts: holds(*map(str, texts)), 2, deterministic=True)
        self._seq = 0

    def at(self, seq: int) -> None:
        """Search as of the change where the transaction that has just begun stands."""
        self._seq = seq
        self._word_search.at(seq)
        self._threads.at(seq)

    def catch_up(self) -> None:
        """Be ready for a search by words, and in threads, at this change."""
        self._word_search.catch_up()
        self._threads.catch_up()

    def search(self, asked: Search, query: Query, zone: str = "") -> SearchOutcome:
        """Return the best memories for a query; see `interface.Reader`."""
        where, audited = self._where(asked.filter)
        outdated = () if self._word_search.agrees or asked.mode in (Mode.SEMANTIC, Mode.EXACT) else (OUTDATED,)
        worded = None
        if callable(query):
            if asked.mode.fuses:
                worded = self._scored(asked)  # while the query is being embedded
            query = query()
        if query is None or not asked.embeds:
            return self._by_words(asked, where, outdated)
        model = vectors.model(self._connection, query.model)
        pending = vectors.memories(self._connection) - (model.memories if model else 0)
        degraded = (*((INDEXING,) if pending else ()), *(() if audited else (UNVERIFIED,)), *outdated)
        if model is None or not model.vectors:
            return self._by_words(asked, where, degraded)
        model.check(query.dimensions)
        scope, direction = self._scope(model, asked.filter, where), mean(query.vectors)
        if not asked.mode.embeds:
            return self._by_words(asked, where, degraded, lambda found: scope.similarities(direction, found))
        if asked.mode is Mode.SEMANTIC:
            scored = scope.nearest(direction, asked.depth)
            ranked = Parts.of(parts.MEANING, scored)
            return self._found(asked, Mode.SEMANTIC, ranked, degraded, index=scope.index, cosines=dict(scored))
        if worded is None:
            worded = self._scored(asked)
        near = ranking.NEAR.get(model.name) if asked.only_relevant and asked.min_similarity is None else None
        floor = None if near is None else near.of(scope.count or model.vectors)
        beside = self._beside(asked, model)
        return self._fused(
            asked, where, scope, direction, worded, beside=beside, degraded=degraded, floor=floor, zone=zone
        )

    def _fused(
        self,
        asked: Search,
        where: Condition,
        scope: Scope,
        query: Vectors,
        found: bm25.Scored,
        *,
        beside: Neighbours | None,
        degraded: tuple[str, ...],
        floor: float | None,
        zone: str,
    ) -> SearchOutcome:
        """Return the best memories by words, meaning and cues, and by what stands beside them.

        found: those that have words of the query. floor: the cosine that leaves out what is not relevant. zone: the
        time zone of who asks.
        """
        depth, total = ranking.candidates(asked.limit, asked.offset), found
        cues = self._usual_cues if asked.cues is None else asked.cues
        question = Question.of(asked.query, cues, self._now(), zone)
        if beside is not None:
            total = thread_search.worded(found, beside, asked.context_weight)
        worded = self._best_by_words(total, where, depth)
        apart, usual = scope.apart(query)
        meaning = dict(scope.nearest(apart, max(depth, ranking.CANDIDATES + 1)))
        pool = [*islice(worded.scores, ranking.CANDIDATES), *islice(meaning, ranking.CANDIDATES)]
        meaning.update(scope.similarities(apart, [row for row in worded.scores if row not in meaning]))
        least = ranking.least(meaning, usual)
        fused = ranking.fuse(worded.scores, meaning, worded.whole, least)
        if beside is not None:
            fused = fused.best_first().only(slice(depth))
            hits = beside.around(np.sort(fused.rows))
            more = np.setdiff1d(beside.around(hits), fused.rows).tolist()
            meaning.update(scope.similarities(apart, more))
            words = scores_of(total, list({*worded.scores, *meaning, *more}))
            known = ranking.fuse(words, meaning, worded.whole, least)
            known = thread_search.together(known, (found, total), beside, asked.context_weight, best=pool)
            fused = self._let_through(known.only(np.isin(known.rows, hits)), where, more)
            fused = fused.best_first().only(slice(2 * depth))
        cosines: Scores = _NONE
        if floor is not None or asked.min_similarity is not None:
            cosines = scope.similarities(query, fused.rows.tolist())
        if floor is not None:
            answers = partial(self._answers, asked.query, worded)
            own = scores_of(found, list(worded.scores))
            relevant = ranking.relevant(fused, own, cosines, floor, answers)
            if beside is not None:
                relevant = fused.only(np.isin(fused.rows, beside.around(np.sort(relevant.rows))))
            if len(fused) and not len(relevant):
                return SearchOutcome(asked.mode, (), degraded, 0, type(scope.index).__name__, left_out=len(fused))
            fused = relevant
        if asked.min_similarity is not None:
            fused = ranking.near(fused, cosines, asked.min_similarity)
        whole = 1.0 if beside is None else thread_search.whole(asked.context_weight)
        more = whole * ranking.MOST_BESIDE if asked.mode is Mode.RANKED else 0.0
        fused = self._cues.added(fused, question, found, asked.depth, more).times(1 / whole)
        if asked.mode is Mode.RANKED:
            ranked = self._ranked(fused).best_first()
        else:
            ranked = fused.best_first(np.array([meaning.get(row, -1.0) for row in fused.rows.tolist()]))
        if not cosines:
            page = ranked.page(asked.offset, asked.limit, None)
            cosines = scope.similarities(query, page.rows.tolist())
        return self._found(asked, asked.mode, ranked, degraded, index=scope.index, cosines=cosines)

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
        near = [hit for hit in ranking.ordered(best) if hit[1] >= similar.least(model.name)][: similar.FOUND]
        wanted = {"rows": orjson.dumps([row for row, _ in near]).decode()}
        ids = dict(engine.fetch(self._connection, _SQL["ids"], wanted))
        return [(ids[row], cosine) for row, cosine in near]

    def finds_by_meaning(self) -> bool:
        """Return whether the index that searches use has the newest memory with a vector, and finds one by its own.

        An inverted file may miss a memory, so that one of a few is enough, or as many as are asked for that are the
        very same.
        """
        model = vectors.current(self._connection)
        known = [] if model is None else engine.fetch(self._connection, _SQL["known_vectors"], {"model": model.id})
        for number, (row, namespace, embedding) in enumerate(known):
            assert model is not None
            index, vector = self._index(model, Filter(namespace=namespace)), np.frombuffer(embedding, "<f4")
            if not number and index.similarities(vector, [row]).get(row, -1.0) < _SAME:
                return False
            found = index.search(vector, _NEIGHBOURS)
            if row in dict(found) or (len(found) == _NEIGHBOURS and found[-1][1] >= _SAME):
                return True
        return not known

    def finds_by_words(self) -> bool:
        """Return whether a memory is found by its first words that say something, if it has any."""
        for row, content in engine.fetch(self._connection, _SQL["known_words"]):
            return self._word_search.holds(row, content, _WORDS)
        return True

    def _where(self, asked: Filter) -> tuple[Condition, bool]:
        """Return the condition of a search, and whether no vectors are unverified."""
        superseded, unverified = engine.fetch(self._connection, _SQL["rare"])[0]
        return condition(asked, current=bool(superseded) and not asked.include_superseded), not unverified

    def _by_words(
        self,
        asked: Search,
        where: Condition,
        degraded: tuple[str, ...] = (),
        similarities: Callable[[Sequence[int]], Scores] = lambda _: {},
    ) -> SearchOutcome:
        """Return the best memories by words, or those that hold the query; similarities: their cosines, if any."""
        # Where a cosine decides which are left out, the best are among more than are asked for.
        depth = asked.depth if asked.min_similarity is None else ranking.candidates(asked.limit, asked.offset)
        if asked.mode is Mode.EXACT:
            held = self.rows("exact", where, query=folded(asked.query), limit=depth)
            scored = Parts.of(parts.WORDS, ((row, 1.0) for row in held))
        else:
            by_best = ranking.by_best(self._best_by_words(self._scored(asked), where, depth).scores)
            scored = Parts.of(parts.WORDS, by_best.items()).best_first()
        mode = Mode.EXACT if asked.mode is Mode.EXACT else Mode.KEYWORD
        return self._found(asked, mode, scored, degraded, cosines=similarities(scored.rows.tolist()))

    def _answers(self, query: str, worded: _Words) -> bool:
        """Return whether one of the best memories by words has enough of those of a query that say something."""
        asked = frozenset(self._word_search.cut(query)) - STOP_WORDS
        best_rows = [row for row, _ in ranking.ordered(worded.scores)[: ranking.JUDGED]]
        wanted = {"rows": orjson.dumps(best_rows).decode()}
        return any(
            ranking.covered(asked, self._word_search.words_of(content)) >= ranking.COVERED
            for _, content in engine.fetch(self._connection, _SQL["contents"], wanted)
        )

    def _ranked(self, fused: Parts) -> Parts:
        found = fused.rows.tolist()
        created = dict(engine.fetch(self._connection, _SQL["created"], {"rows": orjson.dumps(found).decode()}))
        return ranking.ranked(fused, created, links.uses(self._connection, found), self._now())

    def _scored(self, asked: Search) -> bm25.Scored:
        """Return the memories of the namespaces that have words of the query, and their BM25 scores."""
        return self._word_search.scored(asked.query, _several(asked.filter.namespace))

    def _best_by_words(self, scored: bm25.Scored, where: Condition, limit: int) -> _Words:
        """Return the scores, higher is better, of the `limit` best memories that `where` lets through."""
        if where.plain and not where.current:
            return _Words(best(scored, limit), scored)
        found: dict[int, float] = {}
        ahead, depth = best(scored, scored.rows.size), max(limit, _LOOKED_AT)
        ranked = list(ahead)
        while ranked and len(found) < limit:
            piece, ranked, depth = ranked[:depth], ranked[depth:], 2 * depth
            fit = self._fitting(where, piece)
            found.update((row, ahead[row]) for row in piece if row in fit)
        return _Words(dict(islice(found.items(), limit)), scored)

    def _beside(self, asked: Search, model: Model) -> Neighbours | None:
        """Return what stands beside each memory, where that is asked for and says something."""
        if not asked.context_weight:
            return None
        self._word_search.catch_up()
        partitions = self._vector_follower.follow(model, self._seq)
        return self._threads.neighbours(_several(asked.filter.namespace), partitions)

    def _let_through(self, fused: Parts, where: Condition, more: Sequence[int]) -> Parts:
        """Return what is ranked without those of some memories `more` that `where` does not let through."""
        if where.plain or not more:
            return fused
        hidden = set(more) - self._fitting(where, more)
        return fused.only(~np.isin(fused.rows, list(hidden)))

    def _fitting(self, where: Condition, rows: Sequence[int]) -> set[int]:
        """Return those of some memories that `where` lets through."""
        return set(self.rows("those", where, rows=orjson.dumps(rows).decode()))

    def _scope(self, model: Model, asked: Filter, where: Condition) -> Scope:
        """Return the memories among which a search by meaning is."""
        index = self._index(model, asked)
        hidden = self._superseded(asked) if where.current else frozenset()
        if where.plain and len(hidden) <= FEW:
            return Scope(index, hidden=hidden)
        return Scope(index, self._allowed(where, index, hidden))

    def _index(self, model: Model, asked: Filter) -> Index:
        partitions = self._vector_follower.follow(model, self._seq)
        if partitions is None:
            return TableIndex(self._connection, model, _single(asked.namespace))
        if asked.namespace is None:
            return partitions.everywhere()
        name = _single(asked.namespace)
        return partitions.joined(asked.namespace) if name is None else partitions.of(name)

    def _superseded(self, asked: Filter) -> frozenset[int]:
        found = engine.value(self._connection, _SQL["superseded"], {"namespace": _single(asked.namespace)})
        return frozenset(orjson.loads(found))

    def _allowed(self, where: Condition, index: Index, hidden: frozenset[int]) -> Rows:
        """Return the rows of the memories that `where` lets through, and maybe some that are not in `index` anyway."""
        # What is in memory is live and of one namespace: no need to look at each memory, which costs far more.
        name = "rows" if isinstance(index, TableIndex) else where.by_tags or "rows"
        found = orjson.loads(engine.value(self._connection, _SQL[name].format(where=where.sql), where.values))
        return np.array([row for row in found if row not in hidden] if hidden else found, np.int64)

    def rows(self, name: str, where: Condition, **values: str | int) -> Sequence[int]:
        """Return the rows that a query of `search.sql` finds among the memories that `where` lets through."""
        found = engine.fetch(self._connection, _SQL[name].format(where=where.sql), {**where.values, **values})
        return [row for (row,) in found]

    def _found(
        self,
        asked: Search,
        mode: Mode,
        scored: Parts,
        degraded: tuple[str, ...] = (),
        *,
        index: Index | None = None,
        cosines: Scores = _NONE,
    ) -> SearchOutcome:
        if asked.min_similarity is not None:
            scored = ranking.near(scored, cosines, asked.min_similarity)
        page = scored.page(asked.offset, asked.limit, asked.min_score)
        kept = rows.memories(self._connection, page.rows.tolist())
        whys = page.why() if asked.why else [None] * len(page)
        hits = tuple(
            Hit(score=score, similarity=cosines.get(row), memory=memory, why=why, **sides)
            for row, score, memory, why, sides in zip(
                page.rows.tolist(), page.total.tolist(), kept, whys, self._contexts(page, asked.context), strict=True
            )
        )
        return SearchOutcome(mode, hits, degraded, len(scored), "" if index is None else type(index).__name__)

    def _contexts(self, page: Parts, count: int) -> list[dict[str, tuple[Memory, ...]]]:
        """Return the `count` memories before and after each hit."""
        sides = [self._threads.context(row, count) if count else ((), ()) for row in page.rows.tolist()]
        wanted = list(dict.fromkeys(row for pair in sides for side in pair for row in side))
        known = dict(zip(wanted, rows.memories(self._connection, wanted) if wanted else (), strict=True))
        return [
            {name: tuple(known[row] for row in side) for name, side in zip(("before", "after"), pair, strict=True)}
            for pair in sides
        ]


def _several(namespace: str | tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the namespaces that a filter is about; None for all of them."""
    return (namespace,) if isinstance(namespace, str) else namespace


def _single(namespace: str | tuple[str, ...] | None) -> str | None:
    """Return the only namespace that a filter is about, if it is about one; several are chosen from all of them."""
    return namespace if isinstance(namespace, str) else None
