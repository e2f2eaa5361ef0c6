"""The table of memories: what every kind of change does alike to rows, their tags, and the change log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from memmux.errors import QuotaExceededError
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import filters, rows, vectors
from workers.storage.records import links as linked
from workers.storage.records.filters import metadata_text
from workers.storage.records.state import State
from workers.storage.records.threads import Runs
from workers.storage.records.vectors import Searchable

_SQL = queries.load("writer")
_NAMESPACES = 1024  # of which it is known how much they hold at most


class MemoryTable:
    """Changes the rows of memories, inside a transaction of the writer's. `now` gives seconds since 1970.

    refuse: raises ArgumentInvalidError for the JSON of a memory that the engine can't keep. others: how often somebody
    else has written since the connection was made.
    """

    def __init__(
        self,
        connection: Connection,
        searchable: Searchable,
        now: Callable[[], float],
        refuse: Callable[[object], None] = lambda _: None,
        others: Callable[[], int] = lambda: 0,
    ) -> None:
        self.connection = connection
        self.refuse = refuse
        self.vectors = vectors.VectorTables(connection, searchable)
        self._now = now
        self.runs = Runs(connection)
        # The most that there may be in namespaces that were counted; what was deleted or rolled back since counts too.
        self._held: dict[str, int] = {}
        self._others, self._counted_at = others, others()

    def at(self) -> float:
        """Return the time of a change."""
        return round(self._now(), 6)  # what a datetime holds, so that a time read is the time kept

    def execute(self, query: str, /, **values: object) -> None:
        """Run a query of `writer.sql`."""
        self.connection.execute(_SQL[query], values)

    def insert(self, query: str, client: str, /, **values: str | float | None) -> int:
        """Insert a memory by a query of `writer.sql` and return its row; one without a thread may go on with a run."""
        namespace, at = str(values["namespace"]), values.get("created_at", values.get("at"))
        alone = values["thread"] is None
        run = self.runs.joined(client, namespace, float(at or 0.0)) if alone else None
        row = self.connection.insert(_SQL[query], {**values, "run": run})
        if alone:
            self.runs.note(client, namespace, row)
        return row

    def same(self, namespace: str, content_hash: str) -> tuple[int, str] | None:
        """Return row and id of the live memory of `namespace` with this content, if there is one."""
        values = {"namespace": namespace, "content_hash": content_hash}
        return next(((row, found) for row, found in self.connection.fetch(_SQL["same_content"], values)), None)

    def make_room(self, job: Job, namespace: str) -> None:
        """Raise QuotaExceededError if `namespace` holds as many live memories as the client of `job` may have there.

        To be called before there is one more, whoever adds it.
        """
        if (others := self._others()) != self._counted_at:
            self._held.clear()
            self._counted_at = others
        most, known = job.grant.memories, self._held.get(namespace)
        if most is not None and (known is None or known >= most):
            # Counted no further than needed; from an index, but a hundred thousand still take milliseconds.
            known = self.connection.value(_SQL["held"], {"namespace": namespace, "most": most})
            if known >= most:  # there may be more, so this is nothing to remember
                raise QuotaExceededError(
                    f"the namespace {namespace!r} holds {most} memories or more, which is the most that this client "
                    "may have there; delete some, or have its bound raised"
                )
            if len(self._held) >= _NAMESPACES:
                self._held.clear()
        if known is not None:
            self._held[namespace] = known + 1

    def state(self, row: int, *, origin: bool = False, links: bool = False) -> State:
        """Return how the memory `row` is; with its origin and links, if asked."""
        (memory,) = rows.memories(self.connection, [row])
        return State(
            memory,
            deleted=bool(self.connection.value(_SQL["deleted"], {"row": row})),
            origin=linked.origin(self.connection, row) if origin else None,
            links=linked.links(self.connection, row) if links else None,
        )

    def put(self, row: int, now: State, then: State, times: Mapping[str, float | None]) -> None:
        """Let the memory `row`, which is as `now` says, be as `then` says; times: created_at, updated_at, deleted_at.

        Vectors of another content go; those of a deleted memory, too.
        """
        memory = then.memory
        self.execute(
            "put_state",
            row=row,
            type=memory.type,
            metadata=metadata_text(memory.metadata),
            content=memory.content,
            content_hash=memory.content_hash,
            supersedes=memory.supersedes,
            superseded_by=memory.superseded_by,
            thread=memory.thread,
            place=memory.place,
            **times,
        )
        if now.memory.tags != memory.tags:
            self.execute("delete_memory_tags", row=row)
            self.tag(row, memory.tags)
        if now.memory.aliases != memory.aliases:
            linked.put_aliases(self.connection, row, now.memory.aliases, memory.aliases)
        if then.origin is not None and then.origin != now.origin:
            linked.put_origin(self.connection, row, then.origin)
        if then.links is not None and then.links != now.links:
            linked.put_links(self.connection, row, then.links)
        if times["deleted_at"] is not None or now.memory.content != memory.content:
            self.vectors.remove(row)

    def times(self, row: int) -> dict[str, float | None]:
        """Return the times of the memory `row`, in seconds since 1970 as they are kept."""
        ((created_at, updated_at, deleted_at),) = self.connection.fetch(_SQL["times"], {"row": row})
        return {"created_at": created_at, "updated_at": updated_at, "deleted_at": deleted_at}

    def tag(self, row: int, given: Sequence[str]) -> None:
        """Give the memory `row`, which has no tags, those `given`."""
        for position, (name, spelling) in enumerate(filters.spellings(given).items()):
            self.execute("insert_tag", name=name)
            self.execute("insert_memory_tag", row=row, name=name, position=position, spelling=spelling)

    def indexed(self, row: int) -> bool:
        """Return whether the memory `row` has vectors of the current model."""
        return self.vectors.has(row, vectors.current(self.connection))

    def log(
        self, job: Job, at: float, row: int, memory_id: str, before: bytes | None, *, operation: str | None = None
    ) -> int:
        """Write a line of the change log and return its seq; operation: the job's, if not said."""
        return self.connection.insert(
            _SQL["insert_change"],
            {
                "at": at,
                "operation": operation or job.operation,
                "memory": memory_id,
                "row": row,
                "client": job.client,
                "request": job.id,
                "before": before.decode() if before is not None else None,
            },
        )
