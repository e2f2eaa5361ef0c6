"""Rounds: what several clients did at the same time, and what came of many such rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from statistics import median
from typing import Self, TypeVar

from bench.harness import report
from bench.harness.measure import percentile
from bench.harness.tasks import Done, Task


@dataclass(frozen=True, slots=True)
class Round:
    """What some clients did at the same time; latencies and ids of all of them.

    cpu_s: the processor time that the whole machine used meanwhile.
    """

    latencies_ms: tuple[float, ...]
    ids: tuple[str, ...]
    seconds: float
    cpu_s: float = 0.0

    @classmethod
    def of(cls, dones: Sequence[Done], cpu_s: float = 0.0) -> Self:
        """Return the round of which the clients told these."""
        return cls(
            latencies_ms=tuple(chain.from_iterable(done.latencies_ms for done in dones)),
            ids=tuple(chain.from_iterable(done.ids for done in dones)),
            seconds=max(done.ended for done in dones) - min(done.began for done in dones),
            cpu_s=cpu_s,
        )

    @property
    def per_s(self) -> float:
        """Timed calls a second."""
        return len(self.latencies_ms) / self.seconds


@dataclass(slots=True)
class Rounds:
    """Several rounds of the same."""

    each: list[Round] = field(default_factory=list)

    def ms(self, percent: float) -> float:
        """Return a percentile of the latencies of all rounds, in milliseconds."""
        return percentile([ms for one in self.each for ms in one.latencies_ms], percent)

    @property
    def per_s(self) -> float:
        """Calls a second: the median of the rounds."""
        return median(one.per_s for one in self.each)

    @property
    def cpu_ms(self) -> float:
        """The processor time that the whole machine used for one call, in milliseconds."""
        return 1000 * sum(one.cpu_s for one in self.each) / sum(len(one.latencies_ms) for one in self.each)

    def per_s_over(self, other: Rounds) -> float:
        """Return how many calls a second there are for one of the other: the median of each round's ratio."""
        return median(one.per_s / two.per_s for one, two in zip(self.each, other.each, strict=True))


@dataclass(slots=True)
class Deck:
    """The questions: each is dealt once before any of them comes again.

    dealt: how many have been.
    """

    dealt: int = 0

    def deal(self, task: Task, count: int) -> list[Task]:
        """Return the task for each of so many clients, with questions that were not dealt before."""
        return [replace(task, first=self.dealt + number, step=count) for number in range(count)]

    def discard(self, dones: Sequence[Done]) -> None:
        """Take note of what was done with the questions that were dealt last."""
        self.dealt += len(dones) * max(done.calls for done in dones)


Turn = Callable[[], Round]
Name = TypeVar("Name")


def in_turns(rounds: int, turns: Mapping[Name, Turn], what: str) -> dict[Name, Rounds]:
    """Return so many rounds of each of `turns`, after one to warm up.

    They take turns, and every other time the other way round, so what disturbs the machine disturbs all of them.
    """
    found = {name: Rounds() for name in turns}
    order = list(turns.items())
    for turn in turns.values():
        report.progress(f"{what}: warming up")
        turn()
    for number in range(rounds):
        report.progress(f"{what}: round {number + 1} of {rounds}")
        for name, turn in order if number % 2 else reversed(order):
            found[name].each.append(turn())
    return found
