"""The variable by which processes of a test import what is in other folders, too."""

from __future__ import annotations

import os
from pathlib import Path

from memmux.interpreter import HOME


def python_path(*folders: Path) -> str:
    """Return a PYTHONPATH with these folders; memmux heeds one that it is found by itself."""
    return os.pathsep.join([HOME, *map(str, folders)])
