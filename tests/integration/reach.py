"""What a client may reach for: for every operation the well-formed bodies that are about one namespace, or about all.

The same table for whatever brings the grant: the router of `granting_router`, or a key over tcp.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from memmux import Client
from memmux.client.calls import Call
from memmux.errors import MemmuxError
from memmux.wire.operations import OPERATIONS

SECRET = "saffron"  # noqa: S105  # a word of every memory of a namespace that nobody else may learn of

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with memories for every operation.

    kept, changed, rewritten, dropped, gone: ids of memories, the last of a deleted one. seq: of a change to undo.
    """

    namespace: str
    kept: str
    changed: str
    rewritten: str
    dropped: str
    gone: str
    seq: int

    @classmethod
    def furnish(cls, client: Client, namespace: str, word: str) -> Place:
        """Store what a namespace needs, other texts each time; client: may do everything."""
        number = next(_NUMBERS)
        names = ("kept", "changed", "rewritten", "dropped", "gone")
        ids = {name: client.store(f"{word} {name} {number}", tags=[word], namespace=namespace).id for name in names}
        client.delete(ids["gone"], namespace=namespace)
        undone = client.store(f"{word} undone {number}", namespace=namespace)
        return cls(namespace, **ids, seq=undone.seq)


Asked = tuple[str, dict[str, Any]]


def everything() -> list[Asked]:
    """Return the bodies that are about no namespace, or about all of them."""
    everywhere = {"namespace": None}
    return [
        ("memory.search", {"query": SECRET, "filter": everywhere}),
        ("memory.match", {"query": SECRET, "mode": "keyword", "filter": everywhere}),
        ("memory.match", {"query": SECRET, "mode": "exact", "filter": everywhere}),
        ("memory.list", {"limit": 1000, "filter": everywhere}),
        ("memory.namespaces", {}),
        ("memory.tags", everywhere),
        *(("memory.timeline", {"by": by, "filter": everywhere}) for by in ("client", "type", "tag", "namespace")),
        ("memory.duplicates", {"filter": everywhere}),
        ("memory.superseded", {"filter": everywhere}),
        ("memory.list", {"limit": 1000, "as_of": 1 << 40, "filter": everywhere}),
        ("memory.changes", {"after": 0, **everywhere}),
        ("memory.forget", {"filter": {**everywhere, "tags": [SECRET]}}),
        ("memory.dump", {}),
        ("memory.dump", {"vectors": True}),
        ("memory.load", {"memories": [], "adopt": True}),
        ("admin.backup", {}),
        ("admin.backup", {"to": "/tmp"}),
        ("admin.rebuild", {}),
        ("admin.verify", {}),
        ("cluster.stop", {}),
        ("vectors.backfill", {"model": "hash", "dimensions": 384, "limit": 32}),
    ]


def reads(place: Place) -> list[Asked]:
    """Return the bodies that would read in that namespace."""
    at = {"namespace": place.namespace}
    return [
        ("memory.search", {"query": SECRET, "filter": at}),
        ("memory.search", {"query": SECRET, "filter": {"namespace": [place.namespace]}}),
        ("memory.match", {"query": SECRET, "mode": "keyword", "filter": at}),
        ("memory.match", {"query": SECRET, "mode": "exact", "filter": at}),
        ("memory.get", {"id": place.kept, **at}),
        ("memory.list", {"filter": at}),
        ("memory.namespaces", {"namespaces": [place.namespace]}),
        ("memory.tags", at),
        ("memory.tags", {"namespace": [place.namespace]}),
        ("memory.timeline", {"filter": at}),
        ("memory.timeline", {"by": "tag", "filter": {"namespace": [place.namespace]}}),
        ("memory.duplicates", {"filter": at}),
        ("memory.superseded", {"filter": at}),
        ("memory.get", {"id": place.kept, "as_of": place.seq, **at}),
        ("memory.list", {"as_of": place.seq, "filter": at}),
        ("memory.list", {"as_of": place.seq, "filter": {"namespace": [place.namespace]}}),
        ("memory.graph", {"id": place.kept, **at}),
        ("memory.graph", {"id": place.kept, "action": "path", "other": place.changed, **at}),
        ("memory.history", {"id": place.kept, **at}),
        ("memory.history", {"id": place.gone, **at}),
        ("memory.changes", {"after": 0, **at}),
        ("memory.changes", {"after": 0, "namespace": [place.namespace]}),
    ]


