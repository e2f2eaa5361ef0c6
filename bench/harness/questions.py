"""Questions: the texts that clients search for or store, on disk, where the processes of many clients find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson

if TYPE_CHECKING:  # a client that brings no vectors starts without numpy, as any program of a user does
    from bench.harness.vectors import Matrix


@dataclass(frozen=True, slots=True)
class Questions:
    """Texts, and vectors if clients are to bring them; the vectors begin again where there are fewer of them.

    vectors: shape (any number, dimensions).
    """

    texts: Sequence[str]
    vectors: Matrix | None = None

    def vector(self, place: int) -> list[float]:
        """Return the vector of that text."""
        assert self.vectors is not None, "these questions have no vectors"
        found: list[float] = self.vectors[place % len(self.vectors)].tolist()
        return found

    def save(self, path: Path) -> Path:
        """Write them to a file, and the vectors to one beside it; return the path, which `load` takes."""
        path.write_bytes(orjson.dumps(list(self.texts)))
        if self.vectors is not None:
            import numpy as np

            np.save(_beside(path), self.vectors)
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what was saved; the vectors stay in the file, whose pages all processes share."""
        texts = orjson.loads(path.read_bytes())
        if not _beside(path).exists():
            return cls(texts)
        import numpy as np

        return cls(texts, np.load(_beside(path), mmap_mode="r"))


def _beside(path: Path) -> Path:
    return path.with_suffix(".npy")
