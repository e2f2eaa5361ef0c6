"""Search by meaning alone: how fast, how right, and how heavy, by the number of memories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.harness import report
from bench.harness.callers import Callers
from bench.harness.filled import Filled, filled
from bench.harness.material import TAG, Material, place_of
from bench.harness.measure import MEBIBYTE, Row, at_least, at_most, plain, pss_bytes
from bench.harness.questions import Questions
from bench.harness.rounds import Rounds
from bench.harness.tasks import Task, Work
from bench.harness.vectors import recall
from memmux.wire.answers import Status
from memmux.wire.requests import Mode

NEAREST = 10  # hits of a search, and what recall is about
WIDE = 100  # hits among which the nearest are looked for where too few of them are found
ROUNDS = 5
WARM_UP = 20  # searches of each client that are not counted
LONGEST_S = 120.0  # of a round, however slow a search is


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is measured.

    fraction: of the memories that carry the tag which is filtered on; 0 for no filter. clients: beside the one alone.
    queries: timed by the one client, and, as far as there are texts, compared with brute force.
    """

    memories: int = 10_000
    fraction: float = 0.0
    clients: int = 8
    queries: int = 1_000

    @property
    def tag_every(self) -> int:
        """How many memories there are for one with the tag; 0 without a filter."""
        return round(1 / self.fraction) if self.fraction else 0


@dataclass(frozen=True, slots=True)
class Targets:
    """What is promised for one size; None for what is not."""

    p50_ms: float | None = None
    recall: float | None = None
    readers_mb: float | None = None


_TARGETS = {
    (10_000, 0.0): Targets(recall=0.99),
    (100_000, 0.0): Targets(p50_ms=2.0, recall=0.99),
    (1_000_000, 0.0): Targets(p50_ms=5.0, recall=0.98, readers_mb=3 * 1024),
    (100_000, 0.01): Targets(p50_ms=2.0, recall=1.0),
}
_NO_TARGETS = Targets()


def targets(options: Options) -> Targets:
    """Return what is promised for exactly this size and filter."""
    return _TARGETS.get((options.memories, options.fraction), _NO_TARGETS)


def measure(options: Options) -> Iterator[Row]:
    """Fill a cluster and give its rows."""
    material = Material.of(options.memories, tag_every=options.tag_every)
    with filled(material) as bed:
        yield from rows(bed, options)


def rows(bed: Filled, options: Options) -> Iterator[Row]:
    """Give the rows of a cluster that holds the material of the options."""
    promised = targets(options)
    task = Task(
        work=Work.SEARCH,
        seconds=LONGEST_S,
        mode=Mode.SEMANTIC,
        tags=(TAG,) if options.fraction else (),
        with_vectors=True,
    )
    with _callers(bed, options.clients) as callers:
        one, many = _rounds(callers, task, options)
    yield plain("memories", options.memories, key="memories")
    why = (
        f"{one.cpu_ms:.2f} ms of that is processor time, of all processes; the rest they wait to be woken by each other"
    )
    yield at_most("vector search, p50", one.ms(50), promised.p50_ms, "ms", key="p50_ms", why=why)
    yield plain("vector search, p95 ms", one.ms(95), key="p95_ms")
    yield plain("vector searches a second", one.per_s, key="per_s")
    yield plain(f"vector search, {options.clients} clients, p50 ms", many.ms(50), key="clients_p50_ms")
    yield plain(f"vector search, {options.clients} clients, p95 ms", many.ms(95), key="clients_p95_ms")
    yield plain(f"vector searches a second, {options.clients} clients", many.per_s, key="clients_per_s")
    found = _recall(bed, task, options.queries)
    missed = promised.recall is not None and found < promised.recall
    why = _out_of_reach(bed, task, options.queries) if missed else ""
    yield at_least("recall@10", found, promised.recall, key="recall", why=why)
    readers_mb = readers_bytes(bed.client.status()) / MEBIBYTE
    yield at_most("read workers, memory", readers_mb, promised.readers_mb, "MiB", key="readers_mb")


def readers_bytes(status: Status) -> int:
    """Return the memory of all read workers together; they map the same index, whose pages count once."""
    return sum(pss_bytes(worker["pid"]) for worker in status.workers if worker["kind"] == "read")


@contextmanager
def _callers(bed: Filled, count: int) -> Iterator[Callers]:
    """Give clients that ask for the texts which are not stored, and bring their vectors."""
    questions = Questions(bed.material.asked, bed.material.asked_vectors)
    path = questions.save(bed.arena.folder / "questions.json")
    with Callers.of(bed.arena.settings, path, count) as callers:
        yield callers


def _rounds(callers: Callers, task: Task, options: Options) -> tuple[Rounds, Rounds]:
    """Have one client ask so much, and then all of them for as long as that took."""
    one, many = Rounds(), Rounds()
    report.progress("vector search: warming up")
    callers.together(replace(task, most=WARM_UP), options.clients)
    for number in range(ROUNDS):
        report.progress(f"vector search: round {number + 1} of {ROUNDS}")
        one.each.append(callers.together(replace(task, most=max(1, options.queries // ROUNDS)), 1))
        many.each.append(callers.together(replace(task, seconds=one.each[-1].seconds), options.clients))
    return one, many


def _out_of_reach(bed: Filled, task: Task, most: int) -> str:
    """Return the reason for a low recall: whether the nearest are not reached, or not recognised."""
    part = _recall(bed, task, most, limit=WIDE)
    return f"{part:.3f} of the ten nearest are among the {WIDE} that it finds; the others it does not come to"


def _recall(bed: Filled, task: Task, most: int, *, limit: int = NEAREST) -> float:
    """Return which part of the nearest by brute force is among so many that the cluster finds."""
    report.progress("comparing with brute force")
    asked = len(bed.material.asked[:most])
    found = []
    for text, vector in zip(bed.material.asked[:asked], bed.material.asked_vectors[:asked].tolist(), strict=True):
        hits = bed.client.search(text, mode=task.mode, tags=task.tags, vector=vector, limit=limit)
        found.append([place_of(hit.memory.content) for hit in hits])
    return recall(found, bed.material.nearest(asked, NEAREST, tagged=bool(task.tags)))
