"""What operations answer: frozen dataclasses, read from the JSON of a result's body.

Workers write these bodies by `orjson.dumps` of the same classes, so there is one description of each answer.
"""

from __future__ import annotations

from memmux.models.graph import Graph, Link, Node
from memmux.models.log import Change, Purged, Undone
from memmux.models.memory import Hit, Memory, Page, SearchResult
from memmux.models.status import Status
from memmux.models.whole import Backup, Dumped, Loaded, Problem, Rebuilt, Verified
from memmux.models.writes import Deleted, Forgotten, Similar, Stored, Updated, Used

__all__ = [
    "Backup",
    "Change",
    "Deleted",
    "Dumped",
    "Forgotten",
    "Graph",
    "Hit",
    "Link",
    "Loaded",
    "Memory",
    "Node",
    "Page",
    "Problem",
    "Purged",
    "Rebuilt",
    "SearchResult",
    "Similar",
    "Status",
    "Stored",
    "Undone",
    "Updated",
    "Used",
    "Verified",
]
