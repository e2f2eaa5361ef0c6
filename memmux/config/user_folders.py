"""The folders of this user, as the platform has them; who is told where everything is does not import what knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

APPLICATION = "memmux"


def _of(kind: str) -> Path:
    import platformdirs  # four milliseconds, and most processes are given all folders

    found: Path = getattr(platformdirs, f"user_{kind}_path")(APPLICATION, appauthor=False)
    return found


data = partial(_of, "data")
state = partial(_of, "state")
cache = partial(_of, "cache")
config = partial(_of, "config")
runtime = partial(_of, "runtime")
