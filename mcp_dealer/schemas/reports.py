"""The answers about the memory as a whole, and about what surrounds one memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel

from mcp_dealer.schemas.base import Answer, Text, codes, iso, shown_hash
from memmux.ingest import report
from memmux.wire import answers


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
    pending: int | None = None
    clients: int
    model: str | None = None
    version: str

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
            f"{self.state}: {self.memories} memories{waiting}, {self.clients} clients, "
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
        yield f"{self.memories} memories, {self.superseded} of them superseded, {self.recent} of the last seven days"
        waiting = "" if self.pending is None else f"{self.pending} without a vector yet; "
        yield f"newest {self.newest or 'none'}; {waiting}model {self.model or 'loading'}"
        yield "namespaces: " + (", ".join(f"{name} {count}" for name, count in self.namespaces.items()) or "none")
        yield f"{self.clients} clients; requests in {self.uptime_s:g} s: " + (
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


class Step(BaseModel):
    """One change of a memory; before: its content as it was, if it was there."""

    seq: int
    at: str
    did: str
    client: str
    before: str | None = None

    @classmethod
    def of(cls, change: answers.Change) -> Self:
        """Return the change as the tools show it."""
        before = None if change.before is None else change.before.content
        return cls(seq=change.seq, at=iso(change.at), did=change.did, client=change.client, before=before)


class History(Answer):
    """The changes of one memory, newest first."""

    changes: list[Step]

    @classmethod
    def of(cls, history: answers.History) -> Self:
        """Return the answer for a memory's history."""
        return cls(changes=list(map(Step.of, history)), degraded=codes(history.degraded))

    def lines(self) -> Iterable[str]:
        """Return each change, and what the memory said before it."""
        yield f"{len(self.changes)} changes"
        for step in self.changes:
            yield f"{step.seq} · {step.at} · {step.did} · {step.client}"
            if step.before is not None:
                yield f"  before: {step.before}"


class Point(BaseModel):
    """A memory that links lead to; without a content if it is not there."""

    id: str
    distance: int
    content: str | None = None
    content_hash: Text = None
    tags: list[str] | None = None
    created_at: str | None = None

    @classmethod
    def of(cls, node: answers.Node) -> Self:
        """Return the node as the tools show it."""
        memory = node.memory
        if memory is None:
            return cls(id=node.id, distance=node.distance)
        return cls(
            id=node.id,
            distance=node.distance,
            content=memory.content,
            content_hash=shown_hash(memory),
            tags=list(memory.tags) or None,
            created_at=iso(memory.created_at),
        )


class Edge(BaseModel):
    """A directed link between two memories."""

    source: str
    target: str
    relation: str
    similarity: float | None = None
    types: list[str] | None = None

    @classmethod
    def of(cls, link: answers.Link) -> Self:
        """Return the link as the tools show it."""
        return cls(
            source=link.source,
            target=link.target,
            relation=link.relation,
            similarity=link.similarity,
            types=list(link.types) or None,
        )


class Linked(Answer):
    """The memories that are linked with one, nearest first, itself at distance 0; a path in its order, or nothing."""

    nodes: list[Point]
    links: list[Edge]

    @classmethod
    def of(cls, graph: answers.Graph) -> Self:
        """Return the answer for a graph."""
        nodes, links = list(map(Point.of, graph.nodes)), list(map(Edge.of, graph.links))
        return cls(nodes=nodes, links=links, degraded=codes(graph.degraded))

    def lines(self) -> Iterable[str]:
        """Return the memories, then the links among them."""
        yield f"{len(self.nodes)} memories, {len(self.links)} links"
        for node in self.nodes:
            tags = " ".join(f"#{tag}" for tag in node.tags or ())
            yield " · ".join(filter(None, [f"{node.distance} {node.id}", node.created_at, tags]))
            yield f"  {node.content if node.content is not None else '(not there)'}"
        for link in self.links:
            yield f"{link.source} -{link.relation}-> {link.target}"


class Unread(BaseModel):
    """A file that was not read, and why."""

    path: str
    message: str


class Ingested(Answer):
    """The result of an ingest, by file.

    files: how many were new or changed. chunks: how many memories were made of them. replaced: how many of before were
    deleted. skipped: how many files were as they were. shared: how many chunks another memory holds already.
    pruned: how many memories were deleted since their files are gone. left_out: what is not read, and how often.
    """

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
        yield f"{self.files} files read, {self.skipped} as they were"
        yield f"{self.chunks} memories stored, {self.replaced} deleted"
        if self.shared:
            yield f"{self.shared} are held by other memories"
        if self.pruned:
            yield f"{self.pruned} of files that are gone deleted"
        if self.left_out:
            yield f"left out: {', '.join(f'{why} {count}' for why, count in self.left_out.items())}"
        for unread in self.problems or ():
            yield f"not read: {unread.path}: {unread.message}"
