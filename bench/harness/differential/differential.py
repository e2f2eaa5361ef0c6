"""The same random jobs on two engines: each step writes something, and asks much; where they differ is said.

An id that an engine made is compared by when it was seen first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from bench.harness.differential.answers import ended, same
from bench.harness.differential.changes import Changes
from bench.harness.differential.clock import Moving
from bench.harness.differential.questions import Questions
from bench.harness.differential.side import Asked, Side
from bench.harness.differential.values import CLIENTS, Values
from memmux.wire.operations import OPERATIONS
from workers.runtime.jobs import Job


def _apart(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Yield jobs as they go to workers: writes together."""
    if OPERATIONS[jobs[0].operation].writes:
        yield jobs
    else:
        yield from ([job] for job in jobs)


class Differential:
    """Random jobs, by a seed, on two sides; both have this clock."""

    def __init__(self, seed: int, sides: tuple[Side, Side], clock: Moving) -> None:
        self._chance = random.Random(seed)
        self._sides = sides
        self._clock = clock
        self._values = Values(self._chance, sides[0], clock)
        self._changes = Changes(self._values, sides)
        self._questions = Questions(self._values)
        self.done: dict[str, int] = {}  # jobs by what came of them

    def step(self) -> list[str]:
        """Write something and ask much; return where the sides differ."""
        self._clock.at += self._chance.choice((1.0, 60.0, 4_000.0))
        differences = self._compare([self._changes.change() for _ in range(self._chance.choice((1, 1, 2, 5)))])
        for ask in self._questions.questions():
            differences += self._compare([(ask, "")])
        return differences

    def _compare(self, asked: Sequence[tuple[Asked, str]]) -> list[str]:
        ids = [self._values.uuid() for _ in asked]
        client = self._chance.choice(CLIENTS)
        said = []
        for side in self._sides:
            jobs = [
                Job(job_id, operation, side.frames(body, *blobs), key, client, math.inf, 1, ())
                for job_id, ((operation, body, blobs), key) in zip(ids, asked, strict=True)
            ]
            said.append([outcome for first in _apart(jobs) for outcome in side.do(first)])
        differences = []
        for ((operation, body, _), _), one, other in zip(asked, *said, strict=True):
            kind = f"{operation} {one[1]}" if one[0] == "error" else operation
            self.done[kind] = self.done.get(kind, 0) + 1
            if not same(one, other) and not (operation == "memory.duplicates" and ended(one, other)):
                differences.append(f"{operation} {body}:\n  {one}\n  {other}")
            if operation == "memory.dump" and one[0] != "error" and one[0][0]["memories"]:
                self._changes.dumped = one[0][0]["memories"]
        return differences
