"""Files of keys, as somebody else may change them."""

from __future__ import annotations

from pathlib import Path

from tests.bounds import pause


def opened_to_others(path: Path) -> None:
    """Open a file to others, at another time than its last change: systems count these by up to ten milliseconds."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        pause()
        path.chmod(0o644)
