"""Steps: what takes a while, written so that a blocking client sleeps, an asyncio client awaits, and both run the same.

A task is a generator that yields how long to wait before it wants to go on.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TypeAlias, TypeVar

PAUSE_S = 0.001  # the first pause between two looks; doubled each time
PAUSE_MOST_S = 0.02

T = TypeVar("T")
Steps: TypeAlias = Generator[float, None, T]
"""A task that yields the seconds to wait before it is resumed, and returns its result."""


def run(steps: Steps[T]) -> T:
    """Run steps to their end, sleeping in between."""
    with closing(steps):
        while True:
            try:
                pause = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            time.sleep(pause)


def pauses() -> Iterator[float]:
    """Yield the pauses between looks at something that may take a moment or a while."""
    pause = PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, PAUSE_MOST_S)
