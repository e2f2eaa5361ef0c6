"""The ledger: what every kind of change does alike to the rows of memories, their tags, and the change log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw
import orjson

from memmux.models import Memory
from workers.jobs import Job
from workers.storage import engine, queries, rows, tags, vectors

_SQL = queries.load("writer")


@dataclass(frozen=True, slots=True)
class State:
    """How a memory is or was: its fields and whether it is deleted."""

    memory: Memory
    deleted: bool

    def to_log(self) -> bytes:
        """Return it as the change log keeps it."""
        fields = orjson.loads(orjson.dumps(self.memory))
        return orjson.dumps({**fields, "deleted": True} if self.deleted else fields)

    @classmethod
    def from_log(cls, text: str) -> State:
        """Return what `to_log` wrote."""
        fields = orjson.loads(text)
        deleted = fields.pop("deleted", False)
        return cls(Memory.from_json(fields), deleted)


class Ledger:
    """The writer's hand on memories; all of it belongs inside a transaction. `now` gives seconds since 1970."""

    def __init__(self, connection: apsw.Connection, now: Callable[[], float]) -> None:
        self.connection = connection
        self.vectors = vectors.VectorTables(connection)
        self._now = now

    def at(self) -> float:
        """Return the time of a change."""
        return round(self._now(), 6)  # what a datetime holds, so that a time read is the time kept

    def execute(self, query: str, /, **values: str | float | None) -> None:
        """Run a query of `writer.sql`."""
        self.connection.execute(_SQL[query], values)

    def same(self, namespace: str, content_hash: str) -> tuple[int, str] | None:
        """Return row and id of the live memory of `namespace` with this content, if there is one."""
        values = {"namespace": namespace, "content_hash": content_hash}
        return next(((row, found) for row, found in engine.fetch(self.connection, _SQL["same_content"], values)), None)

    def state(self, row: int) -> State:
        """Return how the memory `row` is."""
        (memory,) = rows.memories(self.connection, [row])
        return State(memory, deleted=bool(engine.value(self.connection, _SQL["deleted"], {"row": row})))

    def tag(self, row: int, given: Sequence[str]) -> None:
        """Give the memory `row`, which has no tags, those `given`."""
        for position, (name, spelling) in enumerate(tags.spellings(given).items()):
            self.execute("insert_tag", name=name)
            self.execute("insert_memory_tag", row=row, name=name, position=position, spelling=spelling)

    def indexed(self, row: int) -> bool:
        """Return whether the memory `row` has vectors of the current model."""
        return self.vectors.has(row, vectors.current(self.connection))

    def log(self, job: Job, at: float, row: int, memory_id: str, before: bytes | None) -> int:
        """Write a line of the change log and return its seq."""
        self.execute(
            "insert_change",
            at=at,
            operation=job.operation,
            memory=memory_id,
            row=row,
            client=job.client,
            request=job.id,
            before=before.decode() if before is not None else None,
        )
        return self.connection.last_insert_rowid()


def digest(content: str) -> str:
    """Return the SHA-256, in hex, by which equal contents are known; blanks around them do not count."""
    return hashlib.sha256(content.strip().encode()).hexdigest()
