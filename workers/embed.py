"""The embed worker: turns the texts of requests into vectors, many requests at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire.operations import Stage
from workers.embedding.batches import BatchQueue, Work
from workers.embedding.cache import QueryCache
from workers.embedding.choose import choose
from workers.embedding.interface import Embedder
from workers.embedding.texts import texts_of
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent


class EmbedWorker:
    """Runs one model in one thread."""

    stage = Stage.EMBED
    retiring = False
    credit = 16  # as many as go through the model at once

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = QueryCache()
        self._batch_queue = BatchQueue()
        self._loaded: Embedder | None = None

    @property
    def _embedder(self) -> Embedder:
        assert self._loaded is not None, "the worker is not open"
        return self._loaded

    def open(self, alive: Alive = silent) -> None:  # noqa: ARG002  # loading a model is one call
        """Load the model; raise ModelMissingError, ModelInvalidError or ModelUnsupportedError when it can't be."""
        self._loaded = choose(self._settings)
        self._loaded.embed(["the first text takes longer than any other"])

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Yield what is known at once: embeddings from the cache, and what is wrong. The rest is put off."""
        for job in jobs:
            try:
                texts = texts_of(job, self._embedder.name)
            except MemmuxError as error:
                yield job, error
                continue
            cached = self._cache.get(self._embedder.name, texts[0]) if job.operation == "memory.search" else None
            if cached is not None:
                yield job, Answer(cached.frames(), self._embedder.degraded)
            else:
                self._batch_queue.add(Work.of(job, texts, self._embedder, alive))

    @property
    def due_s(self) -> float:
        """How soon the next batch wants to go through the model: at once, if there is any."""
        return 0.0 if self._batch_queue else math.inf

    def late(self, alive: Alive) -> Iterator[Outcome]:
        """Put one batch through the model and yield the requests that it completes, as `memmux.wire.embeddings`."""
        if not self._batch_queue:
            return
        alive()
        for work, outcome in self._batch_queue.embed_next(self._embedder):
            if work.job.operation == "memory.search" and not work.missing:
                self._cache.put(work.texts[0], work.embedding(self._embedder.name))
            yield outcome

    def facts(self) -> dict[str, object]:
        """Return which model this is, what runs it, and how the cache does; empty before `open`."""
        if self._loaded is None:
            return {}
        return {
            "model": self._loaded.name,
            "dimensions": self._loaded.dimensions,
            "backend": self._loaded.backend,
            "max_tokens": self._loaded.max_tokens,
            "batches": self._batch_queue.batches,
            "windows": self._batch_queue.windows,
            "cache_hits": self._cache.hits,
            "cache_misses": self._cache.misses,
            "degraded": list(self._loaded.degraded),
        }

    def idle(self) -> None:
        """Do nothing: a model needs no upkeep."""

    def close(self) -> None:
        """Do nothing: the process ends next."""