def writes(place: Place) -> list[Asked]:
    """Return the bodies that would write in that namespace."""
    at = {"namespace": place.namespace}
    return [
        ("memory.store", {"content": "planted", **at}),
        ("memory.store_similar", {"content": f"{SECRET} kept", **at}),
        ("memory.store_batch", {"memories": [{"content": "planted first"}, {"content": "planted too", **at}]}),
        ("memory.update", {"id": place.changed, "tags": ["planted"], **at}),
        ("memory.rewrite", {"id": place.rewritten, "content": "planted instead", **at}),
        ("memory.rewrite", {"id": place.changed, "content": "planted anew", "versioned": True, **at}),
        ("memory.forget", {"filter": {"type": "none such", **at}}),
        ("memory.use", {"ids": [place.kept], "namespaces": [place.namespace]}),
        ("memory.undo", {"seq": place.seq, "namespaces": [place.namespace]}),
        ("memory.delete", {"id": place.dropped, **at}),
    ]


def removals(place: Place) -> list[Asked]:
    """Return the bodies that would remove something for good in that namespace."""
    at = {"namespace": place.namespace}
    return [("memory.purge", {"id": place.gone, **at}), ("memory.purge", {"before": "2100-01-01T00:00:00Z", **at})]


def by_number(place: Place) -> list[Asked]:
    """Return the bodies that name what is in a namespace, but not the namespace."""
    ids = {"kept": place.kept, "gone": place.gone}
    return [
        *(("memory.get", {"id": memory_id}) for memory_id in ids.values()),
        *(("memory.history", {"id": memory_id}) for memory_id in ids.values()),
        *(("memory.get", {"id": memory_id, "as_of": place.seq}) for memory_id in ids.values()),
        ("memory.graph", {"id": place.kept}),
        ("memory.store", {"content": "planted in its place", "id": place.kept}),
        ("memory.update", {"id": place.changed, "tags": ["planted"]}),
        ("memory.rewrite", {"id": place.rewritten, "content": "planted by number"}),
        ("memory.rewrite", {"id": place.rewritten, "content": "planted by number", "versioned": True}),
        ("memory.delete", {"id": place.dropped}),
        ("memory.undo", {"seq": place.seq}),
        ("memory.purge", {"id": place.gone}),
        ("memory.use", {"ids": [place.kept, place.changed]}),
    ]


def covered(*tables: list[Asked]) -> bool:
    """Return whether every operation is in one of the tables; cluster.status is about nothing that could be in them."""
    tried = {name for table in tables for name, _ in table} | {"cluster.status"}
    return tried >= {name for name, operation in OPERATIONS.items() if not operation.internal}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request ended in: `ok` or a code, and the message of the error or the body of the answer."""

    code: str
    text: str


def outcomes(client: Client, asked: list[Asked]) -> Iterator[tuple[Asked, Outcome]]:
    """Ask for each, one after the other, with what is checked on the client's side left out."""
    for operation, body in asked:
        call: Call[str] = Call(operation=operation, body=orjson.dumps(body), read=lambda message: message.body.decode())
        try:
            yield (operation, body), Outcome("ok", call.answer(client._perform(call)))
        except MemmuxError as error:
            yield (operation, body), Outcome(error.code, error.message)


def contents(client: Client, namespace: str) -> Mapping[str, object]:
    """Return all memories of a namespace as they are, deleted ones too; client: may do everything."""
    found: dict[str, object] = {}
    after: int | None = 0
    while after is not None:
        page = client.dump(after=after)
        found.update((str(memory["id"]), memory) for memory in page.memories if memory["namespace"] == namespace)
        after = page.next
    return found
