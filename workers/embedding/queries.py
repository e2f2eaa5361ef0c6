"""Queries: a model in a second thread of a read worker, which embeds queries while the first thread ranks by words.

A reader uses a model only by its packed graph, which an embed worker has made: so its weights are in memory once for
all processes. Until that is there, and for models that have none, queries go through an embed worker.

Queries are embedded by the model whose vectors are searched, which is not that of the settings while the one takes the
place of the other. Then both are loaded, so that a query can be embedded again if they change places meanwhile.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.wire.embeddings import Embedding
from workers.embedding.batches import BatchQueue, Work
from workers.embedding.cache import QueryCache
from workers.embedding.choose import choose_shared, known_shared, shared_signs
from workers.embedding.interface import Embedder, Named
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
        self._loaded: Embedder | None = None  # of the settings
        self._beside: Embedder | None = None  # the one that is searched with, where that is another
        self._current: Named | None = None  # which that is; None where nothing has a vector
        self._cache, self._batch_queue = QueryCache(), BatchQueue()
        self._thread = ThreadPoolExecutor(1, "queries")
        self._loading: Future[None] | None = None  # the first look
        self._looking: Future[None] | None = None  # the last one
        self._look_at = -math.inf
        self._signs: tuple[Collection[object], Named | None] | None = None  # of the last try to load them
        self._retry_s, self._retry_at = _RETRY_S, -math.inf
        self._failure = ""  # the code with which the last look failed, which is logged once

    def follow(self, current: Named | None) -> None:
        """Embed by the model that is searched with from now on, if it is loaded."""
        if current != self._current:
            self._current, self._look_at = current, -math.inf

    def load(self) -> None:
        """Begin to look for the models; queries wait for the end of that."""
        now = time.monotonic()
        self._look_at = now + _LOOK_S
        self._loading = self._looking = self._thread.submit(self._load, now)

    def look_again(self) -> None:
        """Look once more, if a model is missing and the last look was a while ago; no query waits for that."""
        now = time.monotonic()
        missing = self._loaded is None or self._embedder is None or self._beside not in (None, self._embedder)
        if missing and self._looking is not None and self._looking.done() and now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._looking = self._thread.submit(self._load, now)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the last look; return whether there is a model. Raises TimeoutError."""
        if self._looking is not None:
            self._looking.result(timeout_s)
        return self._embedder is not None

    @property
    def _embedder(self) -> Embedder | None:
        """The one that is searched with, if it is loaded."""
        name = None if self._current is None else self._current.name
        return next((one for one in (self._loaded, self._beside) if one and name in (None, one.name)), None)

    @property
    def degraded(self) -> tuple[str, ...]:
        """Codes that every answer to a query that was begun carries."""
        return ("embedder_unavailable",) if self._embedder is None else self._embedder.degraded

    def begin(self, queries: Sequence[Query]) -> Mapping[str, Pending]:
        """Begin to embed queries, and return what each will be, by the id of its request; nothing without a model."""
        if not queries or (self._embedder is None and not self._is_loading):
            return {}
        begun: dict[str, Pending] = {job.id: Future() for job, _ in queries}
        self._thread.submit(self._embed, queries, begun)
        return begun

    def again(self, query: Query, current: Named | None, made: Embedding) -> Pending | None:
        """Begin to embed a query by the model that is searched with by now, if that is another, and loaded."""
        if current is None or current.name == made.model or self._beside is None:
            return None
        self.follow(current)
        return self.begin([query]).get(query[0].id)

    def facts(self) -> dict[str, object]:
        """Return whether it can embed, and how batches and cache do."""
        return {
            "embeds": self._embedder is not None,
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
        """Load what is missing, if there are other graphs or another model is searched with, or once in a while."""
        current, settings = self._current, self._settings
        signs = (shared_signs(settings), current)
        if signs != self._signs:
            self._retry_s = _RETRY_S
        elif now < self._retry_at:
            return
        self._signs, self._retry_at, self._retry_s = signs, now + self._retry_s, min(2 * self._retry_s, _RETRY_MOST_S)
        if self._loaded is None:
            self._loaded = self._sought(lambda: choose_shared(settings))
        if current is None or (self._loaded is not None and self._loaded.name == current.name):
            self._beside = None
        elif self._beside is None or self._beside.name != current.name:
            self._beside = self._sought(lambda: known_shared(settings, current))

    def _sought(self, load: Callable[[], Embedder | None]) -> Embedder | None:
        try:
            return load()
        except MemmuxError as error:  # an embed worker says what to do about it
            if error.code != self._failure:
                log.get().warning("queries_without_model", code=error.code, error=error.message)
            self._failure = error.code
            return None

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
        embedder = self._embedder
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
