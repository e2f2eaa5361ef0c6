"""Values as messages show them: the beginning of what is long."""

from __future__ import annotations

SHOWN = 80  # characters of what is wrong, in a message


def shown(value: object) -> str:
    """Return `value` for a message: the beginning of what is long, and no number of more digits than Python writes."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
