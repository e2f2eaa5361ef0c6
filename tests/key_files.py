"""Files of keys, as somebody else may change them."""

from __future__ import annotations

from pathlib import Path

from memmux.files import private
from tests.bounds import pause


def opened_to_others(path: Path) -> None:
    """Open a file to others, at another time than its last change: systems count these by up to ten milliseconds."""
    before = private.signature(path)
    while private.signature(path) == before:
        pause()
        path.chmod(0o644)
