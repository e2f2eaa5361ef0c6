"""Degradation: what a client loses by sharing a cluster, against the same code in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.harness import plots, report
from bench.harness.callers import Callers
from bench.harness.costs import Meter
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.measure import Row, at_least, at_most, plain
from bench.harness.player import Player
from bench.harness.questions import Questions
from bench.harness.rounds import Deck, Round, Rounds, Turn, in_turns
from bench.harness.single import Single
from bench.harness.tasks import Task, Work
from memmux import Client

COUNTS = (1, 2, 4, 8, 16, 32)  # clients, for the plot
WARM = 64  # queries that are asked again and again when the cache is to know them
FILL_S = 60.0  # for all of them, at most
FULL = 10_000, 16  # memories, and clients in closed loops, which a time has a target for
P95_MS = 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured.

    clients: in closed loops; some: fewer of them, to have their latency measured, too. paced: those that ask once in
    every_s. round_s, paced_s: the length of a round.
    """

    memories: int = 10_000
    clients: int = 32
    some: int = 16
    paced: int = 16
    rounds: int = 10
    round_s: float = 2.0
    paced_s: float = 10.0
    every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class _Contest:
    """The two sides: a cluster with its clients, and the code of one in this process."""

    callers: Callers
    alone: Player
    deck: Deck
    client: Client

    def together(self, task: Task, count: int) -> Round:
        return self.callers.together(task, count)

    def in_process(self, task: Task) -> Round:
        (dealt,) = self.deck.deal(task, 1)
        done = self.alone.play(dealt, time.monotonic())
        self.deck.discard([done])
        return Round.of([done])


def measure(options: Options, plot: Path | None = None) -> Iterator[Row]:
    """Give the rows; with `plot`, also draw the latency by the number of clients."""
    if plot is not None:
        plots.check()
    material = Material.of(options.memories)
    with filled(material) as bed, ExitStack() as opened:
        contest = _contest(bed, options, opened)
        search = Task(work=Work.SEARCH, seconds=options.round_s)
        found, meters = _search_rounds(contest, options, search, "search")
        yield from _search_rows(found, meters)
        yield from _some_rows(options, found["some"], meters["some"])
        warm = replace(search, among=WARM)
        _fill_cache(contest, warm)
        yield from _search_rows(*_search_rounds(contest, options, warm, "warm search"), warm=True)
        if plot is not None:
            _draw(contest, options, plot)
        yield from _store_rows(contest, options)  # last, since there are more memories then


def _contest(bed: Filled, options: Options, opened: ExitStack) -> _Contest:
    """Start the clients, and open the same database for this process: to read it, and a copy to write."""
    folder = bed.arena.folder
    questions = Questions(bed.material.queries())
    single = opened.enter_context(Single(bed.arena.settings))
    single.open_embedder()
    single.open_reader()
    single.open_writer(Path(bed.client.backup(to=folder / "copy").path))
    count = max(options.clients, options.some, options.paced)
    callers = Callers.of(bed.arena.settings, questions.save(folder / "questions.json"), count)
    return _Contest(opened.enter_context(callers), Player(single, questions, "alone"), Deck(), bed.client)


def _search_rounds(
    contest: _Contest, options: Options, task: Task, what: str
) -> tuple[dict[str, Rounds], dict[str, Meter]]:
    """Return the rounds, and what those of the cluster cost, by their names."""
    paced = replace(task, seconds=options.paced_s, every_s=options.every_s)
    meters = {name: Meter.of(contest.client, contest.callers) for name in ("one", "some", "many", "paced many")}

    def metered(name: str, task: Task, count: int) -> Turn:
        return partial(meters[name], partial(contest.together, task, count))

    closed = in_turns(
        options.rounds,
        {
            "alone": partial(contest.in_process, task),
            "one": metered("one", task, 1),
            "some": metered("some", task, options.some),
            "many": metered("many", task, options.clients),
        },
        f"{what}, closed loops",
    )
    once_a_second = in_turns(
        options.rounds,
        {
            "paced one": partial(contest.together, paced, 1),
            "paced many": metered("paced many", paced, options.paced),
        },
        f"{what}, once a second",
    )
    return {**closed, **once_a_second}, meters


def _fill_cache(contest: _Contest, warm: Task) -> None:
    """Ask each of the warm questions once on either side; what follows asks no others, so all of them stay."""
    once = replace(warm, most=WARM, seconds=FILL_S)
    contest.in_process(once)
    contest.together(once, 1)


