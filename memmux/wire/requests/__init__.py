"""What operations take: the arguments in a request's body, checked by the same code where they are made and served.

Each class is the body of one or more operations: `to_body` writes it, `from_body` reads it, and constructing one
raises the `RequestError` that names what is wrong. Texts are Unicode without lone surrogates; times are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, Metadata
from memmux.wire.requests.counts import Namespaces, Tags
from memmux.wire.requests.database import Backup, Dump, HealthRow, Load, Nothing
from memmux.wire.requests.filters import Filter, Mode
from memmux.wire.requests.history import Changes, History, Purge, Undo
from memmux.wire.requests.memories import Delete, Forget, Get, Store, StoreBatch, Update, Use
from memmux.wire.requests.search import Graph, List, Search, Walk
from memmux.wire.requests.tidying import Duplicates, Superseded
from memmux.wire.requests.timeline import Grouping, Timeline

__all__ = [
    "BODIES",
    "DEFAULT_NAMESPACE",
    "Backup",
    "Body",
    "Changes",
    "Delete",
    "Dump",
    "Duplicates",
    "Filter",
    "Forget",
    "Get",
    "Graph",
    "Grouping",
    "HealthRow",
    "History",
    "List",
    "Load",
    "Metadata",
    "Mode",
    "Namespaces",
    "Nothing",
    "Purge",
    "Search",
    "Store",
    "StoreBatch",
    "Superseded",
    "Tags",
    "Timeline",
    "Undo",
    "Update",
    "Use",
    "Walk",
]

BODIES: Mapping[str, type[Any]] = {
    "memory.store": Store,
    "memory.store_similar": Store,
    "memory.store_batch": StoreBatch,
    "memory.search": Search,
    "memory.match": Search,
    "memory.get": Get,
    "memory.list": List,
    "memory.graph": Graph,
    "memory.namespaces": Namespaces,
    "memory.tags": Tags,
    "memory.timeline": Timeline,
    "memory.duplicates": Duplicates,
    "memory.superseded": Superseded,
    "memory.update": Update,
    "memory.rewrite": Update,
    "memory.delete": Delete,
    "memory.forget": Forget,
    "memory.use": Use,
    "memory.history": History,
    "memory.changes": Changes,
    "memory.undo": Undo,
    "memory.purge": Purge,
    "memory.dump": Dump,
    "memory.load": Load,
    "health.write": HealthRow,
    "health.read": HealthRow,
    "admin.backup": Backup,
    "admin.rebuild": Nothing,
    "admin.verify": Nothing,
}
"""The class of each operation's body."""
