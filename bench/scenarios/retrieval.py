"""Retrieval: which part of what answers a question is among the first hits, on a set of questions that a user has.

All conversations of a set are in one database, a namespace each, and a question is asked in its own. The turns of a
session are a thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from bench.harness import question_sets, report
from bench.harness.arena import arena
from bench.harness.measure import Row, percentile, plain
from bench.harness.question_sets import Question, QuestionSet
from bench.harness.settle import settle
from memmux import Client
from memmux.wire.requests import Mode, Store

FIRST = (5, 10)  # hits among which evidence is looked for
DEPTH = 100  # hits that are asked for: beyond, a rank counts as none
MODES = (Mode.HYBRID, Mode.KEYWORD, Mode.SEMANTIC)
SAMPLES = 1_000  # of the questions, drawn with replacement, for an interval
LOW, HIGH = 2.5, 97.5  # percentiles of the samples, between which the interval is
_BATCH = 64
_STORE_S = 600.0  # for a batch to be embedded, however busy the machine is
_FEW = 20  # questions of a category, below which it is not shown by itself


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a question found: the ranks, from 1, of the evidence among the hits, and how many there were to find."""

    ranks: Sequence[int]
    evidence: int
    category: str = ""

    def recall(self, first: int) -> float:
        """Return the part of the evidence that is among so many first hits."""
        return sum(rank <= first for rank in self.ranks) / self.evidence

    @property
    def reciprocal(self) -> float:
        """One divided by the rank of the first evidence; 0 where none was found."""
        return 1 / min(self.ranks) if self.ranks else 0.0


def measure(path: Path, model: str, modes: Sequence[Mode] = MODES) -> Iterator[Row]:
    """Fill a cluster with the memories of a set, ask all its questions, and give what was found."""
    sets = question_sets.load(path)
    yield plain("memories", sum(len(one.memories) for one in sets), key="memories")
    yield plain("questions with evidence", sum(len(one.questions) for one in sets), key="questions")
    with arena(model=model) as bed, Client(settings=bed.settings, name="bench") as client:
        known = [(one, _stored(client, one)) for one in sets]
        report.progress("making vectors")
        settle(client)
        for mode in modes:
            report.progress(f"asking, {mode}")
            found: list[Retrieved] = []
            times: list[float] = []
            for one, ids in known:
                for question in one.questions:
                    began = time.perf_counter()
                    hits = client.search(question.text, mode=mode, namespace=one.namespace, limit=DEPTH)
                    times.append(1_000 * (time.perf_counter() - began))
                    found.append(ranked(question, [ids[hit.memory.id] for hit in hits]))
            yield from rows(mode, found)
            yield plain(f"{mode}: a query, p50 ms", percentile(times, 50), key=f"{mode}_p50_ms")


def _stored(client: Client, one: QuestionSet) -> dict[str, frozenset[str]]:
    """Store the memories of a set; return the evidence that each memory is, by its id: turns may be the same."""
    report.progress(f"storing {one.namespace}")
    texts: dict[str, set[str]] = {}
    waiting = enumerate(one.memories)
    while piece := list(islice(waiting, _BATCH)):
        stored = client.store_batch(
            [
                Store(
                    content=memory.content,
                    created_at=memory.created_at,
                    thread=memory.thread,
                    place=None if memory.thread is None else place,
                )
                for place, memory in piece
            ],
            namespace=one.namespace,
            timeout_s=_STORE_S,
        )
        for (_, memory), kept in zip(piece, stored.stored, strict=True):
            texts.setdefault(kept.id, set()).add(memory.id)
    return {memory_id: frozenset(names) for memory_id, names in texts.items()}


def ranked(question: Question, hits: Iterable[frozenset[str]]) -> Retrieved:
    """Return where the evidence of a question is among hits, each given as the evidence that it is."""
    left, ranks = set(question.evidence), []
    for rank, names in enumerate(hits, 1):
        ranks += [rank] * len(left & names)
        left -= names
    return Retrieved(ranks, len(question.evidence), question.category)


def rows(mode: Mode, found: Sequence[Retrieved]) -> Iterator[Row]:
    """Give the rows of one mode: over all questions, and over each category that has enough of them."""
    yield from _rows(str(mode), found, key=str(mode))
    for category in sorted({one.category for one in found if one.category}):
        some = [one for one in found if one.category == category]
        if len(some) >= _FEW:
            yield from _rows(f"{mode}, {category} ({len(some)})", some)


def _rows(name: str, found: Sequence[Retrieved], key: str = "") -> Iterator[Row]:
    for first in FIRST:
        values = np.array([100 * one.recall(first) for one in found])
        yield _with_interval(f"{name}: R@{first}, %", values, f"{key}_r{first}" if key else "")
    yield _with_interval(f"{name}: MRR", np.array([one.reciprocal for one in found]), f"{key}_mrr" if key else "", 3)


def _with_interval(name: str, values: np.ndarray, key: str, digits: int = 1) -> Row:
    """Return the mean of values, with its interval in the name, as the value is for programs."""
    low, high = interval(values)
    return Row(name=f"{name} [{low:.{digits}f}, {high:.{digits}f}]", value=round(float(values.mean()), digits), key=key)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return between which means 95 % of bootstrap samples of these values are; the same for the same values."""
    chance = np.random.default_rng(1)
    means = [values[chance.integers(len(values), size=len(values))].mean() for _ in range(SAMPLES)]
    return percentile(means, LOW), percentile(means, HIGH)
