"""Vectors for measurements: real embeddings of real texts, and as many more like them as a measurement wants.

Embedding ten thousand texts takes minutes, so the real ones are made once and kept in the cache folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import corpus, report
from bench.harness.single import Single
from memmux.config.settings import Settings

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
    key = hashlib.sha256("\n".join((settings.model, *texts)).encode()).hexdigest()[:16]
    kept = settings.cache_dir / "bench" / f"vectors-{key}.npy"
    made = _kept(kept, len(texts))
    if made is None:
        made = _embedded(settings, texts)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, made)
        partial.replace(kept)
    stored = len(texts) - HELD_OUT
    return made[:stored], made[stored:]


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


def _kept(path: Path, count: int) -> Matrix | None:
    try:
        found: Matrix = np.load(path)
    except (OSError, ValueError):
        return None
    return found if len(found) == count else None


def _embedded(settings: Settings, texts: Sequence[str]) -> Matrix:
    single = Single(settings)
    single.open_embedder()
    parts = []
    for start in range(0, len(texts), _BATCH):
        report.progress(f"embedding {start} of {len(texts)} texts, once on this machine")
        embedding = single.embed(texts[start : start + _BATCH])
        lines = np.frombuffer(embedding.data, "<f4").reshape(-1, embedding.dimensions)
        firsts = np.cumsum([0, *(len(windows) for windows in embedding.windows[:-1])])
        parts.append(lines[firsts])  # each of these texts fits into one window
    return np.concatenate(parts)
