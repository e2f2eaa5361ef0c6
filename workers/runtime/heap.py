"""The heap of this process: what of it is free goes back to the system, where the C library can do that (glibc)."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give back what is free; else a process keeps for good what it took once, for a while."""
    with suppress(AttributeError, OSError):  # others have no such call
        ctypes.CDLL(None).malloc_trim(0)
