"""memmux: one memory, shared by every AI client on the machine.

`Client` and `AsyncClient` are the Python interface; what they answer is in `memmux.models`, what they raise in
`memmux.errors`. Names are imported when they are first used, so that `import memmux` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from memmux.version import __version__

if TYPE_CHECKING:
    from memmux.aclient import AsyncClient
    from memmux.client import Client
    from memmux.errors import MemmuxError
    from memmux.models import Deleted, Hit, Memory, Page, SearchResult, Status, Stored, Updated
    from memmux.settings import Settings

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

_MODULES = {"AsyncClient": "aclient", "Client": "client", "MemmuxError": "errors", "Settings": "settings"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'memmux' has no attribute {name!r}")
    return getattr(importlib.import_module(f"memmux.{_MODULES.get(name, 'models')}"), name)
