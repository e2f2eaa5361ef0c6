"""memmux: one memory, shared by every AI client on the machine.

`Client` and `AsyncClient` are the Python interface; what they answer is in `memmux.wire.answers`, what they raise in
`memmux.errors`. Names are imported when they are first used, so that `import memmux` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from memmux.version import __version__

if TYPE_CHECKING:
    from memmux.client.asynchronous import AsyncClient
    from memmux.client.blocking import Client
    from memmux.config.settings import Settings
    from memmux.errors import MemmuxError
    from memmux.wire.answers import Deleted, Hit, Memory, Page, SearchResult, Status, Stored, Updated

__all__ = [
    "AsyncClient",
    "Client",
    "Deleted",
    "Hit",
    "MemmuxError",
    "Memory",
    "Page",
    "SearchResult",
    "Settings",
    "Status",
    "Stored",
    "Updated",
    "__version__",
]

_MODULES = {
    "AsyncClient": "client.asynchronous",
    "Client": "client.blocking",
    "MemmuxError": "errors",
    "Settings": "config.settings",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'memmux' has no attribute {name!r}")
    return getattr(importlib.import_module(f"memmux.{_MODULES.get(name, 'wire.answers')}"), name)
