"""Hits: what is ranked, as an answer has it: a page of memories, with their scores and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from memmux.wire.answers import Hit, Memory
from memmux.wire.requests import Mode, Search
from workers.index.interface import Index
from workers.index.scores import Scores
from workers.storage.connection import Connection
from workers.storage.interface import SearchOutcome
from workers.storage.reading import ranking
from workers.storage.reading.parts import Parts
from workers.storage.reading.thread_search import ThreadSearch
from workers.storage.records import rows

_NONE: Mapping[str, tuple[Memory, ...]] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has ranked, best first.

    degraded: what it had to do without. cosines: with the query, as far as they are known. index: what gave them.
    left_out: how many memories were, where so nothing is found.
    """

    mode: Mode
    ranked: Parts
    degraded: tuple[str, ...] = ()
    cosines: Scores | None = None
    index: Index | None = None
    left_out: int = 0

    def outcome(self, asked: Search, connection: Connection, threads: ThreadSearch) -> SearchOutcome:
        """Return the page that is asked for."""
        ranked, cosines = self.ranked, Scores.of(()) if self.cosines is None else self.cosines
        if asked.min_similarity is not None:
            ranked = ranking.near(ranked, cosines, asked.min_similarity)
        page = ranked.page(asked.offset, asked.limit, asked.min_score)
        found = page.rows.tolist()
        near = cosines.at(page.rows, np.nan).tolist()
        kept = rows.memories(connection, found)
        whys = page.why() if asked.why else repeat(None, len(page))
        sides = _contexts(connection, threads, found, asked.context) if asked.context else repeat(_NONE, len(page))
        hits = tuple(
            Hit(score=score, similarity=cosine if cosine == cosine else None, memory=memory, why=why, **beside)  # noqa: PLR0124  # not NaN
            for score, cosine, memory, why, beside in zip(page.total.tolist(), near, kept, whys, sides, strict=True)
        )
        index = "" if self.index is None else type(self.index).__name__
        return SearchOutcome(self.mode, hits, self.degraded, len(ranked), index, left_out=self.left_out)


def _contexts(
    connection: Connection, threads: ThreadSearch, hits: list[int], count: int
) -> list[Mapping[str, tuple[Memory, ...]]]:
    """Return the `count` memories before and after each hit."""
    sides = [threads.context(row, count) for row in hits]
    wanted = list(dict.fromkeys(row for pair in sides for side in pair for row in side))
    known = dict(zip(wanted, rows.memories(connection, wanted) if wanted else (), strict=True))
    return [
        {name: tuple(known[row] for row in side) for name, side in zip(("before", "after"), pair, strict=True)}
        for pair in sides
    ]
