"""Query vectors: the embeddings that a reader's requests came with, or that are made here while it ranks by words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from memmux.errors import MemmuxError
from memmux.wire.requests import Search
from workers.embedding.interface import Named
from workers.embedding.queries import Pending, QueryEmbedder
from workers.embedding.texts import HEALTH_TEXT
from workers.runtime.jobs import Alive, Job

FOLLOW_S = 0.5  # between two looks which model is searched with, while nothing is to be embedded
_LOOK_S = 0.05  # between two signs of life while a query is being embedded


class QueryVectors:
    """The embeddings of the requests that a reader has at the moment.

    queries: makes them. current: returns which model is searched with; it may fail as the database does.
    """

    def __init__(self, queries: QueryEmbedder, current: Callable[[], Named | None]) -> None:
        self._queries = queries
        self._current = current
        self._pending: Mapping[str, Pending] = {}
        self._follow_at = -math.inf

    def begin(self, jobs: Sequence[Job]) -> None:
        """Begin to embed what has to be for some requests; those of before are answered."""
        asked = [(job, text) for job in jobs if (text := _to_embed(job)) is not None]
        self._pending = self._queries.begin(asked)  # at once: should the model be another by now, `frames` sees to it
        if asked or time.monotonic() >= self._follow_at:
            self.follow()

    def follow(self) -> None:
        """Embed by the model that is searched with; a database that can't be read says so later."""
        self._follow_at = time.monotonic() + FOLLOW_S
        with suppress(MemmuxError):
            self._queries.follow(self._current())

    def are_made(self, job: Job) -> bool:
        """Return whether the embedding of a request is being made here."""
        return job.id in self._pending

    def degraded(self, job: Job) -> tuple[str, ...]:
        """Return the codes of what the embedding of a request has to do without."""
        return self._queries.degraded if job.id in self._pending else ()

    def frames(self, job: Job, alive: Alive) -> Sequence[bytes]:
        """Return the frames of the embeddings that came with a request, or are made here; none if there are none."""
        pending, text = self._pending.get(job.id), _to_embed(job)
        current = None if pending is None else self._current()  # while it is being embedded
        while pending is not None and text is not None:
            try:
                made = pending.result(_LOOK_S)
            except TimeoutError:
                alive()
                continue
            pending = None if made is None else self._queries.again((job, text), current, made)
            if pending is None:
                return () if made is None else made.frames()
        return job.frames[1:]


def _to_embed(job: Job) -> str | None:
    """Return the text that is to be embedded here for a request, if one is; what is wrong with it is said later."""
    if len(job.frames) != 1 or job.operation not in ("memory.search", "health.read"):
        return None
    if job.operation == "health.read":
        return HEALTH_TEXT
    with suppress(MemmuxError):
        asked = job.body(Search)
        return asked.query if asked.embeds else None
    return None
