"""Routers that are scripts of a test, and the settings that start them."""

from __future__ import annotations

from memmux.cluster import find
from memmux.config.loader import load
from memmux.config.settings import Settings
from tests.unit.memmux.client.peer import BOUND_S

ROUTER = """
import os, sys, time
ready = next(int(flag.partition("=")[2]) for flag in sys.argv if flag.startswith("--ready-fd="))
def tell(line):
    os.write(ready, line)
"""


READY = '{"endpoint": "ipc:///nowhere", "pid": %d, "version": "0", "protocol": 1}'
ADOPTING = '{"adopting": {"source": "/theirs.db", "done": %d, "total": 4}}'


def quick(settings: Settings, start_timeout_s: float = BOUND_S) -> Settings:
    return find.choose(None, load({"start_timeout_s": start_timeout_s, "database": settings.database}))
