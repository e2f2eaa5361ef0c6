"""The material: what a measurement stores and what it searches for, with real embeddings of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.harness import corpus, vectors
from bench.harness.single import Single, model_alone
from bench.harness.vectors import HELD_OUT, REAL, Matrix, Places
from memmux import limits
from memmux.wire.requests import Store

TAG = "marked"  # what some of the memories carry, to be filtered on
FEW = 256  # memories for which it is enough to embed a few texts here and now, which takes seconds
_FEW_STORED, _FEW_HELD_OUT = 128, 32  # texts
QUERIES = 6_000  # more than twice what the cache of the embed worker holds: who goes round finds none of them there
_MARK = " §"  # before the number that makes a text distinct


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Memories to store and texts to search for.

    texts: paragraphs, which come again and again when there are more memories than paragraphs. vectors: one for each
    memory, shape (memories, dimensions). asked: texts that are not stored, and asked_vectors theirs, shape (asked,
    dimensions). tag_every: each so manieth memory carries the tag TAG; 0 for none.
    """

    texts: Sequence[str]
    vectors: Matrix
    asked: Sequence[str]
    asked_vectors: Matrix
    tag_every: int = 0

    @classmethod
    def of(cls, memories: int, *, tag_every: int = 0) -> Material:
        """Return the material of a measurement with so many memories."""
        texts, found, held_out = _few() if memories <= FEW else _many()
        stored = len(texts) - len(held_out)
        return cls(
            texts=texts[:stored],
            vectors=vectors.grown(found, memories),
            asked=texts[stored:],
            asked_vectors=held_out,
            tag_every=tag_every,
        )

    def __len__(self) -> int:
        return len(self.vectors)

    def content(self, place: int) -> str:
        """Return the text of the memory with that number, counted from 0; no two are the same."""
        return f"{self.texts[place % len(self.texts)]}{_MARK}{place}"

    def batches(self) -> Iterator[tuple[list[Store], list[list[float]]]]:
        """Give all memories and their vectors in batches of what one request may store."""
        for start in range(0, len(self), limits.BATCH_MEMORIES):
            end = min(start + limits.BATCH_MEMORIES, len(self))
            yield [self._memory(place) for place in range(start, end)], self.vectors[start:end].tolist()

    def queries(self) -> list[str]:
        """Return QUERIES different queries: words out of texts that are stored."""
        return corpus.queries(list(self.texts[: len(self)]), QUERIES)

    def nearest(self, asked: int, k: int, *, tagged: bool) -> Places:
        """Return for the first so many of `asked` the numbers of the k nearest memories, or of those with the tag.

        Shape (asked, k), best first, by brute force.
        """
        places = np.arange(0, len(self), self.tag_every if tagged else 1)
        among = self.vectors[places] if tagged else self.vectors
        return places[vectors.nearest(among, self.asked_vectors[:asked], k)]

    def _memory(self, place: int) -> Store:
        tagged = self.tag_every and place % self.tag_every == 0
        return Store(content=self.content(place), tags=(TAG,) if tagged else ())


def place_of(content: str) -> int:
    """Return the number of the memory with that content."""
    return int(content.rpartition(_MARK)[2])


@cache
def _few() -> tuple[list[str], Matrix, Matrix]:
    texts = corpus.paragraphs(_FEW_STORED + _FEW_HELD_OUT)
    with Single(model_alone()) as single:
        single.open_embedder()
        made = single.vectors(texts)
    return texts, made[:_FEW_STORED], made[_FEW_STORED:]


@cache
def _many() -> tuple[list[str], Matrix, Matrix]:
    found, held_out = vectors.real(model_alone())
    return corpus.paragraphs(REAL + HELD_OUT), found, held_out
