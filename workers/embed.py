"""The embed worker: turns the texts of requests into vectors, many requests at a time.

While another model takes the place of the one whose vectors are searched, both are loaded, and a text gets the vectors
of both: what is stored is found at once, and after the switch; and a reader takes of a query the one that it needs.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import OPERATIONS, Stage
from workers.embedding.batches import LATER, LATER_BYTES, BatchQueue, Work
from workers.embedding.cache import QueryCache
from workers.embedding.choose import choose, known
from workers.embedding.interface import Embedder, Named
from workers.embedding.texts import texts_of
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.storage import backfill
from workers.storage.sqlite.serving import Serving

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AT_ONCE = min(4, PROCESSORS)  # batches, of stores that are waited for; no machine is all theirs
LOOK_S = 1.0  # between two looks at which model is searched with
_SEARCH = "memory.search"


class EmbedWorker:
    """Runs the model of the settings, and maybe the one before it."""

    stage = Stage.EMBED
    retiring = False
    credit = 16  # as many as four batches of short texts

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = QueryCache()
        self._loaded: Embedder | None = None
        self._beside: Embedder | None = None  # the one that is searched with, where that is another
        self._batch_queue, self._beside_queue = BatchQueue(AT_ONCE), BatchQueue(AT_ONCE)
        self._switched = False  # the other one is needed only by what waits for it
        self._made: dict[Work, tuple[bytes, ...]] = {}  # the frames of the other model, by the work that is left
        self._serving = _serving(settings)
        self._looked = -math.inf
        self._sought: Named | None = None  # what was looked for last
        self._lost = ""  # why it can't be had

    @property
    def _embedder(self) -> Embedder:
        assert self._loaded is not None, "the worker is not open"
        return self._loaded

    def open(self, alive: Alive = silent) -> None:  # noqa: ARG002  # loading a model is one call
        """Load the model; raise ModelMissingError, ModelInvalidError or ModelUnsupportedError when it can't be."""
        self._loaded = choose(self._settings)
        self._loaded.embed(["the first text takes longer than any other"])
        self._look()

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Yield what is known at once: embeddings from the cache, and what is wrong. The rest is put off."""
        if self._beside is not None:
            self._look()
        for job in jobs:
            try:
                texts = texts_of(job, self._embedder.name)
            except MemmuxError as error:
                yield job, error
                continue
            if _later(job, texts):
                yield job, Answer((), (LATER,))
            elif job.operation == _SEARCH and (known := self._cached(texts[0])):
                yield job, self._answer(job, tuple(frame for one in known for frame in one.frames()))
            else:
                self._batch_queue.add(Work.of(job, texts, self._embedder, alive))

    @property
    def due_s(self) -> float:
        """How soon the next batch wants to go through the model: at once, if there is any."""
        return 0.0 if self._batch_queue or self._beside_queue else math.inf

    def late(self, alive: Alive) -> Iterator[Outcome]:
        """Put a batch through each model and yield the requests that they complete, as `memmux.wire.embeddings`."""
        if self._batch_queue:
            alive()
            for work, outcome in self._batch_queue.embed_next(self._embedder):
                yield from self._embedded(work, outcome, self._embedder, alive)
        if self._beside is not None and self._beside_queue:
            alive()
            for work, outcome in self._beside_queue.embed_next(self._beside):
                yield from self._embedded(work, outcome, self._beside, alive)
        self._let_go()

    def _let_go(self) -> None:
        """Do without the other model once nothing waits for it."""
        if self._switched and not self._beside_queue:
            self._beside, self._switched = None, False

    def _embedded(self, work: Work, outcome: Outcome, by: Embedder, alive: Alive) -> Iterator[Outcome]:
        """Yield the outcome of a request, unless the other model has to do with it yet."""
        job, answer = outcome
        made = self._made.pop(work, ())
        if isinstance(answer, MemmuxError) or work.missing:
            yield job, answer
            return
        if job.operation == _SEARCH:
            self._cache.put(work.texts[0], work.embedding(by.name))
        frames = (*made, *answer.frames)
        other = None if self._switched or by is self._beside else self._beside
        if other is None or job.operation == backfill.OPERATION:
            yield job, self._answer(job, frames, work.began)
        else:
            rest = Work.of(job, work.texts, other, alive)
            self._made[rest] = frames
            self._beside_queue.add(rest)

    def _answer(self, job: Job, frames: tuple[bytes, ...], began: float | None = None) -> Answer:
        used = [self._embedder, *([self._beside] if self._beside and job.operation != backfill.OPERATION else [])]
        return Answer(frames, tuple(dict.fromkeys(code for one in used for code in one.degraded)), began=began)

    def _cached(self, text: str) -> list[Embedding]:
        """Return the embeddings of a query by all models that are loaded; none if one of them is not known."""
        models = [self._embedder, *([self._beside] if self._beside else [])]
        found = [self._cache.get(one.name, text) for one in models]
        return [one for one in found if one is not None] if all(found) else []

    def _look(self) -> None:
        """See which model is searched with, and have it loaded while it is another one."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        named = self._serving.model()
        if named is None or named.name == self._embedder.name:
            self._sought, self._switched = None, self._beside is not None
            self._let_go()
        elif named != self._sought and not self._beside_queue:
            self._sought, self._switched = named, False
            try:
                self._beside, self._lost = known(self._settings, named), ""
            except MemmuxError as error:
                self._beside = None
                self._lost = (
                    f"the model before, {named.name}, can't be loaded ({error.message}), so its vectors find nothing: "
                    f"searches go by words, and by meaning as far as there are vectors of {self._embedder.name}"
                )
                log.get().warning("model_lost", model=named.name, now=self._embedder.name, error=error.message)

    def facts(self) -> dict[str, object]:
        """Return which model this is, what runs it, and how the cache does; empty before `open`.

        source: what the settings call it. beside: the name of the other one that is loaded. lost: why that is not.
        """
        if self._loaded is None:
            return {}
        hashed = self._settings.embedder is EmbedderChoice.HASH
        return {
            "model": self._loaded.name,
            "source": self._loaded.name if hashed else self._settings.model,
            "beside": "" if self._beside is None else self._beside.name,
            "lost": self._lost,
            "dimensions": self._loaded.dimensions,
            "backend": self._loaded.backend,
            "max_tokens": self._loaded.max_tokens,
            "batches": self._batch_queue.batches + self._beside_queue.batches,
            "windows": self._batch_queue.windows + self._beside_queue.windows,
            "cache_hits": self._cache.hits,
            "cache_misses": self._cache.misses,
            "degraded": list(self._loaded.degraded),
        }

    def idle(self, alive: Alive = silent) -> None:  # noqa: ARG002 - it asks for a moment at most
        """See whether another model is searched with."""
        self._look()

    def close(self) -> None:
        """Leave the database."""
        self._serving.close()


class _Serving(Protocol):
    """What knows by which model's vectors a database is searched."""

    def model(self) -> Named | None:
        """Return the current model; None where nothing has a vector, or nothing can be read."""

    def close(self) -> None:
        """Leave the database."""


def _serving(settings: Settings) -> _Serving:
    """Return that of whichever engine keeps the database."""
    if settings.read_server is None:
        return Serving(settings.database)
    from workers.storage.postgres.serving import Serving as ServingOfServers  # only where the driver is there

    return ServingOfServers(settings.read_server)


def _later(job: Job, texts: Sequence[str]) -> bool:
    """Return whether a request is to store what takes longer to embed than whoever asks for it wants to wait."""
    operation = OPERATIONS[job.operation]
    kept = operation.writes and not operation.internal
    return kept and any(len(text.encode()) > LATER_BYTES for text in texts)
