"""Presence: whether a path is there, as far as this process may look."""

from __future__ import annotations

import os
from pathlib import Path


def seen(path: Path) -> bool:
    """Return whether a path is there; False where a folder above it may not be entered, for which `Path.exists` raises.

    Whoever opens it says then what is wrong.
    """
    return os.path.exists(path)  # noqa: PTH110 - says no where it may not look
