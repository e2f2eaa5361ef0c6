"""Batches: in what order the windows of waiting jobs go through the model, and how many at once.

Interactive work goes before bulk, short before long. A batch is small. Without padding, some 50 tokens have all that
the processor gains by more (a token takes 0.30 ms in a text of 11 alone, 0.19 among 50 and more), and beyond 100 each
looks at too many that are not of its text. A batch that is padded to its longest window has windows of like length, and
gains up to some 200 tokens.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from memmux.errors import MemmuxError
from memmux.wire.embeddings import Embedding, Window
from memmux.wire.operations import OPERATIONS
from workers.embedding.interface import Embedder, Vectors
from workers.runtime.jobs import Alive, Answer, Job, Outcome

BATCH_WINDOWS = 16
OLDEST_EVERY = 8  # each batch of so many is of the job that has waited longest
PACKED_TOKENS = 64  # as guessed, where none are padding
PADDED_TOKENS = 384  # with the padding: about 0.1 s of one core
UNLIKE = 1.6  # times the shortest window of a padded batch, which the longest does not exceed
TOKEN_BYTES = 3  # of UTF-8: a low guess at what a token takes of a text
LATER_BYTES = 32_000  # of a text that is stored at once and gets its vectors later: they take some 3 s of one core
LOOK_S = 0.002  # for which is waited for a batch while another one could begin, if only anything came
FULL_S = 0.05  # the same, while none could
NICENESS = 5  # of what goes through it in threads, a third of the others' share where all processors are busy
HUNG_S = 120.0  # of one batch, which takes a tenth of a second
TURN_S = 1.0  # counted of the time between two turns: a machine that sleeps, or stands still, is not hung
PATIENCE = 0.5  # of the time that a request to store has left, after which it goes on without vectors
LATER = "indexing"  # the code that says so


@dataclass(slots=True, eq=False)
class Work:
    """One job with its texts cut into windows, and the vectors that are there so far.

    rows: shape (windows, dimensions). missing: how many of them are not there yet. bulk: nobody waits for it at a
    prompt. queries: the texts are asked for, and not stored. until: when it is better stored without vectors, which a
    backfill makes, in monotonic seconds. begun: how many of its windows are in a batch, or have been; began: since when
    the first is.
    """

    job: Job
    texts: Sequence[str]
    windows: tuple[tuple[Window, ...], ...]
    rows: Vectors = field(repr=False)
    missing: int
    bulk: bool
    queries: bool = False
    until: float = math.inf
    begun: int = 0
    began: float | None = None

    @classmethod
    def of(cls, job: Job, texts: Sequence[str], embedder: Embedder, alive: Alive) -> Work:
        """Return the work that `job` is."""
        windows = []
        for text in texts:
            windows.append(embedder.windows(text, alive))
            alive()
        count = sum(map(len, windows))
        rows = np.empty((count, embedder.dimensions), dtype=np.float32)
        operation, now = OPERATIONS[job.operation], time.monotonic()
        until = now + PATIENCE * (job.deadline - now) if operation.writes and not operation.internal else math.inf
        return cls(job, texts, tuple(windows), rows, count, operation.bulk, not operation.writes, until)

    def embedding(self, model: str) -> Embedding:
        """Return the finished embedding."""
        return Embedding(model, self.rows.shape[1], self.windows, self.rows.astype("<f4", copy=False).tobytes())


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One window of a job: where its vector goes, its text, and a guess at its tokens.

    before: how many jobs came before its own. order: sorts interactive jobs first, then jobs of few windows, then short
    windows, then jobs that came first.
    """

    work: Work
    row: int
    text: str
    tokens: int
    before: int
    order: tuple[bool, int, int, int]

    @property
    def kind(self) -> tuple[bool, bool]:
        """What the windows of a batch have in common."""
        return self.work.bulk, self.work.queries


_ORDER = attrgetter("order")


