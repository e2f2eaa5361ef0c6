"""A lean SDK: how a gateway imports it without clients, and where it serves no HTTP without that.

These are a quarter of what its import takes of a processor, and 8 MiB, of which clients are 3. The SDK imports them by
name, and uses them in functions that only HTTP servers and clients call.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OF_CLIENTS = frozenset(
    {
        "httpx2",
        *(f"mcp.client.{name}" for name in ("client", "session", "session_group", "stdio")),
        "mcp.server.auth.routes",
        "mcp.server.sse",
    }
)
"""Packages and modules of the SDK that nothing but clients, OAuth and a former transport use."""
OF_HTTP = frozenset(
    {
        "sse_starlette",
        "starlette",
        "uvicorn",
        "mcp.server.streamable_http",
        "mcp.server.streamable_http_manager",
    }
)
"""Those that a server over HTTP uses, too."""


class AbsentError(ImportError):
    """Raised where something is used that was left out."""


def import_sdk(*, http: bool) -> None:
    """Import the SDK's server; to be called before anything else imports it, in processes that are ours alone.

    http: whether it is to serve over HTTP.
    What is left out is not there afterwards either, and can be imported as ever; the SDK's server does not know of it.
    """
    if "mcp" in sys.modules:
        return
    finder = _Finder(OF_CLIENTS if http else OF_CLIENTS | OF_HTTP)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("mcp.server")
    finally:
        sys.meta_path.remove(finder)
        for name in finder.made:
            parent, _, child = name.rpartition(".")
            del sys.modules[name]
            if parent in sys.modules and child in vars(sys.modules[parent]):
                delattr(sys.modules[parent], child)


class _Absent:
    """What stands where a class or function of a module that was left out is named."""

    def __init__(self, *_: object, **__: object) -> None:
        raise AbsentError(f"{type(self).__module__}.{type(self).__qualname__} was left out of this process")


class _StandIn(ModuleType):
    """A module that was left out; whatever is imported from it is there, and can't be used."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Absent,), {"__module__": self.__name__})


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins for modules, and for all in a package. made: their names."""

    def __init__(self, absent: frozenset[str]) -> None:
        self._absent = absent
        self.made: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if self._absent.isdisjoint({fullname, fullname.partition(".")[0]}):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.made.append(spec.name)
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        del module
