"""The answers about the memory as a whole: its health, its counts, and what an ingest made of files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Answer, Count, Text, codes, iso
from mcp_dealer.schemas.bounds import Listing
from memmux.ingest import report
from memmux.wire import answers
from memmux.wire.counts import amount


class Health(Answer):
    """The health of the cluster.

    memories: that this client may see. pending: of these, how many still wait for their vector; absent where a key does
    not let it know. clients: how many share the memory now, as far as it may know. model: absent until an embedder is
    ready. read, write: whether a memory could be read and written lately, and if not, why.
    """

    state: str
    read: str
    write: str
    memories: int
    pending: Count = None
    clients: Annotated[int, SkipJsonSchema()]
    model: Text = None
    version: Annotated[str, SkipJsonSchema()]

    @classmethod
    def of(cls, status: answers.Status, memories: int) -> Self:
        """Return the answer for a cluster's status and the number of memories."""
        return cls(
            state=status.state,
            read=status.fitness("read"),
            write=status.fitness("write"),
            memories=memories,
            pending=status.pending,
            clients=len(status.clients),
            model=status.model,
            version=status.version,
            degraded=codes(status.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return the state in one line."""
        waiting = f" ({self.pending} without a vector yet)" if self.pending else ""
        yield (
            f"{self.state}: {amount(self.memories, 'memory')}{waiting}, {amount(self.clients, 'client')}, "
            f"model {self.model or 'loading'}, version {self.version}; read {self.read}; write {self.write}"
        )


class Stats(Answer):
    """Counts of memories, and of their use.

    memories: that are not deleted, in all namespaces, and of these superseded; recent: created in the last seven days.
    newest: when the last was created. namespaces: how many memories each has, the most first. requests: by operation,
    since the cluster started, uptime_s ago.
    """

    memories: int
    superseded: int
    recent: int
    pending: int | None = None
    newest: str | None = None
    namespaces: dict[str, int]
    model: str | None = None
    clients: int
    requests: dict[str, int]
    uptime_s: float

    @classmethod
    def of(
        cls,
        status: answers.Status,
        *,
        superseded: int,
        recent: int,
        newest: answers.Page,
        namespaces: answers.Namespaces,
    ) -> Self:
        """Return the answer for a cluster's status and what lists have counted."""
        counts = {name: int(row["ok"]) for name, row in status.requests.items()}
        return cls(
            memories=newest.total,
            superseded=superseded,
            recent=recent,
            pending=status.pending,
            newest=iso(newest[0].created_at) if newest.memories else None,
            namespaces={one.name: one.memories for one in namespaces},
            model=status.model,
            clients=len(status.clients),
            requests={name: count for name, count in counts.items() if count},
            uptime_s=round(status.uptime_s, 1),
            degraded=codes(status.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return the counts."""
        held = amount(self.memories, "memory")
        yield f"{held}, {self.superseded} of them superseded, {self.recent} of the last seven days"
        waiting = "" if self.pending is None else f"{self.pending} without a vector yet; "
        yield f"newest {self.newest or 'none'}; {waiting}model {self.model or 'loading'}"
        yield "namespaces: " + (", ".join(f"{name} {count}" for name, count in self.namespaces.items()) or "none")
        yield f"{amount(self.clients, 'client')}; requests in {self.uptime_s:g} s: " + (
            ", ".join(f"{name} {count}" for name, count in self.requests.items()) or "none"
        )


class Cleanup(Answer):
    """Memories that could be cleaned up.

    duplicates: always none, as a content is kept once. superseded: memories whose newer version has taken their place.
    deleted: memories that a purge would free; `more`: at least so many. Absent where a key does not let it know.
    """

    duplicates: int = 0
    superseded: int
    deleted: int | None = None
    more: bool | None = None

    def lines(self) -> Iterable[str]:
        """Return the counts, and what would free them."""
        yield "no duplicates: a content is kept once"
        yield f"{self.superseded} superseded memories are kept as history"
        if self.deleted is not None:
            least = "at least " if self.more else ""
            yield f"{least}{self.deleted} deleted ones go when their retention is over, or at once with `memmux purge`"


class Unread(BaseModel):
    """A file that was not read, and why."""

    path: str
    message: str

    @property
    def length(self) -> int:
        """How many characters can be cut off: none."""
        return 0

    def short(self, most: int = 0) -> Self:
        """Return it as it is."""
        del most
        return self


class Ingested(Listing):
    """The result of an ingest, by file.

    files: how many were new or changed. chunks: how many memories were made of them. replaced: how many of before were
    deleted. skipped: how many files were as they were. shared: how many chunks another memory holds already.
    pruned: how many memories were deleted since their files are gone. left_out: what is not read, and how often.
    """

    parts: ClassVar[str] = "problems"

    files: int
    chunks: int
    replaced: int
    skipped: int
    shared: int | None = None
    pruned: int | None = None
    left_out: dict[str, int] | None = None
    problems: list[Unread] | None = None

    @classmethod
    def of(cls, ingested: report.Ingested) -> Self:
        """Return the answer for an ingest."""
        return cls(
            files=ingested.files,
            chunks=ingested.chunks,
            replaced=ingested.replaced,
            skipped=ingested.skipped,
            shared=ingested.shared or None,
            pruned=ingested.pruned or None,
            left_out=dict(ingested.left_out) or None,
            problems=[Unread(path=unread.path, message=unread.message) for unread in ingested.problems] or None,
            degraded=codes(ingested.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return the counts, then what was not read."""
        yield f"{amount(self.files, 'file')} read, {self.skipped} as they were"
        yield f"{amount(self.chunks, 'memory')} stored, {self.replaced} deleted"
        if self.shared:
            yield f"{self.shared} are held by other memories"
        if self.pruned:
            yield f"{self.pruned} of files that are gone deleted"
        if self.left_out:
            yield f"left out: {', '.join(f'{why} {count}' for why, count in self.left_out.items())}"
        for unread in self.problems or ():
            yield f"not read: {unread.path}: {unread.message}"
