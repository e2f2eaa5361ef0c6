"""What came of the comparison with the peers: rows with targets, a table with a line per peer, a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rich.markup import escape
from rich.table import Table

from bench.harness.measure import Row, at_least, at_most, plain
from bench.harness.plots import Picture
from bench.harness.rounds import Rounds
from bench.peers.interface import REMEDY

OURS, THEIRS = "memmux", "pgvector"  # whose ratio has targets
LATENCY_TARGET = 1.15  # p50 of one client, ours over theirs
RATE_TARGET = 0.9  # queries a second of all clients, ours over theirs
ENOUGH = 0.99  # recall@10 that every index is to reach before its speed counts

HEADINGS = ("peer", "p50 ms", "p95 ms", "q/s at 1", "q/s at {}", "recall", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured of one peer.

    tuning: how many candidates its index looks at, in its own words; empty where that is not for the user to say.
    clients: how many asked at once. one, many: the rounds of one client alone, and of all of them.
    """

    version: str
    tuning: str
    recall: float
    clients: int
    one: Rounds
    many: Rounds

    @property
    def note(self) -> str:
        """What one should know of the numbers."""
        return f"{self.tuning}; {self.version}" if self.tuning else self.version


Results: TypeAlias = Mapping[str, Result | None]
"""By the name of the peer, in the order of the table; None for those that are not installed."""


def rows(results: Results) -> Iterator[Row]:
    """Give all rows: those with targets first."""
    yield from ratios(results)
    for name, result in results.items():
        key = name.lower().replace("-", "_")
        if result is None:
            yield Row(name=name, value=REMEDY)
            continue
        promised = ENOUGH if name == OURS else None
        yield Row(name=name, value=result.note)
        yield plain(f"{name}, p50 ms", result.one.ms(50), key=f"{key}_p50_ms")
        yield plain(f"{name}, p95 ms", result.one.ms(95), key=f"{key}_p95_ms")
        yield plain(f"{name}, queries/s", result.one.per_s, key=f"{key}_per_s")
        yield plain(f"{name}, {result.clients} clients, queries/s", result.many.per_s, key=f"{key}_clients_per_s")
        yield plain(f"{name}, {result.clients} clients, processor ms a query", result.many.cpu_ms, key=f"{key}_cpu_ms")
        yield at_least(f"{name}, recall@10", result.recall, promised, key=f"{key}_recall")


def ratios(results: Results) -> Iterator[Row]:
    """Give the rows of what is promised in comparison; where a side is not installed they say so and miss nothing."""
    ours, theirs = results.get(OURS), results.get(THEIRS)
    latency = f"vector search, 1 client p50, {OURS} / {THEIRS}"
    if ours is None or theirs is None:
        absent = f"{OURS if ours is None else THEIRS} {REMEDY}"
        rate = f"vector search, many clients, q/s, {OURS} / {THEIRS}"
        yield Row(name=latency, value=absent, target=f"≤ {LATENCY_TARGET:g}", measured=False)
        yield Row(name=rate, value=absent, target=f"≥ {RATE_TARGET:g}", measured=False)
        return
    rate = f"vector search, {ours.clients} clients, q/s, {OURS} / {THEIRS}"
    why = "processor time of a query in all processes, client included: " + "; ".join(
        f"{name} {side.one.cpu_ms:.2f} ms for one client, {side.many.cpu_ms:.2f} ms for {side.clients}"
        for name, side in ((OURS, ours), (THEIRS, theirs))
    )
    ratio = ours.one.ms(50) / theirs.one.ms(50)
    yield at_most(latency, ratio, LATENCY_TARGET, key="p50_over_pgvector", why=why)
    yield at_least(rate, ours.many.per_s_over(theirs.many), RATE_TARGET, key="clients_per_s_over_pgvector", why=why)


def table(results: Results) -> Table:
    """Return the table with a line per peer."""
    clients = max((result.clients for result in results.values() if result), default=0)
    made = Table(pad_edge=False)  # the remedy, unbroken, just fits into 80 columns
    name, *numbers, note = HEADINGS
    made.add_column(name, no_wrap=True)
    for heading in numbers:
        made.add_column(heading.format(clients), justify="right", no_wrap=True)
    made.add_column(note, overflow="fold")
    for name, result in results.items():
        made.add_row(name, *(("", "", "", "", "", escape(REMEDY)) if result is None else _cells(result)))
    return made


def picture(results: Results, memories: int) -> Picture:
    """Return the picture of how many queries a second there are for how many clients."""
    known = {name: result for name, result in results.items() if result is not None}
    clients = max(result.clients for result in known.values())
    return Picture(
        title=f"Vector search among {memories:,} memories",
        across="client processes",
        up="queries a second",
        places=(1, clients),
        curves={name: (result.one.per_s, result.many.per_s) for name, result in known.items()},
    )


def _cells(result: Result) -> tuple[str, ...]:
    return (
        f"{result.one.ms(50):.2f}",
        f"{result.one.ms(95):.2f}",
        f"{result.one.per_s:.0f}",
        f"{result.many.per_s:.0f}",
        f"{result.recall:.4f}",
        result.note,
    )
