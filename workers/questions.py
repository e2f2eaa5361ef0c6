"""Questions: what a reader answers, by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import orjson

from memmux.errors import (
    ERRORS,
    ModelInvalidError,
    ModelMissingError,
    ModelUnsupportedError,
    NotFoundError,
    UnknownModeError,
    UnknownOperationError,
)
from memmux.wire.answers import SearchResult
from memmux.wire.requests import (
    Body,
    Changes,
    Dump,
    Duplicates,
    Get,
    Graph,
    HealthRow,
    History,
    List,
    Mode,
    Namespaces,
    Nothing,
    Search,
    Store,
    Superseded,
    Tags,
    Timeline,
)
from workers.embedding.query_vectors import QueryVectors
from workers.runtime.jobs import Alive, Answer, Job
from workers.storage import backfill, similar
from workers.storage.interface import Embeddings, Reader
from workers.storage.records import rows
from workers.storage.records.embeddings import Embedded, by_text, refuse_wrong_lengths
from workers.storage.records.namespaces import Placed

# Why there is no embedding for good: then a search by meaning fails, where otherwise it would make do with words.
_HOPELESS = (ModelMissingError.code, ModelInvalidError.code, ModelUnsupportedError.code)

BodyT = TypeVar("BodyT", bound=Body)


class Questions:
    """Answers requests, each in a snapshot of its own.

    current: returns the storage engine, which may be opened anew. vectors: the embeddings of the requests.
    """

    def __init__(self, current: Callable[[], Reader], vectors: QueryVectors) -> None:
        self._current = current
        self._vectors = vectors
        self._answers: dict[str, Callable[[Job, Alive], Answer]] = {
            "memory.get": self._get,
            "memory.list": self._list,
            "memory.search": self._search,
            "memory.match": self._match,
            "memory.graph": self._graph,
            "memory.history": self._history,
            "memory.changes": self._changes,
            "memory.namespaces": self._namespaces,
            "memory.tags": self._tags,
            "memory.timeline": self._timeline,
            "memory.duplicates": self._duplicates,
            "memory.superseded": self._superseded,
            "memory.dump": self._dump,
            "health.read": self._health,
            "admin.verify": self._verify,
            similar.OPERATION: self._similar,
            backfill.OPERATION: self._backfill,
        }

    @property
    def _reader(self) -> Reader:
        return self._current()

    def answer(self, job: Job, alive: Alive) -> Answer:
        """Return the answer to a request; raise the MemmuxError that says why there is none."""
        answer = self._answers.get(job.operation)
        if answer is None:
            raise UnknownOperationError(f"{job.operation!r} is nothing that a reader does")
        found = answer(job, alive)
        if sum(map(len, found.frames)) > rows.ANSWER_BYTES:
            raise rows.too_large()
        lacks = self._reader.degraded
        return replace(found, degraded=(*found.degraded, *lacks)) if lacks else found

    @contextmanager
    def _placed(self, job: Job, body: type[BodyT], alive: Alive) -> Iterator[Placed[BodyT]]:
        """Begin a snapshot, and end it with the block; in between there is the request, with the namespaces meant.

        What is not found where there is no such namespace is not there for that reason, and the error says so.
        """
        asked = job.body(body)
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            placed = self._reader.place(asked, job.grant.namespaces)
            try:
                yield placed
            except NotFoundError as error:
                raise placed.not_found(error) from None

    def _get(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Get, alive) as placed:
            memory = self._reader.get(placed.asked)
        return Answer((orjson.dumps(memory),))

    def _list(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, List, alive) as placed:
            page = self._reader.list(placed.asked)
            page = replace(page, notes=(*placed.notes, *page.notes))
        return Answer((orjson.dumps(page.to_json()),))

    def _search(self, job: Job, alive: Alive) -> Answer:
        mode = job.body(Search).mode
        query = self._query(job, alive)
        if not query and mode is Mode.SEMANTIC:
            for code in set(job.degraded).intersection(_HOPELESS):
                raise ERRORS[code]
        with self._placed(job, Search, alive) as placed:
            found = self._reader.search(placed.asked, query, job.zone)
        done = {"mode": found.mode, "candidates": found.candidates, "index": found.index}
        notes = (*placed.notes, *_left_out(found.left_out))
        body = SearchResult(mode=found.mode, hits=found.hits, notes=notes, short=found.short).to_json()
        return Answer((orjson.dumps(body),), (*found.degraded, *self._vectors.degraded(job)), done)

    def _query(self, job: Job, alive: Alive) -> Embeddings:
        """Return the embeddings of a search, which came with it or are being made, if there are any."""

        def wait() -> Sequence[Embedded]:
            return by_text(self._vectors.frames(job, alive), 1)[0]

        return wait if self._vectors.are_made(job) else wait()

    def _match(self, job: Job, alive: Alive) -> Answer:
        asked = job.body(Search)
        if asked.mode.embeds:
            raise UnknownModeError(f"memory.match ranks by keyword or exact; ask memory.search for {asked.mode.value}")
        return self._search(job, alive)

    def _graph(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Graph, alive) as placed:
            graph = self._reader.graph(placed.asked)
        return Answer((orjson.dumps(graph),))

    def _similar(self, job: Job, alive: Alive) -> Answer:
        (texts,) = by_text(job.frames[1:], 1)
        with self._placed(job, Store, alive) as placed:
            found = self._reader.similar(placed.asked, texts)
        return Answer((similar.frame(found),))

    def _history(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, History, alive) as placed:
            changes = self._reader.history(placed.asked)
        return Answer((orjson.dumps({"changes": changes}),))

    def _changes(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Changes, alive) as placed:
            found = self._reader.changes(placed.asked)
        changes = [change.to_json() for change in found]
        return Answer((orjson.dumps({"changes": changes, "next": found.next, "notes": placed.notes}),))

    def _namespaces(self, job: Job, alive: Alive) -> Answer:
        asked = job.body(Namespaces)
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            found = self._reader.namespaces(asked)
        return Answer((orjson.dumps(found),))

    def _tags(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Tags, alive) as placed:
            found = replace(self._reader.tags(placed.asked), notes=placed.notes)
        return Answer((orjson.dumps(found),))

    def _timeline(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Timeline, alive) as placed:
            found = self._reader.timeline(placed.asked, job.zone)
            found = replace(found, notes=(*placed.notes, *found.notes))
        return Answer((orjson.dumps(found),))

    def _duplicates(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Duplicates, alive) as placed:
            found = self._reader.duplicates(placed.asked)
            found = replace(found, notes=(*placed.notes, *found.notes))
        return Answer((orjson.dumps(found),))

    def _superseded(self, job: Job, alive: Alive) -> Answer:
        with self._placed(job, Superseded, alive) as placed:
            found = replace(self._reader.superseded(placed.asked), notes=placed.notes)
        return Answer((orjson.dumps(found),))

    def _dump(self, job: Job, alive: Alive) -> Answer:
        asked = job.body(Dump)
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            page = self._reader.dump(asked)
        return Answer((orjson.dumps(page),))

    def _verify(self, job: Job, alive: Alive) -> Answer:
        job.body(Nothing)
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            verified = self._reader.verify()
        return Answer((orjson.dumps(verified),))

    def _health(self, job: Job, alive: Alive) -> Answer:
        asked = job.body(HealthRow)
        frames = self._vectors.frames(job, alive)
        refuse_wrong_lengths(frames)
        (texts,) = by_text(frames, 1)
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            missed = self._reader.missed(asked, texts)
        return Answer((orjson.dumps({"missed": missed}),))

    def _backfill(self, job: Job, alive: Alive) -> Answer:
        asked = backfill.Backfill.from_body(job.frames[0])
        with self._reader.snapshot(job.deadline, alive, min_seq=job.min_seq):
            audit, waiting = self._reader.sample(asked.model) or (None, ())
            if audit is None:
                waiting = self._reader.unindexed(asked.model, asked.limit, asked.skip)
        return Answer((backfill.frame(waiting, audit),))


def _left_out(count: int) -> tuple[str, ...]:
    """Return what is said of memories that were left out, so that nothing is found."""
    if not count:
        return ()
    memories = "memory" if count == 1 else "memories"
    return (f"{count} {memories} left out: not near in meaning, nor with the words; min_similarity -1 gives them",)
