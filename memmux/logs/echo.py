"""The lines of this process's log, told as they are written to whoever watches it in the foreground."""

from __future__ import annotations

from collections.abc import Callable

to: Callable[[bytes], None] | None = None
"""Told each line; None where nobody watches. `memmux serve` sets it on a terminal."""
