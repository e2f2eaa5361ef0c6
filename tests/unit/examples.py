"""How many examples a test of properties tries."""

from __future__ import annotations

from hypothesis import settings

DEFAULT = 100  # of hypothesis, for a test that says nothing


def examples(full: int) -> int:
    """Return this number in the profile `full`, and a part of it in one that tries fewer."""
    return full * settings().max_examples // DEFAULT
