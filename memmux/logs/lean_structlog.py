"""Lean processes: how the router, the workers and the gateway import structlog without what it imports for others.

That is rich, for a console that they don't have, and asyncio, for methods that they don't call: a tenth of a second and
5 MiB each, in every process, and in every successor of a worker that has died.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def import_structlog() -> None:
    """Import structlog; to be called first of all, in processes that are ours alone.

    Meanwhile rich is not to be found and asyncio is empty. Afterwards either can be imported as ever, but structlog
    does not know of it.
    """
    if "structlog" in sys.modules:
        return
    here: dict[str, ModuleType] = {name: sys.modules[name] for name in ("rich", "asyncio") if name in sys.modules}
    sys.modules["rich"] = None  # type: ignore[assignment]  # how the import system is told that it is not there
    sys.modules["asyncio"] = ModuleType("asyncio")
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"], sys.modules["asyncio"]
        sys.modules.update(here)
