"""The answers about the memory as a whole, and about what surrounds one memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Answer, Count, Text, Texts, as_json, codes, iso, shown_hash
from mcp_dealer.schemas.bounds import DETAIL_CHARACTERS, MEMORY_CHARACTERS, Listing, Rest, cut, detailed
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
    """One change of a memory; before: its content as it was, if it was there. memory: its id."""

    memory: Annotated[str, Field(exclude=True), SkipJsonSchema()]
    seq: int
    at: str
    did: str
    client: str
    before: str | None = None

    @classmethod
    def of(cls, change: answers.Change) -> Self:
        """Return the change as the tools show it."""
        before = None if change.before is None else change.before.content
        return cls(
            seq=change.seq, at=iso(change.at), did=change.did, client=change.client, before=before, memory=change.id
        )

    @property
    def length(self) -> int:
        """How many characters the content had."""
        return len(self.before or "")

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the change with no more than `most` characters of the content."""
        before = None if self.before is None else cut(self.before, most, self.memory)
        return self.model_copy(update={"before": before})


class History(Listing):
    """The changes of one memory, newest first."""

    parts: ClassVar[str] = "changes"

    changes: list[Step]

    @classmethod
    def of(cls, history: answers.History, offset: int = 0) -> Self:
        """Return the answer for a memory's history, without the newest changes up to the offset."""
        return cls(changes=list(map(Step.of, history.changes[offset:])), degraded=codes(history.degraded))

    def lines(self) -> Iterable[str]:
        """Return each change, and what the memory said before it."""
        yield f"{len(self.changes)} changes"
        for step in self.changes:
            yield f"{step.seq} · {step.at} · {step.did} · {step.client}"
            if step.before is not None:
                yield f"  before: {step.before}"


class Happened(BaseModel):
    """One change of any memory."""

    seq: int
    id: str
    at: str
    operation: str
    client: str
    namespace: Text = None
    deleted: Annotated[bool | None, SkipJsonSchema()] = None
    tags: Texts = None

    @classmethod
    def of(cls, notice: answers.Notice) -> Self:
        """Return the change as the tools show it."""
        return cls(
            seq=notice.seq,
            id=notice.id,
            at=iso(notice.at),
            operation=notice.operation,
            client=notice.client,
            namespace=notice.namespace,
            deleted=notice.deleted or None,
            tags=list(notice.tags) or None,
        )

    length: ClassVar[int] = 0
    """It has no long text."""

    def short(self, most: int = 0) -> Self:
        """Return it as it is."""
        del most
        return self


class Feed(Listing):
    """What happened, oldest first, and the number to go on with."""

    parts: ClassVar[str] = "changes"

    changes: list[Happened]
    next: int

    @classmethod
    def of(cls, changes: answers.Changes) -> Self:
        """Return the answer for changes."""
        happened, notes = list(map(Happened.of, changes)), codes(changes.notes)
        return cls(changes=happened, next=changes.next, notes=notes, degraded=codes(changes.degraded))

    def within(self, most: int, rest: Callable[[int], str]) -> Self:
        """Return the answer in `most` characters; what is left out comes when it is gone on with `next`."""
        cut = super().within(most, rest)
        return cut if not cut.omitted else cut.model_copy(update={"next": cut.changes[-1].seq})

    def lines(self) -> Iterable[str]:
        """Return each change, and how to wait for more."""
        yield f"{len(self.changes)} changes; next: {self.next}"
        for change in self.changes:
            gone = " · deleted since" if change.deleted else ""
            yield f"{change.seq} · {change.at} · {change.operation} · {change.client} · {change.id}{gone}"


class Point(BaseModel):
    """A memory that links lead to; without a content if it is not there."""

    id: str
    content_hash: Text = None
    distance: int
    content: str | None = None
    tags: Texts = None
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
            content_hash=shown_hash(memory),
            content=memory.content,
            tags=list(memory.tags) or None,
            created_at=iso(memory.created_at),
        )

    @property
    def hash(self) -> str:
        """The content hash, or the id of what is not there."""
        return self.content_hash or self.id

    @property
    def length(self) -> int:
        """How many characters the content has."""
        return len(self.content or "")

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the memory with no more than `most` characters of its content, and without many tags."""
        content = None if self.content is None else cut(self.content, most, self.id)
        return self.model_copy(
            update={"content": content, "tags": detailed(None, self.tags, DETAIL_CHARACTERS)["tags"]}
        )


class Edge(BaseModel):
    """A directed link between two memories."""

    source: str
    target: str
    relation: str
    similarity: float | None = None
    types: Texts = None

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


class Linked(Listing):
    """The memories that are linked with one, nearest first, itself at distance 0; a path in its order, or nothing.

    action: what was asked for. Its text is the JSON that mcp-memory-service writes, and the memories.
    """

    parts: ClassVar[str] = "nodes"

    nodes: Sequence[Point]
    links: Sequence[Edge]
    action: Annotated[str, Field(exclude=True), SkipJsonSchema()] = "connected"

    @classmethod
    def of(cls, graph: answers.Graph, action: str) -> Self:
        """Return the answer for a graph."""
        nodes, links = list(map(Point.of, graph.nodes)), list(map(Edge.of, graph.links))
        return cls(nodes=nodes, links=links, action=action, degraded=codes(graph.degraded))

    def within(self, most: int, rest: Rest) -> Self:
        """Return the answer in `most` characters: a third for links, the rest for memories."""
        ends = accumulate(len(as_json(edge)) + 2 for edge in self._edges())
        fit = sum(end <= most // 3 for end in ends)
        if fit == len(self.links):
            return super().within(most, rest)
        notes = [*(self.notes or ()), f"{fit} of {len(self.links)} links shown"]
        return super(Linked, self.model_copy(update={"links": self.links[:fit], "notes": notes})).within(most, rest)

    def script(self) -> dict[str, Any]:
        """Return the graph by content hashes."""
        edges = self._edges()
        memories = [node.model_dump(mode="json", exclude_none=True) for node in self.nodes]
        return {"success": True, **self._facts(), "edges": edges, "edge_count": len(edges), "memories": memories}

    def _edges(self) -> list[dict[str, Any]]:
        known = {node.id: node.hash for node in self.nodes}
        return [
            {
                "source": known.get(link.source, link.source),
                "target": known.get(link.target, link.target),
                "relationship_type": link.relation,
                "similarity": link.similarity,
                "connection_types": link.types or [],
                "metadata": {},
            }
            for link in self.links
        ]

    def _facts(self) -> dict[str, Any]:
        """Return what was asked for."""
        hashes = [node.hash for node in self.nodes]
        if self.action == "path":
            return {"path": hashes or None, "length": len(hashes)}
        if self.action == "subgraph":
            return {"nodes": hashes, "node_count": len(hashes)}
        others = [{"hash": node.hash, "distance": node.distance} for node in self.nodes if node.distance]
        return {"connected": others, "count": len(others)}


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
