"""Parts: what the scores of memories are sums of, each part by its name. Pure, and one array a part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.index.interface import Rows
from workers.index.scores import Values

WORDS, MEANING, NEW, USE = "words", "meaning", "new", "use"
NEIGHBOURS, THREAD = "neighbours", "thread"


@dataclass(frozen=True, slots=True)
class Parts:
    """Memories by their row, each once, and the parts of their scores, in the order in which they are summed up."""

    rows: Rows
    named: Mapping[str, Values] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, scored: Iterable[tuple[int, float]]) -> Parts:
        """Return memories whose scores have one part."""
        pairs = list(scored)
        rows = np.array([row for row, _ in pairs], np.int64)
        return cls(rows, {name: np.array([score for _, score in pairs], np.float64)})

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def total(self) -> Values:
        """The scores."""
        return sum(self.named.values(), start=np.zeros(len(self.rows)))

    def plus(self, name: str, values: Values) -> Parts:
        """Return them with one part more; values: of each memory, in the order of the rows."""
        return Parts(self.rows, {**self.named, name: values})

    def times(self, share: float) -> Parts:
        """Return them with `share` of each part."""
        return Parts(self.rows, {name: share * values for name, values in self.named.items()})

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Parts:
        """Return some of them, or all in another order."""
        return Parts(self.rows[which], {name: values[which] for name, values in self.named.items()})

    def best_first(self, nearness: Values | None = None) -> Parts:
        """Return them by their scores, best first, the nearer and then the newer first among equals."""
        keys = (-self.rows, *(() if nearness is None else (-nearness,)), -self.total)
        return self.only(np.lexsort(keys))

    def page(self, offset: int, limit: int, least: float | None) -> Parts:
        """Return a page of them as they stand, without those whose score is below `least`."""
        page = self.only(slice(offset, offset + limit))
        return page if least is None else page.only(page.total >= least)

    def why(self) -> list[dict[str, float]]:
        """Return of each memory the parts that are not nothing; in this order they add up to the score."""
        names = tuple(self.named)
        columns = zip(*(values.tolist() for values in self.named.values()), strict=True)
        return [{name: value for name, value in zip(names, line, strict=True) if value} for line in columns]
