"""Batches: in what order the windows of waiting jobs go through the model, and how many at once.

Interactive work goes before bulk, short before long. A batch is padded to its longest window, so its windows are of
like length; it is small enough that the model is never busy for long with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memmux.errors import MemmuxError
from memmux.operations import OPERATIONS
from memmux.vectors import Embedding, Window
from workers.embedding.interface import Embedder, Vectors
from workers.jobs import Alive, Answer, Job, Outcome

BATCH_WINDOWS = 16
BATCH_TOKENS = 1024  # padding included: about 0.4 s of one core, and 80 MB of activations
TOKEN_BYTES = 3  # of UTF-8: a low guess at what a token takes of a text


@dataclass(slots=True, eq=False)
class Work:
    """One job with its texts cut into windows, and the vectors that are there so far.

    rows: shape (windows, dimensions). missing: how many of them are not there yet.
    """

    job: Job
    texts: Sequence[str]
    windows: tuple[tuple[Window, ...], ...]
    rows: Vectors = field(repr=False)
    missing: int

    @classmethod
    def of(cls, job: Job, texts: Sequence[str], embedder: Embedder, alive: Alive) -> Work:
        """Return the work that `job` is."""
        windows = []
        for text in texts:
            windows.append(embedder.windows(text))
            alive()
        count = sum(map(len, windows))
        return cls(job, texts, tuple(windows), np.empty((count, embedder.dimensions), dtype=np.float32), count)

    def embedding(self, model: str) -> Embedding:
        """Return the finished embedding."""
        return Embedding(model, self.rows.shape[1], self.windows, self.rows.astype("<f4", copy=False).tobytes())


@dataclass(frozen=True, slots=True)
class Piece:
    """One window of a job: where its vector goes, its text, and a guess at its tokens."""

    work: Work
    row: int
    text: str
    tokens: int

    @property
    def order(self) -> tuple[bool, int, int]:
        """Sorts interactive jobs first, then jobs of few windows, then short windows."""
        return OPERATIONS[self.work.job.operation].bulk, len(self.work.rows), self.tokens


def pieces(works: Sequence[Work], max_tokens: int) -> list[Piece]:
    """Return every window of `works`, in the order in which they go through the model."""
    found = []
    for work in works:
        row = 0
        for text, windows in zip(work.texts, work.windows, strict=True):
            for start, end in windows:
                window = text[start:end]
                # A window of several is a full one.
                tokens = max_tokens if len(windows) > 1 else min(max_tokens, len(window.encode()) // TOKEN_BYTES + 2)
                found.append(Piece(work, row, window, tokens))
                row += 1
    return sorted(found, key=lambda piece: piece.order)


def batches(ordered: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield `ordered` in batches within both bounds; bulk work is never in one batch with interactive."""
    batch: list[Piece] = []
    longest = 0
    for piece in ordered:
        longest = max(longest, piece.tokens)
        full = len(batch) == BATCH_WINDOWS or longest * (len(batch) + 1) > BATCH_TOKENS
        if batch and (full or piece.order[0] != batch[0].order[0]):
            yield batch
            batch, longest = [], piece.tokens
        batch.append(piece)
    if batch:
        yield batch


def run(works: Sequence[Work], embedder: Embedder, alive: Alive) -> Iterator[tuple[Work, Outcome]]:
    """Yield each of `works` with its outcome as soon as it is there; one that is cancelled or late ends at once."""
    ended: set[Work] = set()
    for work in works:
        if not work.missing:
            yield work, (work.job, _answer(work, embedder))
    for planned in batches(pieces(works, embedder.max_tokens)):
        alive()
        for work in dict.fromkeys(piece.work for piece in planned if piece.work not in ended):
            try:
                work.job.check()
            except MemmuxError as error:
                ended.add(work)
                yield work, (work.job, error)
        batch = [piece for piece in planned if piece.work not in ended]
        if not batch:
            continue
        for piece, vector in zip(batch, embedder.embed([piece.text for piece in batch]), strict=True):
            piece.work.rows[piece.row] = vector
            piece.work.missing -= 1
            if not piece.work.missing:
                yield piece.work, (piece.work.job, _answer(piece.work, embedder))


def _answer(work: Work, embedder: Embedder) -> Answer:
    return Answer(work.embedding(embedder.name).frames(), embedder.degraded)