def pieces(work: Work, embedder: Embedder, before: int) -> Iterator[Piece]:
    """Yield every window of `work`; before: how many jobs came before it.

    What is padded goes with what is as short. Where nothing is, all that fit a batch count as equally short.
    """
    most, least, row = embedder.max_tokens, PACKED_TOKENS if embedder.packs else 0, 0
    for text, windows in zip(work.texts, work.windows, strict=True):
        for start, end in windows:
            window = text[start:end]
            # A window of several is a full one.
            tokens = most if len(windows) > 1 else min(most, len(window.encode()) // TOKEN_BYTES + 2)
            yield Piece(work, row, window, tokens, before, (work.bulk, len(work.rows), max(least, tokens), before))
            row += 1


class BatchQueue:
    """The windows that wait for the model, through which they go in batches; more may come in between.

    at_once: so many batches at the same time, and one of them of bulk work, where the model is for several threads.
    batches, windows: how many of each have gone through it.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self.batches = 0
        self.windows = 0
        self._added: list[Work] = []
        self._waiting: list[Piece] = []  # the next are at the end
        self._running: dict[Future[Vectors], tuple[list[Piece], float]] = {}  # batches in threads, and their `_ran_s`
        self._unfinished: dict[Work, None] = {}  # in the order in which they came
        self._came = 0
        self._turns = 0
        self._ran_s, self._ran_at = 0.0, time.monotonic()
        # Threads begin when they are needed; those of queries, which few embed workers have, give way to nobody.
        self._threads, self._query_threads = ThreadPoolExecutor(initializer=_give_way), ThreadPoolExecutor()

    def __bool__(self) -> bool:
        """Return whether anything waits, or goes through the model."""
        return bool(self._added or self._waiting or self._running)

    def add(self, work: Work) -> None:
        """Let the windows of one more job wait."""
        self._added.append(work)

    def embed_next(self, embedder: Embedder) -> Iterator[tuple[Work, Outcome]]:
        """Put what is next through the model, and yield the jobs that are done with it, each with its outcome.

        What goes through it in threads may be done in a later turn. Jobs that are cancelled or late end here, before
        they cost anything, and those that go on without vectors.
        """
        yield from self._sort_in(embedder)
        yield from self._drop_unwanted()
        threads = self._at_once > 1 and embedder.threads
        for batch, vectors in self._in_threads(embedder) if threads else self._here(embedder):
            self.batches += 1
            self.windows += len(batch)
            for piece, vector in zip(batch, vectors, strict=True):
                work = piece.work
                work.rows[piece.row] = vector
                work.missing -= 1
                if not work.missing and work in self._unfinished:
                    del self._unfinished[work]
                    yield work, (work.job, _answer(work, embedder))

    def _here(self, embedder: Embedder) -> Iterator[tuple[list[Piece], Vectors]]:
        """Remove the next batch, if anything waits, and yield it with its vectors."""
        if self._waiting:
            batch = self._take(_packed if embedder.packs else _padded)
            yield batch, _embed(embedder, batch)

    def _in_threads(self, embedder: Embedder) -> Iterator[tuple[list[Piece], Vectors]]:
        """Begin as many batches as there may be, and yield those that are done by now, or in a moment."""
        while self._waiting and self._begins_next():
            batch = self._take(_packed if embedder.packs else _padded)
            threads = self._query_threads if batch[0].work.queries else self._threads
            self._running[threads.submit(_embed, embedder, batch)] = batch, self._ran_s
        full = len(self._running) >= self._at_once
        done, _ = wait(self._running, FULL_S if full else LOOK_S, FIRST_COMPLETED)
        for future in done:
            yield self._running.pop(future)[0], future.result()
        now = time.monotonic()
        self._ran_s, self._ran_at = self._ran_s + min(TURN_S, now - self._ran_at), now
        if any(self._ran_s - began >= HUNG_S for _, began in self._running.values()):
            raise RuntimeError(f"the model has been at a batch for {HUNG_S:g} s")  # who hangs does not come back

    def _begins_next(self) -> bool:
        """Return whether another batch may go through the model at the same time."""
        return len(self._running) < self._at_once and not (self._bulk_runs and self._waiting[-1].work.bulk)

    @property
    def _bulk_runs(self) -> bool:
        return any(batch[0].work.bulk for batch, _ in self._running.values())

    def _sort_in(self, embedder: Embedder) -> Iterator[tuple[Work, Outcome]]:
        """Put what was added in its place; what has no windows is done."""
        added, self._added = self._added, []
        for work in added:
            if work.missing:
                self._unfinished[work] = None
                self._waiting.extend(pieces(work, embedder, self._came))
                self._came += 1
            else:
                yield work, (work.job, _answer(work, embedder))
        if added:
            self._waiting.sort(key=_ORDER, reverse=True)

    def _drop_unwanted(self) -> Iterator[tuple[Work, Outcome]]:
        for work in list(self._unfinished):
            late = work.begun < len(work.rows) and time.monotonic() >= work.until  # else it is all but done
            outcome: Answer | MemmuxError | None = Answer((), (LATER,)) if late else None
            try:
                work.job.check()
            except MemmuxError as error:
                outcome = error
            if outcome is not None:
                self._waiting = [piece for piece in self._waiting if piece.work is not work]
                del self._unfinished[work]
                yield work, (work.job, outcome)

    def _take(self, fit: Callable[[Sequence[Piece]], bool]) -> list[Piece]:
        """Remove and return the next batch; bulk work never shares one with interactive, nor queries with the rest.

        Now and then it is the turn of the job that has waited longest, so that none waits for ever.
        """
        self._turns += 1
        waiting, passed = self._waiting, []
        if self._turns % OLDEST_EVERY == 0:
            bulk_runs = self._bulk_runs
            oldest = min(piece.before for piece in waiting if not (bulk_runs and piece.work.bulk))
            passed = [piece for piece in waiting if piece.before != oldest]
            waiting = [piece for piece in waiting if piece.before == oldest]
        batch = [waiting.pop()]
        while waiting and len(batch) < BATCH_WINDOWS:
            if waiting[-1].kind != batch[0].kind or not fit([*batch, waiting[-1]]):
                break
            batch.append(waiting.pop())
        if waiting is not self._waiting:
            self._waiting = sorted((*passed, *waiting), key=_ORDER, reverse=True)
        now = time.monotonic()
        for piece in batch:
            piece.work.begun += 1
            piece.work.began = now if piece.work.began is None else piece.work.began
        return batch


def _packed(batch: Sequence[Piece]) -> bool:
    """Return whether windows may go through a model together that has no padding."""
    return sum(piece.tokens for piece in batch) <= PACKED_TOKENS


def _padded(batch: Sequence[Piece]) -> bool:
    """Return whether windows may be padded to the longest of them."""
    tokens = [piece.tokens for piece in batch]
    return max(tokens) * len(batch) <= PADDED_TOKENS and max(tokens) <= UNLIKE * min(tokens)


def _give_way() -> None:
    """Have the work of this thread done after that of readers, who embed what is asked for: both cores may be full."""
    if sys.platform == "linux":  # elsewhere all threads of a process are as nice
        with suppress(OSError):
            niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _embed(embedder: Embedder, batch: Sequence[Piece]) -> Vectors:
    return embedder.embed([piece.text for piece in batch], queries=batch[0].work.queries)


def _answer(work: Work, embedder: Embedder) -> Answer:
    return Answer(work.embedding(embedder.name).frames(), embedder.degraded, began=work.began)
