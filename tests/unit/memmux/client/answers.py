"""What a cluster answers to each operation."""

from __future__ import annotations

from memmux.wire.protocol import Message
from tests.unit.memmux.client.peer import result, status_body

MEMORY = {
    "id": "i",
    "content": "c",
    "content_hash": "h",
    "namespace": "default",
    "type": None,
    "tags": ["t"],
    "metadata": {},
    "created_at": "2026-11-23T10:00:00+00:00",
    "updated_at": "2026-11-23T10:00:00+00:00",
    "supersedes": None,
}


STORED = {"id": "i", "content_hash": "h", "seq": 3, "status": "created", "indexed": True}


CHANGE = {
    "seq": 6,
    "id": "i",
    "at": "2026-11-23T10:00:00+00:00",
    "operation": "memory.delete",
    "client": "c",
    "request": "r",
    "did": "deleted",
    "before": MEMORY,
}


ANSWERS = {
    "memory.store": STORED,
    "memory.store_batch": {"stored": [STORED, STORED]},
    "memory.search": {"mode": "hybrid", "hits": [{"score": 0.5, "memory": MEMORY}]},
    "memory.match": {"mode": "keyword", "hits": []},
    "memory.get": MEMORY,
    "memory.list": {"memories": [MEMORY], "total": 7},
    "memory.update": {"id": "i", "content_hash": "h", "seq": 4, "indexed": True},
    "memory.rewrite": {"id": "i", "content_hash": "h2", "seq": 5, "indexed": False},
    "memory.delete": {"id": "i", "seq": 6},
    "memory.history": {"changes": [CHANGE, {**CHANGE, "seq": 3, "before": None}]},
    "memory.undo": {"id": "i", "content_hash": "h", "seq": 7, "undone": 6, "deleted": False, "indexed": False},
    "memory.purge": {"purged": 1, "remaining": 2, "seq": 8},
    "memory.dump": {"memories": [{"id": "i"}], "next": 1, "last": 2},
    "memory.load": {
        "created": 1,
        "skipped": 0,
        "problems": [{"place": 0, "id": None, "status": "broken", "message": "why"}],
        "seq": 9,
    },
    "memory.store_similar": {**STORED, "similar": [{"id": "j", "score": 0.9}]},
    "memory.forget": {"ids": ["i", "j"], "count": 2, "dry_run": True},
    "memory.use": {"count": 1},
    "memory.graph": {
        "nodes": [{"id": "i", "distance": 0, "memory": MEMORY}, {"id": "j", "distance": 1, "memory": None}],
        "links": [
            {
                "source": "i",
                "target": "j",
                "relation": "cites",
                "similarity": None,
                "types": ["a"],
                "metadata": {},
                "created_at": "2026-11-23T10:00:00+00:00",
            }
        ],
    },
    "memory.namespaces": {"namespaces": [{"name": "default", "memories": 3}], "total": 2},
    "memory.tags": {"tags": [{"name": "sea", "memories": 2}, {"name": "port", "memories": 1}], "total": 2},
    "memory.timeline": {
        "days": ["2026-11-23"],
        "groups": [{"name": None, "stored": [2], "changed": [1], "deleted": [0]}],
        "other": {"name": None, "stored": [0], "changed": [0], "deleted": [1]},
        "others": 3,
        "earlier": 4,
        "zone": "UTC",
        "notes": [],
    },
    "memory.duplicates": {
        "groups": [{"members": [{"memory": MEMORY, "similarity": 1.0}], "more": True}],
        "next": 5,
        "compared": 6,
        "least": 0.85,
        "notes": [],
    },
    "memory.superseded": {
        "memories": [
            {"memory": MEMORY, "by": None, "deleted": False},
            {"memory": MEMORY, "by": MEMORY, "deleted": True},
        ],
        "total": 2,
        "notes": [],
    },
    "cluster.status": status_body(),
    "cluster.stop": {},
}


def answer_all(message: Message) -> list[list[bytes]]:
    return [result(message, ANSWERS[message.header.operation], degraded=("embedder_loading",))]
