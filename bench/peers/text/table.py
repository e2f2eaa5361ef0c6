"""What came of the comparison for texts: rows with targets first, then what they are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.harness.measure import Row, at_least, at_most, plain
from bench.harness.rounds import Rounds

OURS = "memmux"
HYBRID, MEANING = "memmux, hybrid", "memmux, by meaning"
POSTGRES, CHROMA, SERVICE = "pgvector + tsvector", "Chroma", "mcp-memory-service"

OVER_POSTGRES = 1.8  # hybrid searches a second
OVER_CHROMA = 1.25  # searches by meaning a second
P95_OVER_CHROMA = 1.0
OVER_SERVICE = 5.0  # hybrid searches a second
P95_OVER_P50 = 1.4
STORES_OVER_POSTGRES = 1.1
STORES = "stores_over_pgvector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured of one peer.

    searches: by the name of the way to search, and the number of clients. stores: of as many clients as there are, or
    why there are none.
    start_s: of a client, to its first answer. pss_mb: of all processes, the clients included.
    """

    version: str
    searches: Mapping[str, Mapping[int, Rounds]]
    stores: Rounds | str
    start_s: float
    pss_mb: float

    @property
    def clients(self) -> int:
        """The most clients there were."""
        return max(next(iter(self.searches.values())))

    def most(self, name: str) -> Rounds:
        """Return the searches of all clients."""
        return self.searches[name][self.clients]


Results: TypeAlias = Mapping[str, Result | str]
"""By the name of the peer, in the order of the table; why there is none, where nothing was measured."""


def rows(results: Results) -> Iterator[Row]:
    """Give all rows: those with targets first."""
    yield from ratios(results)
    for name, result in results.items():
        if isinstance(result, str):
            yield Row(name=f"text, {name}", value=result)
            continue
        yield Row(name=f"text, {name}", value=result.version)
        for way, by_count in result.searches.items():
            for count, found in by_count.items():
                yield from _searches(way, count, found)
        what, key = f"text, {name}", _key(name)
        clients = f"{result.clients} clients"
        yield plain(f"{what}, {clients}, PSS of everything, MiB", result.pss_mb, key=f"{key}_pss_mb")
        yield plain(f"{what}, start of a client, s", result.start_s, key=f"{key}_start_s")
        stores, stored = result.stores, f"{what}, {clients}, stores of short texts/s"
        if isinstance(stores, str):
            yield Row(name=stored, value=stores)
            continue
        yield plain(stored, stores.per_s, key=f"{key}_stores_per_s")
        yield plain(f"{what}, {clients}, store p95 ms", stores.ms(95), key=f"{key}_store_p95_ms")
        yield plain(f"{what}, {clients}, processor ms a store", stores.cpu_ms, key=f"{key}_store_cpu_ms")


def _searches(way: str, count: int, found: Rounds) -> Iterator[Row]:
    what, key = f"text, {way}, {count} client{'s' if count > 1 else ''}", f"{_key(way)}_{count}"
    yield plain(f"{what}, searches/s", found.per_s, key=f"{key}_per_s")
    yield plain(f"{what}, p50 ms", found.ms(50), key=f"{key}_p50_ms")
    yield plain(f"{what}, p95 ms", found.ms(95), key=f"{key}_p95_ms")
    yield plain(f"{what}, processor ms a search", found.cpu_ms, key=f"{key}_cpu_ms")


def ratios(results: Results) -> Iterator[Row]:
    """Give the rows of what is promised; where the other side was not measured, they say so, and miss nothing."""
    ours = results[OURS]
    assert isinstance(ours, Result), "without memmux there is nothing to compare"
    hybrid, meaning = ours.most(HYBRID), ours.most(MEANING)
    many = f"{ours.clients} clients"

    def rate(mine: Rounds, name: str) -> Callable[[Result], float]:
        return lambda theirs: mine.per_s_over(theirs.most(name))

    def stores(theirs: Result) -> float:
        assert isinstance(ours.stores, Rounds)
        assert isinstance(theirs.stores, Rounds)
        return ours.stores.per_s_over(theirs.stores)

    def beside(name: str, found: Callable[[Result], float], other: str, target: float, key: str, *, least: bool) -> Row:
        theirs = results.get(other, "not asked for")
        if key == STORES and not isinstance(theirs, str) and isinstance(theirs.stores, str):
            theirs = theirs.stores
        if isinstance(theirs, str):
            sign = "≥" if least else "≤"
            return Row(name=name, value=f"{other} {theirs}", target=f"{sign} {target:g}", key=key, measured=False)
        why = "; ".join(
            f"{way} {rounds.cpu_ms:.2f} ms of processor time a search"
            for way, rounds in ((HYBRID, hybrid), (MEANING, meaning), (other, theirs.most(other)))
        )
        return (at_least if least else at_most)(name, found(theirs), target, key=key, why=why)

    yield beside(
        f"text search, {many}, searches/s, {HYBRID} / {POSTGRES}",
        rate(hybrid, POSTGRES),
        POSTGRES,
        OVER_POSTGRES,
        "hybrid_over_pgvector",
        least=True,
    )
    yield beside(
        f"text search, {many}, searches/s, {MEANING} / {CHROMA}",
        rate(meaning, CHROMA),
        CHROMA,
        OVER_CHROMA,
        "meaning_over_chroma",
        least=True,
    )
    yield beside(
        f"text search, {many}, p95, {MEANING} / {CHROMA}",
        lambda theirs: meaning.ms(95) / theirs.most(CHROMA).ms(95),
        CHROMA,
        P95_OVER_CHROMA,
        "meaning_p95_over_chroma",
        least=False,
    )
    yield beside(
        f"text search, {many}, searches/s, {HYBRID} / {SERVICE} with one thread",
        rate(hybrid, SERVICE),
        SERVICE,
        OVER_SERVICE,
        "hybrid_over_memory_service",
        least=True,
    )
    yield at_most(
        f"text search, {many}, {HYBRID}, p95 / p50",
        hybrid.ms(95) / hybrid.ms(50),
        P95_OVER_P50,
        key="hybrid_p95_over_p50",
        why="queries that wait behind others, at a reader or for a core",
    )
    yield beside(
        f"stores of short texts, {many}, a second, {OURS} / {POSTGRES}",
        stores,
        POSTGRES,
        STORES_OVER_POSTGRES,
        STORES,
        least=True,
    )


def _key(name: str) -> str:
    return f"text_{re.sub('[^a-z]+', '_', name.lower())}"
