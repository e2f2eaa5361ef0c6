"""The seam between workers and storage engines: SQLite behind it now, PostgreSQL for those who outgrow one machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from memmux.errors import MemmuxError
from memmux.wire import answers
from memmux.wire.answers import Change, Graph, Hit, Memory, Page, Verified
from memmux.wire.requests import (
    Changes,
    Dump,
    Duplicates,
    Get,
    HealthRow,
    History,
    List,
    Mode,
    Namespaces,
    Search,
    Store,
    Superseded,
    Tags,
    Timeline,
)
from memmux.wire.requests import Graph as GraphRequest
from workers.embedding.interface import Named
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.storage.records.embeddings import Embedded
from workers.storage.records.namespaces import BodyT, Placed

Query = Embedded | Callable[[], Embedded | None] | None
"""The embedding of a query, or what waits for one that is being made meanwhile; None where there is none."""
Embeddings = Sequence[Embedded] | Callable[[], Sequence[Embedded]]
"""The embeddings of a query, one by each model that made one, or what waits for those."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The outcome of a search, best first.

    mode: how it was ranked. degraded: codes of what the ranking had to do without. candidates: how many memories were
    ranked. index: what found those that are near by meaning: the name of its class, or nothing where none did.
    left_out: how many were ranked and are all left out, as none of them is relevant. short: the shortest beginning that
    names each, by its id, if that was asked for.
    """

    mode: Mode
    hits: tuple[Hit, ...]
    degraded: tuple[str, ...] = ()
    candidates: int = 0
    index: str = ""
    left_out: int = 0
    short: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Answers questions; each inside a snapshot, which is one short read transaction."""

    @property
    def seq(self) -> int:
        """The change that the last snapshot stood at."""

    @property
    def still(self) -> bool:
        """Whether it sees only what was there when it was opened, as nothing can be written to the disk."""

    @property
    def indexed(self) -> int:
        """How many vectors are found through an index that was built for them."""

    @property
    def model(self) -> Named | None:
        """The model whose vectors are searched, as of the snapshot, or else of the last one or now; None if none is."""

    @property
    def degraded(self) -> Sequence[str]:
        """Codes of what the last snapshot had to do without."""

    def facts(self) -> dict[str, object]:
        """Return memories, pending, at, waits, waited_s, asked_primary, rewound and reconnects; nothing of a file.

        rewound: how often its servers had lost changes that it had seen. at: the change where its replica stood when it
        was asked last. The others are counts of what was waited for.
        """

    def snapshot(self, deadline: float, alive: Alive, *, min_seq: int = 0) -> AbstractContextManager[None]:
        """Begin a snapshot of everything acknowledged before it; end it with the block.

        deadline: monotonic seconds, at which what runs is interrupted. alive: called often while something runs.
        min_seq: a change that it must have seen; 0 where its client was told of none.
        Raises StorageError and its kinds, and DeadlineExceededError.
        """

    def place(self, asked: BodyT, among: Sequence[str] | None = None) -> Placed[BodyT]:
        """Return a request with the namespaces that it means, as they are spelled, and notes on those not there.

        among: the only ones that its client may know, which it names exactly; None for all.
        Raises NotFoundError and ArgumentInvalidError.
        """

    def get(self, asked: Get) -> Memory:
        """Return one memory; raise NotFoundError."""

    def list(self, asked: List) -> Page:
        """Return a page of memories, newest first; raise MessageTooLargeError if no message could hold it."""

    def search(self, asked: Search, query: Embeddings, zone: str = "") -> SearchOutcome:
        """Return the best memories for a query, by keyword where meaning can't be compared.

        zone: the time zone of who asks, as a variable TZ names it; this machine's where it is empty.
        Raises ModelMismatchError and MessageTooLargeError, and what waiting for the embedding raises.
        """

    def similar(self, asked: Store, text: Sequence[Embedded]) -> Sequence[tuple[str, float]]:
        """Return ids and scores of memories that say nearly the same as one to be stored, best first.

        text: its embeddings, one by each model that made one.
        """

    def graph(self, asked: GraphRequest) -> Graph:
        """Return what is linked with a memory; raise NotFoundError."""

    def history(self, asked: History) -> Sequence[Change]:
        """Return the changes of one memory, newest first; raise NotFoundError."""

    def changes(self, asked: Changes) -> answers.Changes:
        """Return what happened after a change, oldest first."""

    def namespaces(self, asked: Namespaces) -> answers.Namespaces:
        """Return the namespaces and how many live memories each has, the most first."""

    def tags(self, asked: Tags) -> answers.Tags:
        """Return the tags and how many live memories each has, the most first."""

    def timeline(self, asked: Timeline, zone: str = "") -> answers.Timeline:
        """Return what happened on each day, counted; zone: as of `search`.

        Raises ArgumentInvalidError for a time zone that nobody knows.
        """

    def duplicates(self, asked: Duplicates) -> answers.Duplicates:
        """Return groups of memories that say nearly the same, as many as are found in a bounded time.

        Raises MessageTooLargeError.
        """

    def superseded(self, asked: Superseded) -> answers.Superseded:
        """Return a page of memories that a newer version took the place of, newest first."""

    def dump(self, asked: Dump) -> Mapping[str, object]:
        """Return a page of all memories as they are: `memories`, `next` and `last`."""

    def unindexed(self, model: str, limit: int, skip: int) -> Sequence[tuple[str, str]]:
        """Return id and content of the oldest memories without vectors of `model`, at most `limit` after `skip`."""

    def sample(self, model: str) -> tuple[int, Sequence[tuple[str, str]]] | None:
        """Return the id of an open audit of vectors of `model`, and id and content of what to compare; or None."""

    def verify(self) -> Verified:
        """Compare what is kept in memory with the rows."""

    def missed(self, asked: HealthRow, texts: Sequence[Embedded]) -> Sequence[str]:
        """Return what a health check should have found and did not: its row, a memory by meaning, one by words.

        texts: the embeddings of a text, one by each model that is loaded. Raises ModelMismatchError.
        """

    def idle(self, alive: Alive = silent) -> None:
        """Catch up, so that the next request need not."""

    def trim(self) -> None:
        """Let go of memory that only loading everything took, as few need it again."""

    def close(self) -> None:
        """Leave the database."""


class Writer(Protocol):
    """Applies writes; there is one for a database."""

    def apply(self, jobs: Sequence[Job], alive: Alive) -> Sequence[Outcome]:
        """Apply `jobs` in one transaction, each alone in its success or failure, and return once it is durable.

        If the transaction fails, every outcome is that error.
        """

    def rebuild(self, job: Job, alive: Alive) -> Answer | MemmuxError:
        """Build every view anew from the rows and return how much is in them, or what it failed with."""

    @property
    def seq(self) -> int:
        """The newest change."""

    @property
    def forgotten(self) -> int:
        """How many segments were removed since it was opened, as they held what was purged."""
        ...

    @property
    def vectors(self) -> int:
        """How many vectors the current model has made."""

    def born(self) -> float | None:
        """Return when the first change was made, in seconds since 1970; None if there is none."""

    def facts(self) -> dict[str, object]:
        """Return seq, memories, pending, unaudited, model, dimensions, vectors, wal_bytes, of the last transaction.

        Also source, what the settings call the model; unneeded, how many models are to be removed; and switch, how far
        another one is that is to take its place: `to`, `done`, `of`, `left_s`; empty if none is.
        """

    def idle(self, alive: Alive = silent) -> None:
        """Do what upkeep is due."""

    def close(self) -> None:
        """Leave the database, with everything in its main file."""
