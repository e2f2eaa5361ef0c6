"""What operations take: the arguments in a request's body, checked by the same code where they are made and served.

Each class is the body of one or more operations: `to_body` writes it, `from_body` reads it, and constructing one
raises the `RequestError` that names what is wrong. Texts are Unicode without lone surrogates; times are aware.
"""

from __future__ import annotations

from memmux.wire import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, Metadata
    from memmux.wire.requests.bodies import BODIES
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

_MODULES = {
    "base": ("DEFAULT_NAMESPACE", "Body", "Metadata"),
    "bodies": ("BODIES",),
    "counts": ("Namespaces", "Tags"),
    "database": ("Backup", "Dump", "HealthRow", "Load", "Nothing"),
    "filters": ("Filter", "Mode"),
    "history": ("Changes", "History", "Purge", "Undo"),
    "memories": ("Delete", "Forget", "Get", "Store", "StoreBatch", "Update", "Use"),
    "search": ("Graph", "List", "Search", "Walk"),
    "tidying": ("Duplicates", "Superseded"),
    "timeline": ("Grouping", "Timeline"),
}

if not TYPE_CHECKING:
    __getattr__ = later.names(__name__, _MODULES)
