"""Mixed load: what a reader feels of a writer that stores as fast as it can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.harness import report
from bench.harness.callers import Callers
from bench.harness.costs import Meter
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.measure import Row, at_most, plain
from bench.harness.questions import Questions
from bench.harness.rounds import Deck, Round, Rounds
from bench.harness.settle import settle
from bench.harness.tasks import Done, Task, Work
from bench.harness.vectors import REAL

IN_FLIGHT = 64  # stores of the writer: what one transaction takes
ROUND_S = 2.0
FIRST = 3  # searches of a round that are not counted: in them what was stored before is caught up with
TARGET = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; seconds: of the reader alone, and as many with the writer."""

    memories: int = 10_000
    seconds: float = 20.0


@dataclass(slots=True)
class _Shift:
    """The rounds of the reader, and those of the writer beside it."""

    bed: Filled
    callers: Callers
    round_s: float
    meter: Meter
    deck: Deck = field(default_factory=Deck)
    written: Rounds = field(default_factory=Rounds)

    def play(self, *, writing: bool) -> Round:
        """Have the reader search for a round, with the writer or without, on a cluster that has settled."""
        settle(self.bed.client)
        # One deck for both: what the writer stores is made distinct by its name, and the reader never asks it.
        tasks = self.deck.deal(Task(work=Work.SEARCH, seconds=self.round_s, uncounted=FIRST), 1)
        if writing:
            store = Task(work=Work.STORE, seconds=self.round_s, with_vectors=True, in_flight=IN_FLIGHT)
            tasks.append(store)
        if not writing:
            return self._read(self.callers.run(tasks))
        return self.meter(lambda: self._read(self.callers.run(tasks)))

    def _read(self, dones: Sequence[Done]) -> Round:
        """Return the reader's round, and keep the writer's."""
        read, *wrote = dones
        self.deck.discard([read])
        if wrote:
            self.written.each.append(Round.of(wrote))
        return Round.of([read])


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    alone, beside = Rounds(), Rounds()
    rounds = max(2, round(options.seconds / ROUND_S))
    with filled(Material.of(options.memories)) as bed:
        questions = Questions(bed.material.queries(), bed.material.vectors[:REAL])
        path = questions.save(bed.arena.folder / "questions.json")
        with Callers.of(bed.arena.settings, path, 2) as callers:
            shift = _Shift(bed, callers, options.seconds / rounds, Meter.of(bed.client, callers))
            for writing in (False, True):
                shift.play(writing=writing)  # to warm up
            for number in range(rounds):
                report.progress(f"mixed load: round {number + 1} of {rounds}")
                for writing in (False, True) if number % 2 else (True, False):
                    (beside if writing else alone).each.append(shift.play(writing=writing))
    yield plain("search without the writer, p50 ms", alone.ms(50), key="alone_p50_ms")
    yield plain("search with the writer, p50 ms", beside.ms(50), key="beside_p50_ms")
    yield plain("search without the writer, p95 ms", alone.ms(95), key="alone_p95_ms")
    yield plain("search with the writer, p95 ms", beside.ms(95), key="beside_p95_ms")
    used = ", ".join(f"{kind} {100 * shift.meter.busy(kind):.0f}" for kind in shift.meter.pids)
    yield at_most(
        "search with the writer over without, p95",
        beside.ms(95) / alone.ms(95),
        TARGET,
        key="p95_ratio",
        why=f"a search shares the cores with what stores; with the writer they were in use, in % of one core: {used}",
    )
    yield plain("stores beside the reader, a second", shift.written.per_s, key="stores_per_s")
