"""Ranking: how two rankings become one, and what of it is a page. Pure: no database here."""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Mapping, Sequence

CANDIDATES = 200  # of each ranking, at least
_SAME = 1e-6  # between two cosines, which rounding may make
_ENOUGH = 0.5  # of what words could say, that counts as all of it among few memories
FEW = 10  # memories: among so many, half of what words seem to say may be chance
CANDIDATES_PER_HIT = 10
# By model, the cosine from which on a memory has to do with a query: where `python -m bench floor` has measured it.
NEAR: Mapping[str, float] = {"all-MiniLM-L6-v2": 0.3}
COVERED = 0.5  # the part of a query's words which a memory has to have, that is not so near
JUDGED = 50  # memories whose words are looked at, of those that are not near: the best ones by words
HALF_LIFE_S = 30 * 86_400  # after which a memory counts half as new
_HYBRID_SHARE, _NEW_SHARE, _USE_SHARE = 0.7, 0.2, 0.1  # of the score of a ranked search
_KEYWORD_SHARE = 0.5  # of a hybrid score; the rest is meaning. Measured: clearly better than reciprocal rank fusion

Scores = Mapping[int, float]
"""Scores of memories by their row."""


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


def by_best(scores: Scores) -> dict[int, float]:
    """Return positive scores as parts of the best one."""
    best = max(scores.values(), default=1.0)
    return {row: score / best for row, score in scores.items()}


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
        return min(cosines.values(), default=0.0)
    return usual - abs(max(cosines.values()) - usual) / 2


def fuse(keyword: Scores, cosines: Scores, whole: float = 0.0, least: float | None = None) -> list[tuple[int, float]]:
    """Return the candidates of both rankings, best first, the nearer and then the newer first among equals.

    Scores are in [0, 1]. Half is the BM25 score as a part of `whole`, or of the best one; half the cosine between
    `least`, or the least of the candidates, and the greatest. A memory that matches no word, or has no vector yet, gets
    nothing for that half.
    """
    best = max(whole, max(keyword.values(), default=0.0)) or 1.0
    greatest = max(cosines.values(), default=0.0)
    if least is None:
        least = min(cosines.values(), default=0.0)
    spread = greatest - least
    fused = {row: _KEYWORD_SHARE * score / best for row, score in keyword.items()}
    for row, cosine in cosines.items():
        # Where all are equally near, all are the nearest.
        meaning = max(0.0, (cosine - least) / spread) if spread > _SAME else 1.0
        fused[row] = fused.get(row, 0.0) + (1 - _KEYWORD_SHARE) * meaning
    return sorted(fused.items(), key=lambda item: (-item[1], -cosines.get(item[0], -1.0), -item[0]))


def ranked(fused: Scores, created: Mapping[int, float], uses: Mapping[int, int], now: float) -> list[tuple[int, float]]:
    """Return the memories of a hybrid ranking by that, by how new they are, and by how often they were of use.

    created: when, in seconds since 1970, as `now` is. uses: how often, none where it is missing. Scores are in [0, 1].
    """
    most = math.log1p(max((uses.get(row, 0) for row in fused), default=0))
    return ordered(
        {
            row: _HYBRID_SHARE * score
            + _NEW_SHARE * 2 ** (-max(0.0, now - created[row]) / HALF_LIFE_S)
            + (_USE_SHARE * math.log1p(uses.get(row, 0)) / most if most else 0.0)
            for row, score in fused.items()
        }
    )


def near(
    scored: Sequence[tuple[int, float]], cosines: Scores, least: float, but: Container[int] = ()
) -> Sequence[tuple[int, float]]:
    """Return what is ranked without those whose cosine is known to be below `least`, unless they are in `but`."""
    return [hit for hit in scored if cosines.get(hit[0], least) >= least or hit[0] in but]


def cut(
    scored: Sequence[tuple[int, float]], offset: int, limit: int, least: float | None
) -> Sequence[tuple[int, float]]:
    """Return a page of what is ranked, without those whose score is below `least`."""
    return [hit for hit in scored[offset : offset + limit] if least is None or hit[1] >= least]


def ordered(scores: Scores) -> list[tuple[int, float]]:
    """Return the memories of `scores`, best first, newer first among equals."""
    return sorted(scores.items(), key=lambda item: (-item[1], -item[0]))
