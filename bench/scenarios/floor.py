"""Floor: how near the nearest of so many memories comes to a query by chance, and what a floor there takes and leaves.

Senseless texts say how near: the more memories, the nearer. The floor in use (`ranking.NEAR`) is to be above what nine
in ten of them reach, among few memories and among many. A query is answered if a memory is that near, or has half of
its words.
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
from workers.storage.reading.ranking import Near
from workers.words import words
from workers.words.stopwords import STOP_WORDS, telling

MODEL = "all-MiniLM-L6-v2"
SIZES = (8, 16, 32, 64)  # memories among which senseless texts are asked for
_ALL = 1_000  # hits, so that no memory is left out
_MOST = 90  # percent of the senseless texts that are to find nothing
_LOST = 1  # percent of the questions that may lose their answer


@dataclass(frozen=True, slots=True)
class _Judged:
    """Of each memory its cosine with a query, and the part of its words; right: the one that answers it, if any."""

    cosines: Sequence[float]
    covered: Sequence[float]
    right: int | None = None

    def answered(self, near: Near) -> bool:
        """Return whether a memory is near enough among so many, or has enough of the words."""
        return max(self.cosines) >= near.of(len(self.cosines)) or max(self.covered) >= ranking.COVERED

    def among(self, every: int) -> _Judged:
        """Return it among each so many-th memory alone."""
        return _Judged(self.cosines[::every], self.covered[::every])


def measure() -> Iterator[Row]:
    """Give how near memories come to queries of each kind, and what the floor makes of them."""
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
        for percent in (1, 5, 50):
            yield plain(f"right answers, cosine, {percent} % are below", percentile(_of_the_right(right), percent))
        for name, queries in (("absent", absent), ("senseless", senseless)):
            yield plain(f"{name}: the best cosine, median", percentile(_best(queries), 50))
        for size in SIZES:
            some = [query.among(len(query.cosines) // size) for query in senseless]
            yield plain(f"senseless, among {size}: the best cosine, 10 % are above", percentile(_best(some), 90))
            yield plain(f"floor in use, among {size}", near.of(size))
            yield at_least(f"senseless, among {size}: find nothing, %", 100 * _empty(some, near), _MOST)
        yield at_least("questions answered, %", 100 - 100 * _empty(right, near), 100 - _LOST)
        yield plain("absent: find nothing, %", 100 * _empty(absent, near))
        report.progress("asking with the floor")
        nothing = [not client.search(question, only_relevant=True).hits for question in NONSENSE]
        yield at_least("product: senseless queries that find nothing, %", 100 * float(np.mean(nothing)), _MOST)
        for name, only_relevant, target in (("with", True, 100 - _LOST), ("without", False, None)):
            answers = [client.search(question, only_relevant=only_relevant) for question, _ in asked]
            named = [
                any(hit.memory.content == text for hit in answer)
                for answer, (_, text) in zip(answers, asked, strict=True)
            ]
            what = f"product, {name} the floor: right answers in the first ten, %"
            yield at_least(what, 100 * float(np.mean(named)), target)


def _judged(client: Client, question: str, right: str | None = None) -> _Judged:
    asked = frozenset(telling(words(question, query=True))) - STOP_WORDS
    hits = client.search(question, mode="semantic", limit=_ALL).hits
    by_content = {hit.memory.content: hit.score for hit in hits}
    contents = [text for topic in TOPICS.values() for text, _ in topic]
    covered = [ranking.covered(asked, frozenset(words(content))) for content in contents]
    return _Judged(
        [by_content[content] for content in contents], covered, None if right is None else contents.index(right)
    )


def _of_the_right(queries: Sequence[_Judged]) -> list[float]:
    return [query.cosines[query.right] for query in queries if query.right is not None]


def _best(queries: Sequence[_Judged]) -> list[float]:
    return [max(query.cosines) for query in queries]


def _empty(queries: Sequence[_Judged], near: Near) -> float:
    return float(np.mean([not query.answered(near) for query in queries]))
