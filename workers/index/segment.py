"""Segments: the many vectors of one namespace as of one change, in files that every read worker maps.

`<database>.index/<model>-<digest of the namespace>-<seq>/` holds `segment.json`, `rows.npy` (the memory of each vector,
ascending), `vectors.npy` (float32), `sum.npy` (of all vectors) and `lists.faiss`. A folder is complete once it has its
name, and never changed. It can be made anew from the rows at any time, and what changed since is kept beside it in
memory.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import orjson

from memmux.files import durable
from memmux.logs import log
from workers.index.centre import Centre
from workers.index.exact import best, best_windows
from workers.index.interface import Rows, Scored, Vectors
from workers.index.scores import Scores
from workers.index.sketch import Slots

VERSION: Final = 3  # of the files
MANIFEST, ROWS, VECTORS, LISTS = "segment.json", "rows.npy", "vectors.npy", "lists.faiss"
SUM = "sum.npy"
CANDIDATES, _CANDIDATES_PER_HIT = 400, 4  # of the inverted file, that are compared exactly
_ENOUGH = 2  # visible candidates for each hit; with fewer, one that is ranked wrongly could be missed, and
_WIDER = 4  # times as many are asked for
_COSTLIER = 5  # times what comparing one vector costs, a candidate costs the inverted file


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of a segment.

    model: the id of the model that made the vectors. seq: the change as of which they are. change: what that change
    was, so that another history of the same numbers is not taken for this one. vectors: how many there are. breadth:
    how many lists of its inverted file must be compared to find what brute force does.
    """

    version: int
    model: int
    dimensions: int
    namespace: str
    seq: int
    change: str
    vectors: int
    breadth: int


def folder(database: Path) -> Path:
    """Return where the segments of `database` are."""
    return database.with_name(f"{database.name}.index")


def place(database: Path, manifest: Manifest) -> Path:
    """Return the folder of a segment."""
    digest = hashlib.sha256(manifest.namespace.encode()).hexdigest()[:16]
    return folder(database) / f"{manifest.model}-{digest}-{manifest.seq}"


def kept(database: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield the complete segments that are there, the newest of each model and namespace last."""
    found = []
    for path in folder(database).glob(f"*-*-*/{MANIFEST}"):
        with suppress(OSError, ValueError, TypeError):  # removed meanwhile, or of another version
            manifest = Manifest(**orjson.loads(path.read_bytes()))
            if manifest.version == VERSION and not path.parent.name.endswith(durable.PARTIAL):
                found.append((path.parent, manifest))
    yield from sorted(found, key=lambda pair: pair[1].seq)


def publish(database: Path, partial: Path, manifest: Manifest) -> None:
    """Give a folder that is complete but for the manifest its name."""
    (partial / MANIFEST).write_bytes(orjson.dumps(asdict(manifest)))
    target = place(database, manifest)
    shutil.rmtree(target, ignore_errors=True)
    durable.rename(partial, target)


def holds(path: Path, rows: Sequence[int]) -> bool:
    """Return whether a segment has vectors of any of the memories `rows`; also if that can't be read any more."""
    if not rows:
        return False
    try:
        return bool(np.isin(_load(path / ROWS), np.array(rows, np.int64)).any())
    except (OSError, ValueError):
        return True


def remove(path: Path) -> bool:
    """Remove a segment and return whether it is gone; who has it open goes on with it.

    Its manifest goes last: what can't be removed is still one of those that are there, for the next who removes it.
    """
    try:
        for file in sorted(path.iterdir(), key=lambda file: file.name == MANIFEST):
            file.unlink(missing_ok=True)
        path.rmdir()
    except FileNotFoundError:  # by another process
        return True
    except OSError as error:
        log.get().warning("segment_not_removed", path=str(path), error=error.strerror)
        return False
    return True


def _load(path: Path, mmap_mode: Literal["r"] | None = None) -> Any:
    """Return the array in a file; raise OSError, or ValueError if there is none in it."""
    try:
        return np.load(path, mmap_mode=mmap_mode)
    except EOFError:
        raise ValueError(f"{path} is empty") from None


class Segment:
    """A segment that is open for search; what has changed since is hidden. Raises OSError and ValueError."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        from workers.index.inverted_file import InvertedFile  # faiss is loaded where there are many vectors alone

        self.manifest = manifest
        self._rows: Rows = _load(path / ROWS)
        self._vectors: Vectors = np.asarray(_load(path / VECTORS, mmap_mode="r"))
        self._inverted = InvertedFile(path / LISTS)
        self._visible = np.ones(manifest.vectors, np.bool_)
        self._hidden = 0
        self.centre = Centre(_load(path / SUM), manifest.vectors)
        shapes = self._rows.shape, self._vectors.shape, self._inverted.vectors
        if shapes != ((manifest.vectors,), (manifest.vectors, manifest.dimensions), manifest.vectors):
            raise ValueError(f"the files of {path} do not belong together")

    def __len__(self) -> int:
        """Return the number of vectors that are not hidden."""
        return self.manifest.vectors - self._hidden

    def hide(self, rows: Sequence[int]) -> None:
        """Leave out the memories `rows` from now on."""
        slots = self._slots_of(np.array(sorted(rows), np.int64))
        self._hidden += len(slots)
        self._visible[slots] = False
        self.centre.remove(self._vectors[slots])

    def of(self, row: int) -> Vectors:
        """Return the vectors of the memory `row`, one line each; none if it has none, or is hidden."""
        found: Vectors = self._vectors[self._slots_of(np.array([row], np.int64))]
        return found

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`; of those in `allowed`, if given."""
        count, wanted = (least := CANDIDATES + _CANDIDATES_PER_HIT * k), self._visible
        if allowed is not None:
            slots = self._slots_of(np.sort(allowed))
            # To have enough allowed ones among its candidates the inverted file must give so many.
            count = max(count, _CANDIDATES_PER_HIT * k * self.manifest.vectors // max(1, slots.size))
            if slots.size <= _COSTLIER * count:
                return self._exactly(slots, query, k)
            wanted = np.zeros_like(self._visible)
            wanted[slots] = True
        while count * _COSTLIER < self.manifest.vectors:
            slots = self._inverted.nearest(query, count, self.manifest.breadth * count // least)
            slots = slots[wanted[slots]]
            found = self._exactly(slots, query, k)
            if len(found) == k and slots.size >= _ENOUGH * k:
                return found
            count *= _WIDER
        return self._exactly(np.flatnonzero(wanted), query, k)

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector here."""
        slots = self._slots_of(rows)
        return best_windows(self._rows[slots], self._vectors[slots] @ query)

    def _slots_of(self, rows: Rows) -> Slots:
        """Return the visible slots of the memories `rows`, which are ascending."""
        first, last = np.searchsorted(self._rows, rows), np.searchsorted(self._rows, rows, side="right")
        counts = last - first
        # The slots of a memory follow each other: each run is its first slot and how far we are in the run.
        starts = np.repeat(first - np.cumsum(counts) + counts, counts)
        slots = starts + np.arange(counts.sum())
        visible: Slots = slots[self._visible[slots]]
        return visible

    def _exactly(self, slots: Slots, query: Vectors, k: int) -> Scored:
        return best(self._rows[slots], self._vectors[slots] @ query, k)
