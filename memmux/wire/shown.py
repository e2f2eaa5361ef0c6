"""Values as messages show them: the beginning of what is long."""

from __future__ import annotations

SHOWN = 80  # characters of what is wrong, in a message


def shown(value: object) -> str:
    """Return `value` for a message: the beginning of what is long, and nothing that Python can't write."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    except RecursionError:
        return "a value of hundreds of levels"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
