"""A lean SDK: how a gateway imports it without what it does not use, and the rest of it when it is used.

- Clients, and HTTP where it serves none: a quarter of what the import takes of a processor, and 8 MiB, of which clients
  are 3. The SDK imports them by name, and uses them in functions that only HTTP servers and clients call.
- cryptography, with which a server seals what its clients are to send back: 7 MiB. Ours has nothing sealed
  (`mcp_dealer.sdk.server`).
- The models of the protocol of 2026-07-28, where it serves no HTTP: a tenth of the processor time, and 3 MiB. They come
  with its first request.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SEALING = "cryptography"
LATER = "mcp_types._v2026_07_28"
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

    http: whether it is to serve HTTP as well. What is left out is not there afterwards either, and can be imported as
    ever; the SDK's server does not know of it.
    """
    if "mcp" in sys.modules:
        return
    finder = _Finder({SEALING} | OF_CLIENTS | (set() if http else {LATER} | OF_HTTP))
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


class _LaterModel:
    """A model of a module that is imported when the first of its models is used."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _model(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)

    def model_validate(self, value: object, **options: Any) -> object:
        """Do what the model does."""
        return self._model().model_validate(value, **options)

    def __get_pydantic_core_schema__(self, _source: object, handler: Callable[[Any], object]) -> object:
        """Return the model's schema."""
        return handler(self._model())


class _LaterModule(ModuleType):
    """A module of models that is imported when one of them is used."""

    def __getattr__(self, name: str) -> _LaterModel:
        if name.startswith("__"):
            raise AttributeError(name)
        return _LaterModel(self.__name__, name)


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins for modules, and for all in a package. made: their names."""

    def __init__(self, absent: AbstractSet[str]) -> None:
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
        return _LaterModule(spec.name) if spec.name == LATER else _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        del module
