"""Embedding: the embed worker's code on onnxruntime, against sentence-transformers on torch, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from string import ascii_lowercase

from bench.harness import report
from bench.harness.material import FEW, Material
from bench.harness.measure import Row, at_most, plain, timed_ms
from bench.harness.single import Single, model_alone
from memmux.config.settings import Settings

RATIO = 0.4
ROUND = 20  # queries on one side before the other has its turn
WARM_UP = 20  # on each side


def measure(texts: int) -> Iterator[Row]:
    """Give the rows; so many queries are embedded by both, one at a time, with one thread."""
    queries = Material.of(FEW).queries()[: WARM_UP + texts]
    settings = model_alone()
    with Single(settings) as single:
        report.progress("loading torch")
        single.open_embedder()
        sides: tuple[Callable[[str], object], ...] = (single.embed_query, _by_torch(settings))
        times_ms: tuple[list[float], ...] = ([], [])
        for query in queries[:WARM_UP]:
            for side in sides:
                side(query)
        # A text that was embedded before is in the cache.
        least_ms = median(timed_ms(partial(sides[0], letter)) for letter in ascii_lowercase)
        for start in range(WARM_UP, len(queries), ROUND):
            report.progress(f"embedding query {start - WARM_UP} of {texts}")
            for side, found_ms in zip(sides, times_ms, strict=True):
                found_ms += [timed_ms(partial(side, query)) for query in queries[start : start + ROUND]]
    onnx_ms, torch_ms = map(median, times_ms)
    yield plain("query embedded by the worker's code, p50 ms", onnx_ms, key="embed_onnx_p50_ms")
    yield plain("query embedded by sentence-transformers, p50 ms", torch_ms, key="embed_torch_p50_ms")
    why = (
        f"a text of one letter takes {least_ms:.1f} of the {onnx_ms:.1f} ms: for any text all weights are read and "
        "multiplied once, and torch does just the same"
    )
    ratio = onnx_ms / torch_ms
    yield at_most("worker's code over sentence-transformers, p50", ratio, RATIO, key="embed_ratio", why=why)


def _by_torch(settings: Settings) -> Callable[[str], object]:
    """Return how a program embeds a query that uses sentence-transformers itself."""
    from workers.embedding import sources, torch_backend

    model = torch_backend.load(sources.find(settings))
    return lambda query: model.encode([query], batch_size=1, normalize_embeddings=True, show_progress_bar=False)
