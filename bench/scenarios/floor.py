"""Floor: from which cosine on a memory has to do with a query, and what a floor there takes and leaves.

Every second query chooses the floor; all figures are of the others. It is the multiple of 0.05 at which the part of the
right answers that are left, and the part of the queries without an answer that find nothing, are most together
(Youden's index); of two alike the lower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.harness import report
from bench.harness.arena import arena
from bench.harness.measure import Row, at_least, percentile, plain
from bench.harness.settle import settle
from bench.harness.topics import ABSENT, NONSENSE, TOPICS
from memmux import Client
from memmux.wire.requests import Store
from workers.storage.reading import ranking
from workers.words import words
from workers.words.stopwords import telling

MODEL = "all-MiniLM-L6-v2"
STEP = 0.05
_ALL = 1_000  # hits, so that no memory is left out


@dataclass(frozen=True, slots=True)
class _Judged:
    """Of each memory its cosine with a query, and the part of its words; right: the one that answers it, if any."""

    cosines: Sequence[float]
    covered: Sequence[float]
    right: int | None = None

    def kept(self, floor: float) -> list[bool]:
        """Return which memories a floor leaves."""
        return [
            cosine >= floor or part >= ranking.COVERED for cosine, part in zip(self.cosines, self.covered, strict=True)
        ]


def measure() -> Iterator[Row]:
    """Give what the chosen half says, and what became of the other."""
    asked = [(question, text) for topic in TOPICS.values() for text, questions in topic for question in questions]
    near = ranking.NEAR[MODEL]
    with arena(model=MODEL) as bed, Client(settings=bed.settings, name="bench") as client:
        report.progress("storing")
        client.store_batch([Store(content=text) for topic in TOPICS.values() for text, _ in topic])
        settle(client)
        report.progress("asking")
        right = [_judged(client, question, text) for question, text in asked]
        absent = [_judged(client, question) for question in ABSENT]
        senseless = [_judged(client, question) for question in NONSENSE]
        floor = _chosen(right[::2], [*absent[::2], *senseless[::2]])
        yield plain("right answers, cosine, 1 % are below", percentile(_of_the_right(right[1::2]), 1))
        yield plain("right answers, cosine, 5 % are below", percentile(_of_the_right(right[1::2]), 5))
        yield plain("right answers, cosine, median", percentile(_of_the_right(right[1::2]), 50))
        for name, queries in (("absent", absent), ("senseless", senseless)):
            best = [max(query.cosines) for query in queries[1::2]]
            yield plain(f"{name}: the best cosine, median", percentile(best, 50))
            yield plain(f"{name}: the best cosine, 5 % are above", percentile(best, 95))
        yield plain("floor that the first half chooses", floor, key="floor")
        yield plain("floor in use", near)
        yield at_least("right answers left, %", 100 * _left(right[1::2], near), 95)
        yield at_least("senseless: find nothing, %", 100 * _empty(senseless[1::2], near), 85)
        yield at_least("absent: find nothing, %", 100 * _empty(absent[1::2], near), 85)
        yield plain(f"memories left of {len(right[0].cosines)}, median", _crowd(right[1::2], near))
        report.progress("asking with the floor")
        nothing = [not client.search(question, only_relevant=True).hits for question in NONSENSE]
        yield at_least("product: senseless queries that find nothing, %", 100 * float(np.mean(nothing)), 85)
        for name, only_relevant, target in (("with", True, 95), ("without", False, None)):
            answers = [client.search(question, only_relevant=only_relevant) for question, _ in asked]
            named = [
                any(hit.memory.content == text for hit in answer)
                for answer, (_, text) in zip(answers, asked, strict=True)
            ]
            what = f"product, {name} the floor: right answers in the first ten, %"
            yield at_least(what, 100 * float(np.mean(named)), target)


def _judged(client: Client, question: str, right: str | None = None) -> _Judged:
    asked = frozenset(telling(words(question, query=True)))
    hits = client.search(question, mode="semantic", limit=_ALL).hits
    contents = [hit.memory.content for hit in hits]
    covered = [ranking.covered(asked, frozenset(words(content))) for content in contents]
    return _Judged([hit.score for hit in hits], covered, None if right is None else contents.index(right))


def _chosen(right: Sequence[_Judged], others: Sequence[_Judged]) -> float:
    """Return the floor that tells best the queries with an answer from those without."""
    steps = [round(STEP * number, 2) for number in range(int(1 / STEP))]
    return max(steps, key=lambda step: _left(right, step) + _empty(others, step))


def _of_the_right(queries: Sequence[_Judged]) -> list[float]:
    return [query.cosines[query.right] for query in queries if query.right is not None]


def _left(queries: Sequence[_Judged], floor: float) -> float:
    return float(np.mean([query.kept(floor)[query.right] for query in queries if query.right is not None]))


def _empty(queries: Sequence[_Judged], floor: float) -> float:
    return float(np.mean([not any(query.kept(floor)) for query in queries]))


def _crowd(queries: Sequence[_Judged], floor: float) -> float:
    return percentile([sum(query.kept(floor)) for query in queries], 50)
