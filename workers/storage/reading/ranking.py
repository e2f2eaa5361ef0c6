"""Ranking: how two rankings become one, and what of it is a page. Pure: no database here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from workers.index.interface import Rows
from workers.index.scores import Scores, merged, within
from workers.storage.reading import parts
from workers.storage.reading.parts import Parts

CANDIDATES = 200  # of each ranking, at least
_SAME = 1e-6  # between two cosines, which rounding may make
_ENOUGH = 0.5  # of what words could say, that counts as all of it among few memories
FEW = 10  # memories: among so many, half of what words seem to say may be chance
CANDIDATES_PER_HIT = 10
COVERED = 0.5  # the part of a query's words which a memory has to have, where none is near
JUDGED = 50  # memories whose words are looked at then: the best ones by words
_FAR = 0.5  # of the cosine of what is near: below, a memory without any of the words is left out
HALF_LIFE_S = 30 * 86_400  # after which a memory counts half as new
_HYBRID_SHARE, _NEW_SHARE, _USE_SHARE = 0.7, 0.2, 0.1  # of the score of a ranked search
MOST_BESIDE = (_NEW_SHARE + _USE_SHARE) / _HYBRID_SHARE  # what a ranked score may have besides, of a hybrid one
_KEYWORD_SHARE = 0.5  # of a hybrid score; the rest is meaning. Measured: clearly better than reciprocal rank fusion
_LEAST_SCORE = 1e-300  # of a word; a part of less is no number


@dataclass(frozen=True, slots=True)
class Near:
    """The cosine from which on the nearest of some memories has to do with a query.

    Of more memories one comes nearer by chance: the largest of n normal values is about sqrt(2 ln n) deviations
    above their mean. mean, deviation: those of cosines of texts that have nothing to do with each other.
    """

    mean: float
    deviation: float

    def of(self, memories: int) -> float:
        """Return that among so many memories."""
        return self.mean + self.deviation * math.sqrt(2 * math.log(max(1, memories)))


NEAR: Mapping[str, Near] = {"all-MiniLM-L6-v2": Near(0.05, 0.085)}
"""By model, where `python -m bench floor` has measured it."""


def candidates(limit: int, offset: int = 0) -> int:
    """Return how many of the best of each ranking are candidates for `limit` hits of both, after `offset` others.

    A score depends on the candidates, so pages of one limit have as many for as long as these suffice.
    """
    count = max(CANDIDATES, CANDIDATES_PER_HIT * limit)
    while count < offset + limit:
        count *= 2
    return count


def covered(query: Collection[str], content: Collection[str]) -> float:
    """Return the part of the words of a query that a content has, both as they are cut; 0 where the query has none."""
    return sum(word in content for word in query) / len(query) if query else 0.0


def by_best(scores: Scores) -> Parts:
    """Return the candidates of a ranking by words, their positive scores as parts of the best one."""
    return Parts(scores.rows, {parts.WORDS: scores.values / (scores.most or 1.0)})


def whole(best: float, most: float, memories: int) -> float:
    """Return the BM25 score that counts as all that words can say.

    It is the best one. Among few memories any word is rare: there it is no less than a part of what a memory with all
    words of the query could have, so that one word in common by chance is not the same as an answer.
    """
    return max(best, _ENOUGH * most * FEW / (FEW + memories))


def least(cosines: Scores, usual: float) -> float:
    """Return the cosine that counts as none; usual: the mean one of the memories that are searched among.

    Where all of few memories are ranked, it is the least of theirs. Of many only the best are known, and how many of
    them depends on the page, on which no score shall depend. So it is below the mean by half of what the best is above
    it, which is about where the least one is.
    """
    if len(cosines) <= CANDIDATES:
        return cosines.least
    return usual - abs(cosines.most - usual) / 2


def fuse(keyword: Scores, cosines: Scores, whole: float = 0.0, least: float | None = None) -> Parts:
    """Return the candidates of both rankings by words and meaning.

    Scores are in [0, 1]. Half is the BM25 score as a part of `whole`, or of the best one; half the cosine between
    `least`, or the least of the candidates, and the greatest. A memory that matches no word, or has no vector yet, gets
    nothing for that half.
    """
    rows = merged(cosines.rows, keyword.rows)
    words = keyword.at(rows, 0.0) * (_KEYWORD_SHARE / max(whole, keyword.most, _LEAST_SCORE))
    near = cosines.at(rows, np.nan)
    if least is None:
        least = cosines.least
    spread = cosines.most - least
    # Where all are equally near, all are the nearest.
    part = np.maximum((near - least) / spread, 0.0) if spread > _SAME else np.ones(len(rows))
    meaning = (1 - _KEYWORD_SHARE) * np.where(np.isnan(near), 0.0, part)
    return Parts(rows, {parts.WORDS: words, parts.MEANING: meaning})


def ranked(fused: Parts, created: Mapping[int, float], uses: Mapping[int, int], now: float) -> Parts:
    """Return the memories of a hybrid ranking by that, by how new they are, and by how often they were of use.

    created: when, in seconds since 1970, as `now` is. uses: how often, none where it is missing.
    """
    rows = fused.rows.tolist()
    age = np.maximum(0.0, now - np.array([created[row] for row in rows]))
    used = np.log1p(np.array([uses.get(row, 0) for row in rows], np.float64))
    most = used.max(initial=0.0)
    found = fused.times(_HYBRID_SHARE).plus(parts.NEW, _NEW_SHARE * 2 ** (-age / HALF_LIFE_S))
    return found.plus(parts.USE, _USE_SHARE * used / most) if most else found


def relevant(fused: Parts, worded: Rows, cosines: Scores, floor: float, answers: Callable[[], bool]) -> Parts:
    """Return what has to do with a query: all but what is far and has none of its words, if anything has.

    worded: what has words of it, ascending. floor: the cosine from which on a memory has to do with it. answers:
    whether one has enough of the words, for where none is near. What has no vector is not judged.
    """
    if (cosines.most if len(cosines) else -1.0) < floor and not answers():
        return near(fused, cosines, floor)
    return fused.only((cosines.at(fused.rows, np.inf) >= _FAR * floor) | within(fused.rows, worded))


def near(scored: Parts, cosines: Scores, least: float) -> Parts:
    """Return what is ranked without those whose cosine is known to be below `least`."""
    return scored.only(cosines.at(scored.rows, least) >= least)
