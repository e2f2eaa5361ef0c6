"""The shapes of what REST answers and takes beside memories: names, changes, health, and progress."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from mcp_dealer.http.rest.base import Answer, Csv, Given, Id, Namespace, Seq, Store, Time
from mcp_dealer.http.rest.models import Memory
from memmux import limits


class Problem(Answer):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str
    """What is wrong, and how to make it right"""
    code: str
    """What programs compare with; the page of events and errors lists all"""
    retry: bool
    """Whether the same request may succeed later, unchanged"""


class Health(Answer):
    """Whether it lives, and no more: anybody may ask."""

    status: Literal["healthy"]


class Storage(Answer):
    """The database, as the hooks of mcp-memory-service read it."""

    model_config = ConfigDict(extra="allow")
    backend: str
    status: str
    accessible: bool
    total_memories: int | None
    unique_tags: int
    database_size_mb: float | None
    embedding_model: str | None


class DetailedHealth(Answer):
    """The state of the cluster, in the shape of mcp-memory-service."""

    status: Literal["healthy", "degraded"]
    version: str
    timestamp: str
    uptime_seconds: float
    storage: Storage
    system: dict[str, Any]
    performance: dict[str, Any]
    statistics: dict[str, Any]
    degraded: list[str]
    """Codes of what is not as it should be"""


class Status(Answer):
    """The state of the cluster, as `memmux status --json` has it; of a limited key, what that may know."""

    model_config = ConfigDict(extra="allow")
    state: str
    version: str
    model: str | None
    uptime_s: float
    degraded: list[str]
    clients: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    seq: int


class TagCount(Answer):
    """A tag, and how many memories have it."""

    tag: str
    count: int


class TagCounts(Answer):
    """The tags, those of the most memories first."""

    tags: list[TagCount]
    total: int
    notes: list[str]


class NamespaceCount(Answer):
    """A namespace, and how many memories it has."""

    name: str
    memories: int


class NamespaceCounts(Answer):
    """The namespaces, those with the most memories first."""

    namespaces: list[NamespaceCount]
    total: int


class Change(Answer):
    """A change of one memory, with what it was before."""

    seq: int
    id: str
    at: str
    operation: str
    client: str
    request: str
    """The id of the request, as the logs have it"""
    did: str
    """What it did, in words"""
    before: Memory | None


class History(Answer):
    """What happened to a memory, newest first."""

    changes: list[Change]


class Notice(Answer):
    """A change, without what was before."""

    seq: int
    id: str
    namespace: str
    at: str
    operation: str
    client: str
    deleted: bool
    """Whether the memory is deleted now"""
    tags: list[str]
    text: str | None
    """How the memory begins now"""
    event: str
    """What happened: memory_stored, memory_updated, memory_deleted, memory_restored or memory_loaded"""


class Changes(Answer):
    """What happened after a change, oldest first."""

    changes: list[Notice]
    next: int
    """The number to ask with, next time"""
    notes: list[str]


class Node(Answer):
    """A memory that links lead to; null where there is none, or it is deleted."""

    id: str
    distance: int
    memory: Memory | None


class Link(Answer):
    """A directed link between two memories."""

    source: str
    target: str
    relation: str
    similarity: float | None
    types: list[str]
    metadata: dict[str, Any]
    created_at: str


class Graph(Answer):
    """Memories that are linked, nearest first, and the links among them."""

    nodes: list[Node]
    links: list[Link]


class Undo(Given):
    """What to undo: one change, several that follow each other, or all that a request made."""

    example: ClassVar = {"seq": 41, "preview": True}

    seq: Seq | None = None
    seqs: Annotated[list[Seq] | None, Field(min_length=1, max_length=1000)] = None
    """Several changes, in place of seq"""
    last_seq: Seq | None = None
    """With seq: all changes from the one to the other"""
    id: Id | None = None
    """The newest change of this memory"""
    namespace: Namespace
    preview: bool = False
    """Whether only to say what would be undone"""


class UndoneOne(Answer):
    """A change that is undone, or would be."""

    undone: int
    """The change"""
    seq: int | None
    """The change that undid it, which can be undone itself; null in a preview"""
    id: str
    becomes: Literal["deleted", "restored", "as before"]
    did: str | None
    """In a preview, what the change did"""
    memory: Memory | None
    """In a preview, what the memory would be again"""


class Undone(Answer):
    """What was undone, the newest change first; what was left is named: changed or stored anew since, or failed."""

    undone: list[UndoneOne]
    left: list[Problem]
    preview: bool


class Delete(Given):
    """Which memories to delete: all that meet this, of which something must be given."""

    example: ClassVar = {"tags": ["staging"], "dry_run": True}

    tags: Annotated[Csv | None, Field(min_length=1, max_length=limits.TAGS)] = None
    match_any: bool = False
    """Whether one of the tags is enough"""
    memory_type: Annotated[str | None, Field(min_length=1, max_length=limits.TYPE_CHARACTERS)] = None
    after: Time
    before: Time
    metadata: Annotated[dict[str, Any] | None, Field(min_length=1)] = None
    namespace: Namespace
    store: Store
    dry_run: bool = False
    """Whether only to say which they are"""


class DeletedMany(Answer):
    """What was deleted, or would be."""

    ids: list[str]
    count: int
    dry_run: bool
    first_seq: int | None
    last_seq: int | None
    """Undone from first_seq to last_seq, all come back"""
    notes: list[str]


class Lines(Answer):
    """Lines of the cluster's logs, oldest first."""

    lines: list[dict[str, Any]]


class BackupFile(Answer):
    """A backup that is kept."""

    name: str
    bytes: int
    made_at: str


class Backups(Answer):
    """The backups of the cluster's own folder, newest first."""

    backups: list[BackupFile]


class BackupMade(Answer):
    """A backup that was made and checked."""

    name: str
    bytes: int
    memories: int
    seq: int
    seconds: float


class Progress(Answer):
    """A line of a long answer: how far it is; the last one holds the report, or the error."""

    model_config = ConfigDict(extra="allow")
    upload: str | None = None
    """In the first line: the id by which it can be stopped"""
    done: int | None = None
    """How much of the file was read, in bytes, or in memories of a database"""
    total: int | None = None
    memories: int | None = None
    """In how many memories it has been so far"""
    report: dict[str, Any] | None = None
    error: Problem | None = None


class Stopping(Answer):
    """An upload that was told to end."""

    stopping: bool
