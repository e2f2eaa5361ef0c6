"""Fusion: the ranking by words and by meaning together, by what stands beside memories, and by cues of the question."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from memmux.wire.cues import Cue
from memmux.wire.requests import Mode, Search
from workers.index import bm25
from workers.index.interface import Rows, Vectors
from workers.index.neighbours import Neighbours
from workers.index.scores import Scores, merged, within
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading import ranking
from workers.storage.reading.cues import Cues, Question
from workers.storage.reading.hits import Found
from workers.storage.reading.parts import Parts
from workers.storage.reading.scope import Scope, Scopes
from workers.storage.reading.thread_search import Around
from workers.storage.reading.word_search import WordSearch
from workers.storage.records import links
from workers.storage.records.filters import Condition
from workers.words.stopwords import STOP_WORDS

_SQL = queries.load("search")


@dataclass(frozen=True, slots=True)
class Ahead:
    """What of a fusion needs no vector of the question.

    where: the condition of what it is among. words: the memories that have words of the question. around: what stands
    beside each memory, where that says something. worded: the best by words, and by what stands beside them.
    """

    where: Condition
    words: bm25.Scored
    around: Around | None
    worded: Scores
    question: Question


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What is ranked, by words and meaning. cosines: with what sets the query apart."""

    ranked: Parts
    cosines: Scores


class Fusion:
    """Fuses rankings, as a connection's transaction sees the memories.

    now: seconds since 1970, by which memories get older. cues: those that count where a search does not say which.
    """

    def __init__(
        self,
        connection: Connection,
        scopes: Scopes,
        word_search: WordSearch,
        now: Callable[[], float],
        cues: Collection[Cue],
    ) -> None:
        self._connection = connection
        self._scopes = scopes
        self._word_search = word_search
        self._now = now
        self._cues, self._usual_cues = Cues(connection), cues

    def ahead(self, asked: Search, where: Condition, words: bm25.Scored, beside: Neighbours | None, zone: str) -> Ahead:
        """Return what can be known before the vector of the question is there; zone: the time zone of who asks."""
        around = None if beside is None else Around.of(words, beside, asked.context_weight)
        scores = Scores(words.rows, words.scores) if around is None else around.words
        worded = self._scopes.best(scores, where, ranking.candidates(asked.limit, asked.offset))
        cues = self._usual_cues if asked.cues is None else asked.cues
        return Ahead(where, words, around, worded, Question.of(asked.query, cues, self._now(), zone))

    def found(
        self,
        asked: Search,
        ahead: Ahead,
        scope: Scope,
        query: Vectors,
        *,
        floor: float | None,
        degraded: tuple[str, ...],
    ) -> Found:
        """Return the best memories.

        scope: what it is among, by vectors. query: that of the question. floor: the cosine that leaves out what is not
        relevant. degraded: as of Found.
        """
        around, worded = ahead.around, ahead.worded
        candidates = self._candidates(asked, ahead, scope, query)
        fused, cosines = candidates.ranked, None
        if floor is not None or asked.min_similarity is not None:
            cosines = scope.similarities(query, np.sort(fused.rows))
        if floor is not None and cosines is not None:
            answers = partial(self._answers, asked.query, worded)
            own = worded.rows[within(worded.rows, ahead.words.rows)]
            relevant = ranking.relevant(fused, own, cosines, floor, answers)
            if around is not None:
                relevant = fused.only(within(fused.rows, around.near(relevant.rows)))
            if len(fused) and not len(relevant):
                return Found(asked.mode, relevant, degraded, index=scope.index, left_out=len(fused))
            fused = relevant
        if asked.min_similarity is not None and cosines is not None:
            fused = ranking.near(fused, cosines, asked.min_similarity)
        whole = 1.0 if around is None else around.whole
        more = whole * ranking.MOST_BESIDE if asked.mode is Mode.RANKED else 0.0
        fused = self._cues.added(fused, ahead.question, ahead.words, asked.depth, more).times(1 / whole)
        if asked.mode is Mode.RANKED:
            ranked = self._ranked(fused).best_first()
        else:
            ranked = fused.best_first(candidates.cosines.at(fused.rows, -1.0))
        if cosines is None:
            page = ranked.page(asked.offset, asked.limit, None)
            cosines = scope.similarities(query, np.sort(page.rows))
        return Found(asked.mode, ranked, degraded, cosines, scope.index)

    def _candidates(self, asked: Search, ahead: Ahead, scope: Scope, query: Vectors) -> _Candidates:
        """Return the best by words and by meaning, and what stands beside them."""
        where, found, around, worded = ahead.where, ahead.words, ahead.around, ahead.worded
        depth = ranking.candidates(asked.limit, asked.offset)
        apart, usual = scope.apart(query)
        nearest = scope.nearest(apart, max(depth, ranking.CANDIDATES + 1))
        cosines = Scores.of(nearest)
        cosines = cosines.beside(scope.similarities(apart, _without(worded.rows, cosines.rows)))
        whole = ranking.whole(worded.most, found.most, found.memories)
        fuse = partial(ranking.fuse, whole=whole, least=ranking.least(cosines, usual))
        fused = fuse(worded, cosines)
        if around is None:
            return _Candidates(fused, cosines)
        best = [row for row, _ in nearest[: ranking.CANDIDATES]]
        pool = merged(worded.best_first(ranking.CANDIDATES), np.array(best, np.int64))
        first = np.sort(fused.best_first().rows[:depth])
        hits = around.near(first)
        known = merged(worded.rows, cosines.rows, around.near(hits))
        cosines = cosines.beside(scope.similarities(apart, _without(known, cosines.rows)))
        fused = around.together(fuse(around.words.among(known), cosines), pool)
        if not where.plain:
            more = _without(hits, first)
            hits = merged(first, self._scopes.fitting(where, more))
        fused = fused.only(within(fused.rows, hits)).best_first().only(slice(2 * depth))
        return _Candidates(fused, cosines)

    def _answers(self, query: str, worded: Scores) -> bool:
        """Return whether one of the best memories by words has enough of those of a query that say something."""
        asked = frozenset(self._word_search.cut(query)) - STOP_WORDS
        wanted = {"rows": worded.best_first(ranking.JUDGED).tolist()}
        return any(
            ranking.covered(asked, self._word_search.words_of(content)) >= ranking.COVERED
            for _, content in self._connection.fetch(_SQL["contents"], wanted)
        )

    def _ranked(self, fused: Parts) -> Parts:
        found = fused.rows.tolist()
        created = dict(self._connection.fetch(_SQL["created"], {"rows": found}))
        return ranking.ranked(fused, created, links.uses(self._connection, found), self._now())


def _without(rows: Rows, others: Rows) -> Rows:
    """Return those of `rows` that are not among `others`, which are ascending."""
    return rows[~within(rows, others)]
