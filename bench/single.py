"""The baseline: the same embedding and storage code, called in this process by its only user."""

from __future__ import annotations

import math
from collections.abc import Sequence

from memmux.errors import MemmuxError
from memmux.ids import uuid7
from memmux.models import SearchResult
from memmux.requests import Search, Store, StoreBatch
from memmux.settings import Settings
from memmux.vectors import Embedding
from workers.embed import EmbedWorker
from workers.jobs import Answer, Job, Worker
from workers.read import ReadWorker


class Single:
    """A memory without a cluster, for reading."""

    def __init__(self, settings: Settings) -> None:
        self._embedder = EmbedWorker(settings)
        self._reader = ReadWorker(settings)

    def open_embedder(self) -> None:
        """Load the model; export it first, where that was never done."""
        self._embedder.open()

    def open_reader(self) -> None:
        """Open the database, which the cluster has made."""
        self._reader.open()

    def close(self) -> None:
        """Close the database."""
        self._reader.close()
        self._embedder.close()

    def search(self, query: str) -> SearchResult:
        """Search as `memmux.Client.search` does."""
        body = Search(query=query).to_body()
        embedded = _done(self._embedder, "memory.search", (body,))
        answer = _done(self._reader, "memory.search", (body, *embedded.frames))
        return SearchResult.from_body(answer.frames[0], (*embedded.degraded, *answer.degraded))

    def embed(self, texts: Sequence[str]) -> Embedding:
        """Return the embeddings of some texts."""
        body = StoreBatch(memories=tuple(Store(content=text) for text in texts)).to_body()
        return Embedding.from_frames(_done(self._embedder, "memory.store_batch", (body,)).frames)


def _done(worker: Worker, operation: str, frames: tuple[bytes, ...]) -> Answer:
    job = Job(
        id=uuid7(),
        operation=operation,
        frames=frames,
        key="",
        client="bench",
        deadline=math.inf,
        attempt=1,
        degraded=(),
    )
    ((_, outcome),) = worker.handle((job,), lambda: None)
    if isinstance(outcome, MemmuxError):
        raise outcome
    return outcome
