"""Storing: how many acknowledged stores a second many clients get, and whether all of them are there afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.harness import report
from bench.harness.callers import Callers
from bench.harness.costs import Meter
from bench.harness.filled import quiet_arena
from bench.harness.material import FEW, Material
from bench.harness.measure import Row, at_least, at_most, plain
from bench.harness.questions import Questions
from bench.harness.rounds import Rounds
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from bench.harness.vectors import REAL
from memmux import Client
from workers.storage.sqlite import engine

ROUNDS = 3
WARM_UP = 0.2  # of a round's time, before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; seconds: of each kind of store.

    few: whether to make do with the few vectors that are there in seconds.
    """

    clients: int = 32
    seconds: float = 20.0
    few: bool = False


def measure(options: Options) -> Iterator[Row]:
    """Give the rows: stores with the clients' vectors, stores with the real model, and what of them was lost."""
    material = Material.of(FEW if options.few else REAL)
    with quiet_arena() as here:
        questions = Questions(material.queries(), material.vectors).save(here.folder / "questions.json")
        with (
            Client(settings=here.settings, name="bench") as client,
            Callers.of(here.settings, questions, options.clients) as callers,
        ):
            settle(client)
            given_meter, text_meter = (Meter.of(client, callers) for _ in range(2))
            given = _rounds(callers, options, given_meter, with_vectors=True)
            embedded = _rounds(callers, options, text_meter, with_vectors=False)
        here.end()
        acknowledged = [name for rounds in (given, embedded) for one in rounds.each for name in one.ids]
        missing = lost(here.settings.database, acknowledged)
    why = given_meter.why()
    yield at_least("stores with vectors, a second", given.per_s, 1500, key="vectors_per_s", why=why)
    yield plain("stores with vectors, p50 ms", given.ms(50), key="vectors_p50_ms")
    yield at_most("stores with vectors, p99", given.ms(99), 150, "ms", key="vectors_p99_ms", why=why)
    yield from given_meter.rows("store with vector", "vectors")
    yield at_least("stores of short texts, a second", embedded.per_s, 150, key="texts_per_s", why=text_meter.why())
    yield plain("stores of short texts, p50 ms", embedded.ms(50), key="texts_p50_ms")
    yield plain("stores of short texts, p99 ms", embedded.ms(99), key="texts_p99_ms")
    yield from text_meter.rows("store of a short text", "texts")
    yield plain("stores acknowledged", len(acknowledged), key="acknowledged")
    yield at_most("acknowledged stores that are lost", missing, 0, key="lost")


def lost(database: Path, ids: Iterable[str]) -> int:
    """Return how many of these memories a database that no cluster has open does not hold."""
    with closing(engine.open_reader(database)) as connection:
        kept = {name for (name,) in engine.fetch(connection, "SELECT id FROM memories WHERE deleted_at IS NULL")}
    return len(set(ids) - kept)


def _rounds(callers: Callers, options: Options, meter: Meter, *, with_vectors: bool) -> Rounds:
    what = "stores with vectors" if with_vectors else "stores of short texts"
    round_s = options.seconds / ROUNDS
    rounds = Rounds()
    for number, seconds in enumerate([WARM_UP * round_s, *[round_s] * ROUNDS]):
        report.progress(f"{what}: round {number} of {ROUNDS}")
        task = Task(work=Work.STORE, seconds=seconds, with_vectors=with_vectors)
        turn = partial(callers.together, task, options.clients)
        if number:
            rounds.each.append(meter(turn))
        else:
            turn()
    return rounds
