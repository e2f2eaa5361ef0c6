"""The baseline: the same embedding and storage code, called in this process by its only user."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import orjson
from numpy.typing import NDArray

from memmux.client.calls import Vector, embedding_of
from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import MemmuxError
from memmux.wire.answers import SearchResult, Stored
from memmux.wire.embeddings import Embedding
from memmux.wire.ids import uuid7
from memmux.wire.requests import Filter, Mode, Search, Store, StoreBatch
from workers.embed import EmbedWorker
from workers.read import ReadWorker
from workers.runtime.jobs import Answer, Job, Worker, work_off
from workers.write import WriteWorker

_NOWHERE = Path(tempfile.gettempdir()) / "memmux-no-database" / "bench.db"  # which is never made
LOAD_S = 60.0  # for the model, at most


def model_alone() -> Settings:
    """Return this machine's settings for the real model: what a user's own database is searched with is no matter."""
    return replace(load(), embedder=EmbedderChoice.ONNX, server=None, database=_NOWHERE, adopt_from=None)


class Single:
    """A memory without a cluster; what of it is opened can be used, and is closed with it. A context manager.

    search and store do what `memmux.Client` does, and take what the harness gives to either.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = ExitStack()
        self._embedder = EmbedWorker(settings)
        self._reader = ReadWorker(settings)
        self._writer = WriteWorker(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open_embedder(self) -> None:
        """Load the model."""
        self._open(self._embedder)

    def open_reader(self) -> None:
        """Open the database, which the cluster has made, and wait for the model of its queries."""
        self._open(self._reader)
        if not self._reader.queries.wait(LOAD_S):
            raise TimeoutError("there is no packed graph of the model; start a cluster with it first")

    def open_writer(self, database: Path) -> None:
        """Open a database for writing that no cluster serves: a database has one writer."""
        self._writer = WriteWorker(replace(self._settings, database=database, adopt_from=None))
        self._open(self._writer)

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    def search(
        self, query: str, *, mode: Mode = Mode.HYBRID, tags: Sequence[str] = (), vector: Vector | None = None
    ) -> SearchResult:
        """Find the best memories for a query."""
        body = Search(query=query, mode=mode, filter=Filter(tags=tuple(tags))).to_body()
        answer = _done(self._reader, "memory.search", (body, *self._brought(query, vector)))
        return SearchResult.from_body(answer.frames[0]).with_degraded(answer.degraded)

    def store(self, content: str, *, vector: Vector | None = None) -> Stored:
        """Keep one memory."""
        body = Store(content=content).to_body()
        embedded = self._brought(content, vector) or _done(self._embedder, "memory.store", (body,)).frames
        answer = _done(self._writer, "memory.store", (body, *embedded))
        return Stored(**orjson.loads(answer.frames[0])).with_degraded(answer.degraded)

    def embed_query(self, query: str) -> None:
        """Embed a query, without searching for it."""
        _done(self._embedder, "memory.search", (Search(query=query).to_body(),))

    def embed(self, texts: Sequence[str]) -> Embedding:
        """Return the embeddings of some texts."""
        body = StoreBatch(memories=tuple(Store(content=text) for text in texts)).to_body()
        return Embedding.from_frames(_done(self._embedder, "memory.store_batch", (body,)).frames)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector a text, of its first window; shape (texts, dimensions)."""
        embedding = self.embed(texts)
        rows = np.frombuffer(embedding.data, "<f4").reshape(-1, embedding.dimensions)
        firsts = np.cumsum([0, *(len(windows) for windows in embedding.windows[:-1])])
        found: NDArray[np.float32] = rows[firsts]
        return found

    def _open(self, worker: Worker) -> None:
        worker.open()
        self._opened.callback(worker.close)

    def _brought(self, text: str, vector: Vector | None) -> tuple[bytes, ...]:
        """Return the frames of a vector that the caller made; none where there is no such."""
        if vector is None:
            return ()
        model = str(self._embedder.facts()["model"])
        return replace(embedding_of([text], [vector]), model=model).frames()


def _done(worker: Worker, operation: str, frames: tuple[bytes, ...]) -> Answer:
    name = uuid7()
    job = Job(
        id=name,
        operation=operation,
        frames=frames,
        key=name,
        client="bench",
        deadline=math.inf,
        attempt=1,
        degraded=(),
    )
    ((_, outcome),) = work_off(worker, (job,))
    if isinstance(outcome, MemmuxError):
        raise outcome
    return outcome
