"""Answers of two engines: when they are the same."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Return an answer without the beginnings of ids, which are cut where the ids of an engine differ."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name != "short"}
    return value


def same(one: Any, other: Any) -> bool:
    """Return whether two answers are the same, but for how a product of vectors is rounded."""
    match one, other:
        case float(), float():
            return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
        case (list(), list()) | (tuple(), tuple()):
            return len(one) == len(other) and all(map(same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return type(one) is type(other) and bool(one == other)


def ended(*said: Any) -> bool:
    """Return whether the time of an answer was over before all was compared."""
    return any(answer[0] != "error" and answer[0][0]["next"] is not None for answer in said)
