"""What operations answer: frozen dataclasses, read from the JSON of a result's body.

Workers write these bodies by `orjson.dumps` of the same classes, so there is one description of each answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from memmux.requests import DEFAULT_NAMESPACE, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One memory.

    id: uuid7. content_hash: SHA-256 of the content, hex. created_at, updated_at: aware, UTC.
    tags: as they were spelled, in the order given. supersedes: the id of the memory that this one replaced.
    """

    id: str
    content: str
    content_hash: str
    namespace: str = DEFAULT_NAMESPACE
    type: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    supersedes: str | None = None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Memory:
        """Return the memory that the JSON object describes."""
        return cls(
            **{
                **fields,
                "tags": tuple(fields["tags"]),
                "created_at": datetime.fromisoformat(fields["created_at"]),
                "updated_at": datetime.fromisoformat(fields["updated_at"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One memory that a search found.

    score: higher is better; cosine similarity in [-1, 1] for semantic, [0, 1] for the other modes, 1 being the best.
    """

    score: float
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The hits of a search, best first; iterate it, index it, or take `hits`.

    mode: how they were ranked. degraded: codes of what the search had to do without; empty when all is well.
    """

    mode: Mode
    degraded: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    @classmethod
    def from_body(cls, body: bytes, degraded: tuple[str, ...]) -> SearchResult:
        """Return the result in `body`, with the codes of its header."""
        fields = orjson.loads(body)
        hits = tuple(Hit(score=hit["score"], memory=Memory.from_json(hit["memory"])) for hit in fields["hits"])
        return cls(mode=Mode(fields["mode"]), degraded=degraded, hits=hits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Memories of a list, newest first; `total` counts all that the filter lets through."""

    memories: tuple[Memory, ...]
    total: int

    def __iter__(self) -> Iterator[Memory]:
        return iter(self.memories)

    def __len__(self) -> int:
        return len(self.memories)

    def __getitem__(self, index: int) -> Memory:
        return self.memories[index]

    @classmethod
    def from_body(cls, body: bytes) -> Page:
        """Return the page in `body`."""
        fields = orjson.loads(body)
        return cls(memories=tuple(map(Memory.from_json, fields["memories"])), total=fields["total"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The acknowledgement of a store: durable, and visible to every read that starts now.

    seq: of the change in the log. status: created, or duplicate when the same content was there already (the memory
    with this id; nothing was changed). indexed: whether its vector is there; if not, it follows and full text finds it
    meanwhile. degraded: codes of what the store had to do without.
    """

    id: str
    content_hash: str
    seq: int
    status: str
    indexed: bool
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The acknowledgement of an update; as of a store."""

    id: str
    content_hash: str
    seq: int
    indexed: bool
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The acknowledgement of a delete."""

    id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a memory, as the change log keeps it.

    seq: its place among all changes, and what `undo` takes. id: of the memory. at: aware, UTC. client, request: who
    made it, and in which request. did: what it did, in words. before: the memory as it was; None when it was new, and
    when it was purged since.
    """

    seq: int
    id: str
    at: datetime
    operation: str
    client: str
    request: str
    did: str
    before: Memory | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Change:
        """Return the change that the JSON object describes."""
        before = fields["before"] and Memory.from_json(fields["before"])
        return cls(**{**fields, "at": datetime.fromisoformat(fields["at"]), "before": before})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The acknowledgement of an undo, which is the change `seq` itself.

    undone: the change that was undone. deleted: whether the memory is deleted now. indexed: whether its vector is
    there; if not, it follows.
    """

    id: str
    content_hash: str
    seq: int
    undone: int
    deleted: bool
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """The acknowledgement of a purge; remaining: how many more are meant, for the next call to purge."""

    purged: int
    remaining: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """A page of all memories, each as the JSON object that `load` takes; PROTOCOL.md describes it.

    next: the cursor of the page after; None after the last. last: how far the cursor goes.
    """

    memories: tuple[Mapping[str, Any], ...]
    next: int | None
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A memory that was not loaded.

    place: its place among those given, counted from 0. id: None if it has none. status: conflict, when its id is there
    with another state, which stays; duplicate, when a live memory of another id has its content; or broken.
    """

    place: int
    id: str | None
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of memories to load; skipped: how many were there already, as they were given."""

    created: int
    skipped: int
    problems: tuple[Problem, ...]
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made and checked; bytes: its size. memories, seq: what it holds. seconds: what it took."""

    path: str
    bytes: int
    memories: int
    seq: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was built anew; texts, vectors: how many are in the views now.

    dropped: memories that lost wrong vectors, and wait for new ones.
    """

    texts: int
    vectors: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What one read worker keeps in memory, compared with the rows.

    pid: of the worker. seq: the change it stood at. vectors: how many were compared; 0 when none are in memory.
    drifted: memories whose vectors in memory are not those of the rows.
    """

    pid: int
    seq: int
    vectors: int
    drifted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a cluster.

    state: serving, starting, draining, or degraded when a kind of worker keeps failing. seq: the newest change.
    memories: how many there are. pending: how many still wait for their vector. model: None until an embedder is ready.
    workers: kind, pid, state, restarts, in_flight, rss_bytes and, when it keeps failing, error.
    clients: name, pid, version, in_flight, requests. queues: requests that wait, by kind of worker. requests: counts
    and times by operation. uptime_s, rss_bytes: of the router. pid: of the router, too. wal_bytes: the size of the
    write-ahead log. oldest_read_s: for how long a read worker has been at its oldest request; a snapshot keeps the log.
    index: of many vectors: its `state`, which is none, building or ready, and how many `vectors` are in it.
    degraded: codes of everything that is not as it should be.
    """

    state: str
    pid: int
    version: str
    endpoint: str
    database: str
    seq: int
    memories: int
    pending: int
    model: str | None
    uptime_s: float
    rss_bytes: int
    degraded: tuple[str, ...]
    workers: tuple[Mapping[str, Any], ...]
    clients: tuple[Mapping[str, Any], ...]
    queues: Mapping[str, int]
    requests: Mapping[str, Any]
    wal_bytes: int = 0
    oldest_read_s: float = 0.0
    index: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_body(cls, body: bytes) -> Status:
        """Return the status in `body`."""
        fields = orjson.loads(body)
        for name in ("degraded", "workers", "clients"):
            fields[name] = tuple(fields[name])
        return cls(**fields)
