"""Vectors for measurements: real embeddings of real texts, and as many more like them as a measurement wants.

Embedding ten thousand texts takes minutes, so the real ones are made once and kept in the cache folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from bench.harness import corpus, report
from bench.harness.single import Single
from memmux.config.settings import Settings
from memmux.files import durable
from workers.embedding import sources

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]

REAL = 10_000  # texts whose real embeddings are stored
HELD_OUT = 1_000  # texts that are not stored: their embeddings are what is searched for
_SPREAD = 0.4  # how far a made vector is moved from the real one that it grew from: their cosine is about 0.9
_BATCH = 256  # texts embedded at once
_BLOCK = 64  # queries compared with everything at once: a quarter of a gigabyte for a million


def real(settings: Settings) -> tuple[Matrix, Matrix]:
    """Return the unit vectors of REAL paragraphs, and those of HELD_OUT others to search for.

    Shapes (REAL, dimensions) and (HELD_OUT, dimensions); line n of the first belongs to paragraph n of `corpus`.
    """
    texts = corpus.paragraphs(REAL + HELD_OUT)
    path = place(settings, sources.find(settings).digest, texts)
    made = kept(path, len(texts), partial(_embedded, settings, texts))
    stored = len(texts) - HELD_OUT
    return made[:stored], made[stored:]


def place(settings: Settings, digest: str, texts: Sequence[str]) -> Path:
    """Return where the vectors of these texts are kept that the model whose weights have this digest makes."""
    named = hashlib.sha256(orjson.dumps((digest, texts))).hexdigest()[:32]
    return settings.cache_dir / "bench" / f"vectors-{named}.npz"


def kept(path: Path, count: int, make: Callable[[], Matrix]) -> Matrix:
    """Return the vectors in the file; where it is missing, damaged, or of another number, make and keep them."""
    if (found := _read(path)) is not None and len(found) == count:
        return found
    made = make()
    with suppress(OSError):  # a cache folder that can't be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with durable.replacing(path, mode=None) as file:
            np.savez(file, made)
    return made


def grown(found: Matrix, count: int, seed: int = 1) -> Matrix:
    """Return `count` unit vectors: the `found` ones, and then others, each one of them moved by what two differ in.

    So the made ones lie in the same directions as real ones do, and in clusters around them.
    """
    if count <= len(found):
        return found[:count]
    chance = np.random.default_rng(seed)
    all_of_them = np.empty((count, found.shape[1]), np.float32)
    all_of_them[: len(found)] = found
    for start in range(len(found), count, 1 << 16):
        size = min(1 << 16, count - start)
        anchor, one, other = (found[chance.integers(len(found), size=size)] for _ in range(3))
        moved = anchor + _SPREAD * (one - other)
        all_of_them[start : start + size] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return all_of_them


def nearest(vectors: Matrix, queries: Matrix, k: int) -> Places:
    """Return, for each query, the places in `vectors` of its `k` nearest by cosine, best first: brute force."""
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), _BLOCK):
        cosines = queries[start : start + _BLOCK] @ vectors.T
        best = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosines, best, axis=1), axis=1, kind="stable")
        found[start : start + _BLOCK] = np.take_along_axis(best, order, axis=1)
    return found


def recall(found: Sequence[Sequence[int]], truth: Places) -> float:
    """Return which part of the truly nearest was found, over all queries."""
    hits = sum(len(set(some).intersection(wanted)) for some, wanted in zip(found, truth.tolist(), strict=True))
    return hits / truth.size


def _read(path: Path) -> Matrix | None:
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            found: Matrix = file["arr_0"]  # which compares the checksum, too
    except Exception:  # noqa: BLE001  # neither library says what it raises for what kind of damage
        return None
    return found


def _embedded(settings: Settings, texts: Sequence[str]) -> Matrix:
    parts = []
    with Single(settings) as single:
        single.open_embedder()
        for start in range(0, len(texts), _BATCH):
            report.progress(f"embedding {start} of {len(texts)} texts, once on this machine")
            parts.append(single.vectors(texts[start : start + _BATCH]))  # each of these texts fits into one window
    return np.concatenate(parts)
