"""Changes: what each write does to the rows, and its line in the change log. Every one is inside a savepoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from memmux.errors import (
    ArgumentInvalidError,
    IdConflictError,
    MalformedMessageError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOperationError,
)
from memmux.wire.answers import Memory
from memmux.wire.checks import check_metadata
from memmux.wire.ids import uuid7
from memmux.wire.requests import BODIES, Delete, Forget, HealthRow, Metadata, Store, Update
from workers.runtime.jobs import Job
from workers.storage import backfill, queries, similar
from workers.storage.records import links, rows, vectors
from workers.storage.records.embeddings import Embedded, by_text, embedded
from workers.storage.records.filters import metadata_text
from workers.storage.records.namespaces import Namespaces
from workers.storage.records.state import digest
from workers.storage.records.threads import moved, placed
from workers.storage.writing import audits, deletion, duplicates, load, undo, versions
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("writer")
_DROPPED = 1_000  # vectors that one turn of the backfill removes


class Changes:
    """Applies one job at a time to a table of memories.

    holding: tells which copies of the database hold what was stored since a change. forget: see `deletion.Forgetting`.
    """

    def __init__(self, memory_table: MemoryTable, holding: deletion.Holding, forget: deletion.Forgetting) -> None:
        self._connection = memory_table.connection
        self._memory_table = memory_table
        self._vectors = memory_table.vectors
        self._do: Mapping[str, Callable[[Job, Any], dict[str, object]]] = {
            "memory.store": lambda job, asked: self._store(job, [asked])[0],
            "memory.store_batch": lambda job, asked: {"stored": self._store(job, asked.memories)},
            similar.OPERATION: self._store_similar,
            "memory.update": self._update,
            "memory.rewrite": self._update,
            "memory.delete": self._delete,
            "memory.forget": partial(deletion.forget, memory_table),
            "memory.use": lambda _, asked: links.use(memory_table.connection, asked, memory_table.at()),
            "memory.undo": partial(undo.undo, memory_table),
            "memory.purge": partial(deletion.purge, memory_table, holding, forget),
            load.OPERATION: partial(load.load, memory_table),
            "health.write": self._note_health,
        }

    def apply(self, job: Job) -> bytes:
        """Do what `job` asks and return the body of its answer; raise the MemmuxError that it fails with."""
        if not job.frames:
            raise MalformedMessageError("the request has no body")
        if job.operation == backfill.OPERATION:
            return self._backfill(job)
        do = self._do.get(job.operation)
        if do is None:
            raise UnknownOperationError(f"{job.operation!r} is nothing that a writer does")
        asked = BODIES[job.operation].from_body(job.frames[0])
        placed = Namespaces(self._connection, job.grant.namespaces).place(asked)
        try:
            done = do(job, placed.asked)
        except NotFoundError as error:
            raise placed.not_found(error) from None
        if isinstance(asked, Forget) and placed.notes:
            done |= {"notes": placed.notes}
        return orjson.dumps(done)

    def _store(self, job: Job, asked: Sequence[Store]) -> list[dict[str, object]]:
        texts = self._embedded(job, job.frames[1:], len(asked))
        return [self._store_one(job, store, text) for store, text in zip(asked, texts, strict=True)]

    def _store_similar(self, job: Job, asked: Store) -> dict[str, object]:
        """Store one memory, and name those that the read stage found to say nearly the same."""
        (text,) = self._embedded(job, job.frames[1:-1], 1)
        stored = self._store_one(job, asked, text)
        return {**stored, "similar": similar.others(job.frames[-1], str(stored["id"]))}

    def _embedded(self, job: Job, frames: Sequence[bytes], count: int) -> list[list[Embedded]]:
        """Return the embeddings of each of so many texts, if there are any.

        From a client with a key only those by a model that is known here, as the vectors may be its own: it could name
        any number of models, or the cluster's before that has made a vector, with other dimensions. What is left out
        follows as for any memory that was stored while no embedder was ready.
        """
        found = by_text(frames, count)
        if not job.grant.name:
            return found
        return [[text for text in each if vectors.model(self._connection, text.model)] for each in found]

    def _store_one(self, job: Job, asked: Store, texts: Sequence[Embedded]) -> dict[str, object]:
        found = digest(asked.content)
        if same := self._memory_table.same(asked.namespace, found):
            row, memory_id = same
            if asked.merge:
                self._free(asked, row)
            seq, merged, memory = duplicates.take_up(self._memory_table, job, row, asked)
            indexed = self._memory_table.indexed(row)
            said = {"id": memory_id, "content_hash": found, "seq": seq, "status": "duplicate", "indexed": indexed}
            return said | _aliases(memory) | ({"merged": merged} if merged else {})
        memory_id = self._free(asked)
        self._memory_table.make_room(job, asked.namespace)
        at = self._memory_table.at()
        thread, place = placed(asked.thread, asked.place, asked.metadata)
        row = self._memory_table.insert(
            "insert_memory",
            job.client,
            id=memory_id,
            namespace=asked.namespace,
            type=asked.type,
            at=at if asked.created_at is None else asked.created_at.timestamp(),
            supersedes=None,
            content_hash=found,
            metadata=metadata_text(asked.metadata),
            content=asked.content,
            thread=thread,
            place=place,
        )
        self._memory_table.tag(row, asked.tags)
        links.add_aliases(self._connection, row, asked.aliases)
        for text in texts:
            self._vectors.add(row, asked.namespace, text)
        seq = self._memory_table.log(job, at, row, memory_id, before=None)
        return {
            "id": memory_id,
            "content_hash": found,
            "seq": seq,
            "status": "created",
            "indexed": self._memory_table.indexed(row),
        }

    def _free(self, asked: Store, row: int | None = None) -> str:
        """Return the id of a new memory, the one that is asked for if any; row: of the one that is there, if one is.

        Raises IdConflictError if another memory, live or deleted, has that id or goes by one of the aliases.
        """
        if asked.id is not None and self._connection.value(_SQL["by_id"], {"id": asked.id}) not in (None, row):
            raise IdConflictError(
                f"there is a memory {asked.id!r} with another content, or a deleted one; leave the id out, or update "
                "that memory, or undo its deletion"
            )
        for name in (*asked.aliases, *((asked.id,) if asked.id else ())):
            holder = links.named(self._connection, asked.namespace, [name]) or rows.there(
                self._connection, name, asked.namespace
            )
            if holder not in (None, row):
                raise IdConflictError(f"another memory goes by {name!r} already; leave it out, or give another")
        return asked.id or uuid7()

    def _update(self, job: Job, asked: Update) -> dict[str, object]:
        row = rows.find(self._connection, asked.id, asked.namespace)
        before = self._expected(row, asked)
        metadata = before.metadata if asked.metadata is None else _merged(before.metadata, asked.metadata)
        if asked.versioned:
            (texts,) = self._embedded(job, job.frames[1:], 1)
            return versions.renew(self._memory_table, job, row, replace(asked, metadata=metadata), texts)
        at, content_hash = self._memory_table.at(), before.content_hash
        thread, place = moved((before.thread, before.place), before.metadata, metadata)
        self._memory_table.execute(
            "update_memory",
            row=row,
            type=asked.type or before.type,
            metadata=metadata_text(metadata),
            at=at,
            thread=thread,
            place=place,
        )
        if asked.tags is not None:
            self._memory_table.execute("delete_memory_tags", row=row)
            self._memory_table.tag(row, asked.tags)
        if asked.content is not None:
            content_hash = self._replace(job, row, before, asked.content)
        indexed = self._memory_table.indexed(row)
        seq = self._memory_table.log(job, at, row, before.id, orjson.dumps(before))
        said = {"id": before.id, "content_hash": content_hash, "seq": seq, "indexed": indexed}
        return said | _aliases(before)

    def _expected(self, row: int, asked: Update | Delete) -> Memory:
        """Return the memory `row`; raise PreconditionFailedError if it is not in the state that is expected."""
        (before,) = rows.memories(self._connection, [row])
        if asked.if_match not in (None, before.etag):
            raise PreconditionFailedError(f"the memory {before.id!r} was changed since that state; read it again")
        return before

    def _replace(self, job: Job, row: int, before: Memory, content: str) -> str:
        """Give the memory `row` another content, with the vectors of that or none; return its hash."""
        found, changed = digest(content), content != before.content
        if (same := self._memory_table.same(before.namespace, found)) and same[0] != row:
            raise ArgumentInvalidError(
                f"the memory {same[1]!r} has this content already; delete one of the two, or give another content"
            )
        (texts,) = self._embedded(job, job.frames[1:], 1)
        if changed:
            self._memory_table.execute("replace_content", row=row, content=content, content_hash=found)
        if changed or texts:
            self._vectors.remove(row)
        for text in texts:
            self._vectors.add(row, before.namespace, text)
        return found

    def _delete(self, job: Job, asked: Delete) -> dict[str, object]:
        row = rows.find(self._connection, asked.id, asked.namespace)
        before = self._expected(row, asked)
        at = self._memory_table.at()
        self._memory_table.execute("delete_memory", row=row, at=at)
        self._vectors.remove(row)
        seq = self._memory_table.log(job, at, row, before.id, orjson.dumps(before))
        return {"id": before.id, "seq": seq, "content_hash": before.content_hash, **_aliases(before)}

    def _note_health(self, _: Job, asked: HealthRow) -> dict[str, object]:
        """Write the row of a health check; it says nothing of memories, so the change log has no line of it."""
        self._memory_table.execute("put_health_check", id=asked.id)
        return {}

    def _backfill(self, job: Job) -> bytes:
        """Add the vectors that memories were waiting for; those that changed meanwhile wait for the next turn.

        Or compare the vectors of an audit's sample with those that were brought along.
        """
        asked = backfill.Backfill.from_body(job.frames[0])
        if len(job.frames) != backfill.FRAMES:
            raise MalformedMessageError("a backfill comes to the writer with its texts and their vectors")
        read = backfill.texts(job.frames[1])
        found = embedded(job.frames[2:], len(read.memories))
        if any((text.model, text.dimensions) != (asked.model, asked.dimensions) for text in found):
            raise ArgumentInvalidError(f"the vectors are not {asked.model}'s")
        if read.audit is not None:
            made = dict(zip(read.memories, found, strict=True))
            audits.judge(self._memory_table, job, read.audit, made, asked.max_tokens)
            return orjson.dumps({"compared": len(made)})
        model = self._vectors.register(asked.model, asked.dimensions)
        # The log tells readers what to read anew; of a model that is not searched with yet they have read nothing.
        is_current = (serving := vectors.current(self._connection)) is not None and serving.id == model.id
        stored = gone = 0
        for (memory_id, content), text in zip(read.memories, found, strict=True):
            here = self._connection.fetch(_SQL["unchanged"], {"id": memory_id, "content": content})
            gone += not here
            for row, namespace in here:
                if not self._vectors.has(row, model):
                    self._vectors.add(row, namespace, text)
                    if is_current:
                        self._memory_table.log(job, self._memory_table.at(), row, memory_id, before=None)
                    stored += 1
        model = self._vectors.register(asked.model, asked.dimensions)  # as it is with what was added
        self._vectors.note_source(model, asked.source)
        self._vectors.choose(model, asked.beside)
        current = vectors.current(self._connection)
        assert current is not None
        dropped = 0
        if current.memories >= vectors.memories(self._connection):  # or else somebody may want to go back
            dropped = self._vectors.drop_some(_DROPPED)
        pending = vectors.memories(self._connection) - model.memories
        return orjson.dumps({"stored": stored, "gone": gone, "pending": pending, "dropped": dropped})


def _merged(before: Metadata, changed: Metadata) -> Mapping[str, object]:
    merged = {key: value for key, value in {**before, **changed}.items() if changed.get(key, value) is not None}
    check_metadata(merged)  # two that are within the limit may not be so together
    return merged


def _aliases(memory: Memory) -> dict[str, object]:
    """Return the other names of a memory, as an acknowledgement has them; hardly any memory has some."""
    return {"aliases": memory.aliases} if memory.aliases else {}
