"""How a command becomes a process of another kind: a router, or a gateway."""

from __future__ import annotations

import runpy
import sys

from memmux.cli import streams
from memmux.config.settings import Settings


def become(module: str, settings: Settings, *flags: str) -> None:
    """Run another package's main module in this process; by name, because memmux imports none of its users."""
    streams.give_back()
    sys.argv = [module, *flags, *settings.flags()]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
