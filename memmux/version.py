"""The version of memmux: the one place that says it."""

from __future__ import annotations

__version__ = "0.1.0"


def older(one: str, other: str) -> bool:
    """Return whether version `one` came before `other`; what is no version (PEP 440) is never older or newer."""
    if one == other:
        return False
    from packaging.version import InvalidVersion, Version  # costs 10 ms, and versions rarely differ

    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False
