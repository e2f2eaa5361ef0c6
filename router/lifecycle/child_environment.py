"""The environment of the router's children; only what a relay may import is imported here."""

from __future__ import annotations

from memmux import interpreter

# glibc raises this threshold by itself, and then keeps the memory of large arrays that are gone: 9 MB a reader.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


def environment() -> dict[str, str]:
    """Return the environment of a worker, or of a gateway."""
    return {**_MEMORY, **interpreter.environment()}
