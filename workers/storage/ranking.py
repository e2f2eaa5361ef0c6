"""Ranking: how a query becomes words to match, and how two rankings become one. Pure: no database here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workers.storage.stopwords import STOP_WORDS

TERMS = 256  # different words of a query that are looked for; each more costs a merge of everything it matches
CANDIDATES = 200  # of each ranking, at least
CANDIDATES_PER_HIT = 10
_KEYWORD_SHARE = 0.5  # of a hybrid score; the rest is meaning. Measured: clearly better than reciprocal rank fusion

Scores = Mapping[int, float]
"""Scores of memories by their row."""


def candidates(limit: int) -> int:
    """Return how many of the best of each ranking are candidates for `limit` hits of both."""
    return max(CANDIDATES, CANDIDATES_PER_HIT * limit)


def match(tokens: Iterable[str]) -> str:
    """Return the FTS5 query for memories with any of `tokens`; stop words are left out unless nothing remains.

    tokens: as the index's own tokenizer cut them, so quoting is all that is needed. Empty when there are none.
    """
    distinct = list(dict.fromkeys(tokens))
    telling = [token for token in distinct if token not in STOP_WORDS] or distinct
    return " OR ".join(f'"{token}"' for token in telling[:TERMS])


def by_best(scores: Scores) -> dict[int, float]:
    """Return positive scores as parts of the best one."""
    best = max(scores.values(), default=1.0)
    return {row: score / best for row, score in scores.items()}


def fuse(keyword: Scores, cosines: Scores) -> list[tuple[int, float]]:
    """Return the candidates of both rankings, best first, newer first among equals; scores are in [0, 1].

    Half is the BM25 score as a part of the best one, half the cosine between the least and the greatest of the
    candidates. A memory that matches no word, or has no vector yet, gets nothing for that half.
    """
    words = by_best(keyword)
    least, greatest = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    spread = greatest - least
    fused = {row: _KEYWORD_SHARE * score for row, score in words.items()}
    for row, cosine in cosines.items():
        # Where all are equally near, all are the nearest.
        meaning = (cosine - least) / spread if spread else 1.0
        fused[row] = fused.get(row, 0.0) + (1 - _KEYWORD_SHARE) * meaning
    return ordered(fused)


def ordered(scores: Scores) -> list[tuple[int, float]]:
    """Return the memories of `scores`, best first, newer first among equals."""
    return sorted(scores.items(), key=lambda item: (-item[1], -item[0]))
