"""The class of each operation's body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmux.wire.requests.counts import Namespaces, Tags
from memmux.wire.requests.database import Backup, Dump, HealthRow, Load, Nothing
from memmux.wire.requests.history import Changes, History, Purge, Undo
from memmux.wire.requests.memories import Delete, Forget, Get, Store, StoreBatch, Update, Use
from memmux.wire.requests.search import Graph, List, Search
from memmux.wire.requests.tidying import Duplicates, Superseded
from memmux.wire.requests.timeline import Timeline

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
