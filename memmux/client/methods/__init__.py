"""What a program may ask of a cluster: each function checks its arguments and returns the `Call` that asks for it.

`Client` and `AsyncClient` make their methods from these functions, so that no operation is written twice. All take
`timeout_s`, how long to wait for the answer; those that write take `key`, an idempotency key: a write with a key that
was applied before is answered again, not applied again. Wrong arguments raise a `RequestError` before anything is sent.
"""

from __future__ import annotations

from memmux.client.methods.cluster import backup, rebuild, status, stop, verify
from memmux.client.methods.counts import namespaces, tags
from memmux.client.methods.database import dump, load
from memmux.client.methods.history import changes, history, purge, undo
from memmux.client.methods.memories import delete, forget, get, store, store_batch, update, used
from memmux.client.methods.search import graph, list, path, search  # noqa: A004 - named as the methods are
from memmux.client.methods.tidying import duplicates, superseded
from memmux.client.methods.timeline import timeline

__all__ = [
    "backup",
    "changes",
    "delete",
    "dump",
    "duplicates",
    "forget",
    "get",
    "graph",
    "history",
    "list",
    "load",
    "namespaces",
    "path",
    "purge",
    "rebuild",
    "search",
    "status",
    "stop",
    "store",
    "store_batch",
    "superseded",
    "tags",
    "timeline",
    "undo",
    "update",
    "used",
    "verify",
]