def _search_rows(found: dict[str, Rounds], meters: dict[str, Meter], *, warm: bool = False) -> Iterator[Row]:
    """Give the ratios and what they are made of; targets are for queries that nobody has asked before."""
    kind, suffix = ("warm search", "_warm") if warm else ("search", "")
    alone, one, many = found["alone"], found["one"], found["many"]
    paced_one, paced_many = found["paced one"], found["paced many"]
    yield plain(f"{kind}, in process, p50 ms", alone.ms(50), key=f"alone_p50_ms{suffix}")
    yield plain(f"{kind}, one client, p50 ms", one.ms(50), key=f"one_p50_ms{suffix}")
    yield at_most(
        f"{kind}, one client over in process, p50",
        one.ms(50) / alone.ms(50),
        None if warm else 1.05,
        key=f"overhead_p50{suffix}",
        why=meters["one"].why(),
    )
    yield plain(f"{kind}, in process, a second", alone.per_s, key=f"alone_per_s{suffix}")
    yield plain(f"{kind}, all clients, a second", many.per_s, key=f"many_per_s{suffix}")
    yield at_least(
        f"{kind}, all clients over in process, a second",
        many.per_s_over(alone),
        None if warm else 2.2,
        key=f"throughput_ratio{suffix}",
        why=meters["many"].why(),
    )
    yield from meters["many"].rows(kind, f"many{suffix}")
    for percent, target in ((50, 1.05), (95, 1.15)):
        yield plain(
            f"{kind}, one paced client, p{percent} ms",
            paced_one.ms(percent),
            key=f"paced_one_p{percent}_ms{suffix}",
        )
        yield plain(
            f"{kind}, all paced clients, p{percent} ms",
            paced_many.ms(percent),
            key=f"paced_many_p{percent}_ms{suffix}",
        )
        yield at_most(
            f"{kind}, all paced clients over one, p{percent}",
            paced_many.ms(percent) / paced_one.ms(percent),
            None if warm else target,
            key=f"paced_p{percent}_ratio{suffix}",
            why=f"the readers were busy {100 * meters['paced many'].busy('read'):.0f} % of the time, which is how "
            "often a client's search came while another's was worked on",
        )


def _some_rows(options: Options, some: Rounds, meter: Meter) -> Iterator[Row]:
    """Give the latency of fewer clients in closed loops, whose queries wait for each other's."""
    yield plain(f"search, {options.some} clients in closed loops, p50 ms", some.ms(50), key="some_p50_ms")
    yield at_most(
        f"search, {options.some} clients in closed loops, p95",
        some.ms(95),
        P95_MS if (options.memories, options.some) == FULL else None,
        "ms",
        key="some_p95_ms",
        why=meter.why(),
    )


def _store_rows(contest: _Contest, options: Options) -> Iterator[Row]:
    task = Task(work=Work.STORE, seconds=options.round_s)
    found = in_turns(
        options.rounds,
        {
            "alone": partial(contest.in_process, task),
            "one": partial(contest.together, task, 1),
            "many": partial(contest.together, task, options.clients),
        },
        "store",
    )
    alone, one, many = found["alone"], found["one"], found["many"]
    yield plain("store, in process, p50 ms", alone.ms(50), key="alone_store_p50_ms")
    yield plain("store, one client, p50 ms", one.ms(50), key="one_store_p50_ms")
    yield plain("store, one client over in process, p50", one.ms(50) / alone.ms(50), key="overhead_store_p50")
    yield plain("store, in process, a second", alone.per_s, key="alone_stores_per_s")
    yield plain("store, all clients, a second", many.per_s, key="many_stores_per_s")
    yield plain("store, all clients over in process, a second", many.per_s_over(alone), key="store_throughput_ratio")


def _draw(contest: _Contest, options: Options, plot: Path) -> None:
    """Measure searches of each number of clients, and draw their latency."""
    counts = [count for count in COUNTS if count <= options.clients]
    task = Task(work=Work.SEARCH, seconds=options.round_s)
    found = in_turns(
        max(1, options.rounds // 2), {str(count): partial(contest.together, task, count) for count in counts}, "plot"
    )
    report.progress("drawing")
    curves = {f"p{percent}": [found[str(count)].ms(percent) for count in counts] for percent in (50, 95)}
    plots.draw(
        plot,
        plots.Picture(
            title=f"Text search over {options.memories} memories, clients in closed loops",
            across="clients",
            up="latency, ms",
            places=counts,
            curves=curves,
        ),
    )
