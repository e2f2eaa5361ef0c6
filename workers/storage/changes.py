"""Changes: what each write does to the rows, and its line in the change log. Every one is inside a savepoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import apsw
import orjson

from memmux.checks import check_metadata
from memmux.errors import ArgumentInvalidError, MalformedMessageError, UnknownOperationError
from memmux.ids import uuid7
from memmux.requests import BODIES, Get, Metadata, Purge, Store, StoreBatch, Undo, Update
from workers.jobs import Job
from workers.storage import backfill, engine, load, purge, queries, rows, undo, vectors
from workers.storage.embeddings import Embedded, embedded
from workers.storage.filters import metadata_text
from workers.storage.ledger import Ledger, digest

_SQL = queries.load("writer")


class Changes:
    """Applies one job at a time through `connection`; `now` gives seconds since 1970."""

    def __init__(self, connection: apsw.Connection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._ledger = Ledger(connection, now)
        self._vectors = self._ledger.vectors

    def apply(self, job: Job) -> bytes:
        """Do what `job` asks and return the body of its answer; raise the MemmuxError that it fails with."""
        if not job.frames:
            raise MalformedMessageError("the request has no body")
        if job.operation == backfill.OPERATION:
            return self._backfill(job)
        known = BODIES.get(job.operation)
        body = known.from_body(job.frames[0]) if known else None
        answer: object
        match body:
            case Store():
                (answer,) = self._store(job, [body])
            case StoreBatch():
                answer = {"stored": self._store(job, body.memories)}
            case Update():
                answer = self._update(job, body)
            case Get() if job.operation == "memory.delete":
                answer = self._delete(job, body)
            case Undo():
                answer = undo.undo(self._ledger, job, body)
            case Purge():
                answer = purge.purge(self._ledger, job, body)
            case None if job.operation == load.OPERATION:
                answer = load.load(self._ledger, job)
            case _:
                raise UnknownOperationError(f"{job.operation!r} is nothing that a writer does")
        return orjson.dumps(answer)

    def _store(self, job: Job, asked: Sequence[Store]) -> list[dict[str, object]]:
        texts: Sequence[Embedded | None] = embedded(job.frames[1:], len(asked)) or [None] * len(asked)
        return [self._store_one(job, store, text) for store, text in zip(asked, texts, strict=True)]

    def _store_one(self, job: Job, asked: Store, text: Embedded | None) -> dict[str, object]:
        found = digest(asked.content)
        if same := self._ledger.same(asked.namespace, found):
            row, memory_id = same
            indexed = self._ledger.indexed(row)
            seq = engine.value(self._connection, _SQL["last_change"], {"row": row})
            return {"id": memory_id, "content_hash": found, "seq": seq, "status": "duplicate", "indexed": indexed}
        memory_id, at = uuid7(), self._ledger.at()
        self._ledger.execute(
            "insert_memory",
            id=memory_id,
            namespace=asked.namespace,
            type=asked.type,
            at=at,
            content_hash=found,
            metadata=metadata_text(asked.metadata),
            content=asked.content,
        )
        row = self._connection.last_insert_rowid()
        self._ledger.tag(row, asked.tags)
        if text is not None:
            self._vectors.add(row, asked.namespace, text)
        seq = self._ledger.log(job, at, row, memory_id, before=None)
        return {
            "id": memory_id,
            "content_hash": found,
            "seq": seq,
            "status": "created",
            "indexed": text is not None,
        }

    def _update(self, job: Job, asked: Update) -> dict[str, object]:
        row = rows.find(self._connection, asked.id, asked.namespace)
        (before,) = rows.memories(self._connection, [row])
        at, content_hash = self._ledger.at(), before.content_hash
        metadata = before.metadata if asked.metadata is None else _merged(before.metadata, asked.metadata)
        self._ledger.execute(
            "update_memory", row=row, type=asked.type or before.type, metadata=metadata_text(metadata), at=at
        )
        if asked.tags is not None:
            self._ledger.execute("delete_memory_tags", row=row)
            self._ledger.tag(row, asked.tags)
        if asked.content is not None:
            content_hash = self._replace(job, row, asked, asked.content, changed=asked.content != before.content)
        indexed = self._ledger.indexed(row)
        seq = self._ledger.log(job, at, row, before.id, orjson.dumps(before))
        return {"id": before.id, "content_hash": content_hash, "seq": seq, "indexed": indexed}

    def _replace(self, job: Job, row: int, asked: Update, content: str, *, changed: bool) -> str:
        """Give the memory `row` another content, with the vectors of that or none; return its hash."""
        found = digest(content)
        if (same := self._ledger.same(asked.namespace, found)) and same[0] != row:
            raise ArgumentInvalidError(
                f"the memory {same[1]!r} has this content already; delete one of the two, or give another content"
            )
        texts = embedded(job.frames[1:], 1)
        if changed:
            self._ledger.execute("replace_content", row=row, content=content, content_hash=found)
        if changed or texts:
            self._vectors.remove(row)
        for text in texts:
            self._vectors.add(row, asked.namespace, text)
        return found

    def _delete(self, job: Job, asked: Get) -> dict[str, object]:
        row = rows.find(self._connection, asked.id, asked.namespace)
        (before,) = rows.memories(self._connection, [row])
        at = self._ledger.at()
        self._ledger.execute("delete_memory", row=row, at=at)
        self._vectors.remove(row)
        return {"id": before.id, "seq": self._ledger.log(job, at, row, before.id, orjson.dumps(before))}

    def _backfill(self, job: Job) -> bytes:
        """Add the vectors that memories were waiting for; those that changed meanwhile wait for the next turn."""
        asked = backfill.Backfill.from_body(job.frames[0])
        if len(job.frames) != backfill.FRAMES:
            raise MalformedMessageError("a backfill comes to the writer with its texts and their vectors")
        texts = backfill.texts(job.frames[1])
        found = embedded(job.frames[2:], len(texts))
        model = self._vectors.register(asked.model, asked.dimensions)
        stored = 0
        for (memory_id, content), text in zip(texts, found, strict=True):
            if (text.model, text.dimensions) != (asked.model, asked.dimensions):
                raise ArgumentInvalidError(f"the vectors are {text.model}'s and not {asked.model}'s")
            here = engine.fetch(self._connection, _SQL["unchanged"], {"id": memory_id, "content": content})
            for row, namespace in here:
                if not self._vectors.has(row, model):
                    self._vectors.add(row, namespace, text)
                    self._ledger.log(job, self._ledger.at(), row, memory_id, before=None)
                    stored += 1
        self._vectors.make_current(model)
        current = vectors.current(self._connection)
        assert current is not None
        pending = vectors.memories(self._connection) - current.memories
        if not pending:
            self._vectors.drop_others(current)
        return orjson.dumps({"stored": stored, "pending": pending})


def _merged(before: Metadata, changed: Metadata) -> Mapping[str, object]:
    merged = {key: value for key, value in {**before, **changed}.items() if changed.get(key, value) is not None}
    check_metadata(merged)  # two that are within the limit may not be so together
    return merged
