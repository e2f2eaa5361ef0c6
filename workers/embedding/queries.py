"""Queries: a model in a second thread of a read worker, which embeds queries while the first thread ranks by words.

A reader uses a model only by its packed graph, which an embed worker has made: so its weights are in memory once for
all processes. Until that is there, and for models that have none, queries go through an embed worker.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.wire.embeddings import Embedding
from workers.embedding.batches import BatchQueue, Work
from workers.embedding.cache import QueryCache
from workers.embedding.choose import choose_shared, shared_signs
from workers.embedding.interface import Embedder
from workers.runtime.jobs import Job, silent

Query = tuple[Job, str]
"""A request, and the text to be embedded for it."""
Pending = Future[Embedding | None]
"""The embedding of a query that is being made; None where there turned out to be no model."""
_LOOK_S = 0.5  # between two looks for a packed graph
_RETRY_S = 1.0  # until one that can't be loaded is tried again, though it is the same; then twice that time, and so on
_RETRY_MOST_S = 30.0


class QueryEmbedder:
    """Embeds the queries of a reader's requests; those that wait together go through the model as batches."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: Embedder | None = None
        self._cache, self._batch_queue = QueryCache(), BatchQueue()
        self._thread = ThreadPoolExecutor(1, "queries")
        self._loading: Future[None] | None = None  # the first look
        self._looking: Future[None] | None = None  # the last one
        self._look_at = -math.inf
        self._signs: Collection[object] | None = None  # of the last try to load it
        self._retry_s, self._retry_at = _RETRY_S, -math.inf
        self._failure = ""  # the code with which the last look failed, which is logged once

    def load(self) -> None:
        """Begin to look for the model; queries wait for the end of that."""
        now = time.monotonic()
        self._look_at = now + _LOOK_S
        self._loading = self._looking = self._thread.submit(self._load, now)

    def look_again(self) -> None:
        """Look once more, if there was no model and that was a while ago; no query waits for that."""
        now = time.monotonic()
        is_without = self._loaded is None and self._looking is not None and self._looking.done()
        if is_without and now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._looking = self._thread.submit(self._load, now)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the last look; return whether there is a model. Raises TimeoutError."""
        if self._looking is not None:
            self._looking.result(timeout_s)
        return self._loaded is not None

    @property
    def degraded(self) -> tuple[str, ...]:
        """Codes that every answer to a query that was begun carries."""
        return ("embedder_unavailable",) if self._loaded is None else self._loaded.degraded

    def begin(self, queries: Sequence[Query]) -> Mapping[str, Pending]:
        """Begin to embed queries, and return what each will be, by the id of its request; nothing without a model."""
        if not queries or (self._loaded is None and not self._is_loading):
            return {}
        begun: dict[str, Pending] = {job.id: Future() for job, _ in queries}
        self._thread.submit(self._embed, queries, begun)
        return begun

    def facts(self) -> dict[str, object]:
        """Return whether it can embed, and how batches and cache do."""
        return {
            "embeds": self._loaded is not None,
            "batches": self._batch_queue.batches,
            "windows": self._batch_queue.windows,
            "cache_hits": self._cache.hits,
            "cache_misses": self._cache.misses,
        }

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def _is_loading(self) -> bool:
        return self._loading is not None and not self._loading.done()

    def _load(self, now: float) -> None:
        """Load the model, if an embed worker has made another graph since the last try, or that was long ago."""
        signs = shared_signs(self._settings)
        if signs != self._signs:
            self._retry_s = _RETRY_S
        elif now < self._retry_at:
            return
        self._signs, self._retry_at, self._retry_s = signs, now + self._retry_s, min(2 * self._retry_s, _RETRY_MOST_S)
        try:
            self._loaded = choose_shared(self._settings)
        except MemmuxError as error:  # an embed worker says what to do about it
            if error.code != self._failure:
                log.get().warning("queries_without_model", code=error.code, error=error.message)
            self._failure = error.code

    def _embed(self, queries: Sequence[Query], begun: Mapping[str, Pending]) -> None:
        """Settle every query that was begun, whatever happens."""
        try:
            self._embed_all(queries, begun)
        except BaseException as error:  # noqa: BLE001  # it is raised where the query is waited for
            for pending in begun.values():
                if not pending.done():
                    pending.set_exception(error)

    def _known(self, job: Job, text: str, embedder: Embedder | None) -> Embedding | None:
        """Return the embedding of a query that was asked before; a health check's is made each time."""
        if embedder is None or job.operation != "memory.search":
            return None
        return self._cache.get(embedder.name, text)

    def _embed_all(self, queries: Sequence[Query], begun: Mapping[str, Pending]) -> None:
        embedder = self._loaded
        for job, text in queries:
            known = self._known(job, text, embedder)
            if embedder is None or known is not None:
                begun[job.id].set_result(known)
            else:
                self._batch_queue.add(Work.of(job, (text,), embedder, silent))
        while embedder is not None and self._batch_queue:
            for work, (job, outcome) in self._batch_queue.embed_next(embedder):
                if isinstance(outcome, MemmuxError):
                    begun[job.id].set_exception(outcome)
                    continue
                embedding = work.embedding(embedder.name)
                if job.operation == "memory.search":
                    self._cache.put(work.texts[0], embedding)
                begun[job.id].set_result(embedding)
