"""memmux: one memory, shared by every AI client on the machine.

`Client` and `AsyncClient` are the Python interface; beside them is all that their methods take and answer. What they
raise is in `memmux.errors`. Names are imported when they are first used, so that `import memmux` costs nothing.
"""

from __future__ import annotations

from memmux.version import __version__

TYPE_CHECKING = False  # as type checkers know it; `typing` itself takes ten milliseconds to import
if TYPE_CHECKING:
    from memmux.client.asynchronous import AsyncClient
    from memmux.client.blocking import Client
    from memmux.client.calls import Observer, RequestOutcome, Vector
    from memmux.client.methods.arguments import Time
    from memmux.config.settings import Settings
    from memmux.errors import MemmuxError
    from memmux.wire.answers import (
        Alike,
        Backup,
        Change,
        Changes,
        DayCounts,
        Deleted,
        Deletion,
        Dumped,
        DuplicateGroup,
        Duplicates,
        Forgotten,
        Graph,
        History,
        Hit,
        Link,
        Loaded,
        Memory,
        NameCount,
        Namespaces,
        Node,
        Notice,
        Page,
        Problem,
        Purged,
        Rebuilt,
        Replaced,
        SearchResult,
        Similar,
        Status,
        Stored,
        StoredBatch,
        Superseded,
        Tags,
        Timeline,
        Undone,
        Updated,
        Used,
        Verified,
    )
    from memmux.wire.cues import Cue
    from memmux.wire.requests import Filter, Grouping, Metadata, Mode, Store, Walk

__all__ = [
    "Alike",
    "AsyncClient",
    "Backup",
    "Change",
    "Changes",
    "Client",
    "Cue",
    "DayCounts",
    "Deleted",
    "Deletion",
    "Dumped",
    "DuplicateGroup",
    "Duplicates",
    "Filter",
    "Forgotten",
    "Graph",
    "Grouping",
    "History",
    "Hit",
    "Link",
    "Loaded",
    "MemmuxError",
    "Memory",
    "Metadata",
    "Mode",
    "NameCount",
    "Namespaces",
    "Node",
    "Notice",
    "Observer",
    "Page",
    "Problem",
    "Purged",
    "Rebuilt",
    "Replaced",
    "RequestOutcome",
    "SearchResult",
    "Settings",
    "Similar",
    "Status",
    "Store",
    "Stored",
    "StoredBatch",
    "Superseded",
    "Tags",
    "Time",
    "Timeline",
    "Undone",
    "Updated",
    "Used",
    "Vector",
    "Verified",
    "Walk",
    "__version__",
]

_MODULES = {
    "AsyncClient": "client.asynchronous",
    "Client": "client.blocking",
    "Cue": "wire.cues",
    "MemmuxError": "errors",
    "Settings": "config.settings",
    "Time": "client.methods.arguments",
    **dict.fromkeys(("Observer", "RequestOutcome", "Vector"), "client.calls"),
    **dict.fromkeys(("Filter", "Grouping", "Metadata", "Mode", "Store", "Walk"), "wire.requests"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'memmux' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"memmux.{_MODULES.get(name, 'wire.answers')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
