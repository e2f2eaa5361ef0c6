"""What operations answer: frozen dataclasses, read from the JSON of a result's body.

Workers write these bodies by `orjson.dumps` of the same classes, so there is one description of each answer.
"""

from __future__ import annotations

from memmux.wire import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memmux.wire.answers.base import Answer
    from memmux.wire.answers.counts import NameCount, Namespaces, Tags
    from memmux.wire.answers.database import Backup, Dumped, Loaded, Problem, Rebuilt, Verified
    from memmux.wire.answers.graph import Graph, Link, Node
    from memmux.wire.answers.history import Change, Changes, History, Notice, Purged, Undone
    from memmux.wire.answers.memory import Deletion, Hit, Memory, Page, SearchResult
    from memmux.wire.answers.status import Status
    from memmux.wire.answers.tidying import Alike, DuplicateGroup, Duplicates, Replaced, Superseded
    from memmux.wire.answers.timeline import DayCounts, Timeline
    from memmux.wire.answers.writes import Deleted, Forgotten, Similar, Stored, StoredBatch, Updated, Used

__all__ = [
    "Alike",
    "Answer",
    "Backup",
    "Change",
    "Changes",
    "DayCounts",
    "Deleted",
    "Deletion",
    "Dumped",
    "DuplicateGroup",
    "Duplicates",
    "Forgotten",
    "Graph",
    "History",
    "Hit",
    "Link",
    "Loaded",
    "Memory",
    "NameCount",
    "Namespaces",
    "Node",
    "Notice",
    "Page",
    "Problem",
    "Purged",
    "Rebuilt",
    "Replaced",
    "SearchResult",
    "Similar",
    "Status",
    "Stored",
    "StoredBatch",
    "Superseded",
    "Tags",
    "Timeline",
    "Undone",
    "Updated",
    "Used",
    "Verified",
]

_MODULES = {
    "base": ("Answer",),
    "counts": ("NameCount", "Namespaces", "Tags"),
    "database": ("Backup", "Dumped", "Loaded", "Problem", "Rebuilt", "Verified"),
    "graph": ("Graph", "Link", "Node"),
    "history": ("Change", "Changes", "History", "Notice", "Purged", "Undone"),
    "memory": ("Deletion", "Hit", "Memory", "Page", "SearchResult"),
    "status": ("Status",),
    "tidying": ("Alike", "DuplicateGroup", "Duplicates", "Replaced", "Superseded"),
    "timeline": ("DayCounts", "Timeline"),
    "writes": ("Deleted", "Forgotten", "Similar", "Stored", "StoredBatch", "Updated", "Used"),
}

if not TYPE_CHECKING:
    __getattr__ = later.names(__name__, _MODULES)
