"""Mixed load: what a reader feels of a bulk import and of a writer that stores as fast as it can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from bench.harness.callers import Callers
from bench.harness.costs import Meter
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.measure import Row, at_most, plain
from bench.harness.questions import Questions
from bench.harness.rounds import Deck, Round, Rounds, Turn, in_turns
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from bench.harness.vectors import REAL

IN_FLIGHT = 64  # stores of the writer at most: what one transaction takes
PACED_PER_S = 200.0  # stores of the paced writer, as of a bulk import
ROUND_S = 2.0
FIRST = 3  # searches of a round that are not counted: in them what was stored before is caught up with
TARGETS: Mapping[str, float] = {"paced": 1.25, "saturating": 2.0}  # by what is beside the reader
_NAMES: Mapping[str, str] = {"paced": f"{PACED_PER_S:.0f} stores a second", "saturating": "a saturating writer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; seconds: of the reader alone, and as many with each kind of writer."""

    memories: int = 10_000
    seconds: float = 20.0


@dataclass(slots=True)
class _Shift:
    """The rounds of the reader beside one kind of writer, and the writer's own.

    every_s: between two stores; 0 for as many as go.
    """

    bed: Filled
    callers: Callers
    round_s: float
    deck: Deck
    every_s: float
    meter: Meter
    written: Rounds = field(default_factory=Rounds)

    def alone(self) -> Round:
        """Have the reader search for a round with nobody beside it."""
        return self._search(writing=False)

    def beside(self) -> Round:
        """Have it search for a round with the writer beside it."""
        return self.meter(partial(self._search, writing=True))

    def _search(self, *, writing: bool) -> Round:
        """Return the reader's round, on a cluster that has settled, and keep the writer's."""
        settle(self.bed.client)
        # One deck for all: what the writer stores is made distinct by its name, and the reader never asks it.
        tasks = self.deck.deal(Task(work=Work.SEARCH, seconds=self.round_s, uncounted=FIRST), 1)
        if writing:
            store = Task(work=Work.STORE, seconds=self.round_s, with_vectors=True, in_flight=IN_FLIGHT)
            tasks.append(replace(store, every_s=self.every_s))
        read, *wrote = self.callers.run(tasks)
        self.deck.discard([read])
        if wrote:
            self.written.each.append(Round.of(wrote))
        return Round.of([read])


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    rounds = max(2, round(options.seconds / ROUND_S))
    with filled(Material.of(options.memories)) as bed:
        questions = Questions(bed.material.queries(), bed.material.vectors[:REAL])
        path = questions.save(bed.arena.folder / "questions.json")
        with Callers.of(bed.arena.settings, path, 2) as callers:
            deck = Deck()
            shifts = {
                kind: _Shift(bed, callers, options.seconds / rounds, deck, every_s, Meter.of(bed.client, callers))
                for kind, every_s in (("paced", 1 / PACED_PER_S), ("saturating", 0.0))
            }
            turns: dict[str, Turn] = {kind: shift.beside for kind, shift in shifts.items()}
            found = in_turns(rounds, {"alone": shifts["paced"].alone, **turns}, "mixed load")
    alone = found["alone"]
    yield plain("search without a writer, p50 ms", alone.ms(50), key="alone_p50_ms")
    yield plain("search without a writer, p95 ms", alone.ms(95), key="alone_p95_ms")
    for kind, shift in shifts.items():
        yield from _rows(kind, shift, alone, found[kind])


def _rows(kind: str, shift: _Shift, alone: Rounds, beside: Rounds) -> Iterator[Row]:
    name = _NAMES[kind]
    yield plain(f"search beside {name}, p50 ms", beside.ms(50), key=f"{kind}_p50_ms")
    yield plain(f"search beside {name}, p95 ms", beside.ms(95), key=f"{kind}_p95_ms")
    used = ", ".join(f"{process} {100 * shift.meter.busy(process):.0f}" for process in shift.meter.pids)
    yield at_most(
        f"search beside {name} over without, p95",
        beside.ms(95) / alone.ms(95),
        TARGETS[kind],
        key=f"{kind}_p95_ratio",
        why=f"a search shares the cores with what stores; with the writer they were in use, in % of one core: {used}",
    )
    yield plain(f"{kind} writer, stores that came through, a second", shift.written.per_s, key=f"{kind}_stores_per_s")
