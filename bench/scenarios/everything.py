"""Everything: all measurements one after the other, at full size, or small to see that they still work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from bench.faults import upgrade
from bench.harness import report
from bench.harness.measure import Row
from bench.harness.settle import hurried
from bench.scenarios import (
    clients,
    degradation,
    floor,
    http,
    mixed,
    ops_overhead,
    scale,
    search,
    smoke,
    start,
    store,
    store_cost,
    tail,
    tools,
)

Measurement = Callable[[], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement, at full size and small; no two have one name."""

    name: str
    full: Measurement
    quick: Measurement


SECTIONS = (
    Section("smoke", lambda: smoke.measure(10_000, 400), lambda: smoke.measure(200, 20)),
    Section(
        "degradation",
        lambda: degradation.measure(degradation.Options()),
        lambda: degradation.measure(
            degradation.Options(
                memories=200, clients=3, some=2, paced=2, rounds=1, round_s=0.3, paced_s=0.5, every_s=0.1
            )
        ),
    ),
    Section(
        "search",
        lambda: search.measure(search.Options(memories=100_000, fraction=0.01)),
        lambda: search.measure(search.Options(memories=200, fraction=0.1, clients=2, queries=50)),
    ),
    # What `search` measures without a filter is part of this, so that a million memories are stored only once.
    Section(
        "scale",
        lambda: scale.measure(scale.Options()),
        lambda: scale.measure(scale.Options(sizes=(200,), clients=2, queries=50)),
    ),
    Section("floor", floor.measure, floor.measure),
    Section(
        "store",
        lambda: store.measure(store.Options()),
        lambda: store.measure(store.Options(clients=3, seconds=0.9, few=True)),
    ),
    Section(
        "store-cost",
        lambda: store_cost.measure(store_cost.Options()),
        lambda: store_cost.measure(store_cost.Options(small=50, large=200, rounds=3)),
    ),
    Section(
        "mixed",
        lambda: mixed.measure(mixed.Options()),
        lambda: mixed.measure(mixed.Options(memories=200, seconds=1.0)),
    ),
    Section("differential", lambda: _differential(200), lambda: _differential(5)),
    Section("engines", lambda: _engines(quick=False), lambda: _engines(quick=True)),
    Section(
        "start",
        lambda: start.measure(start.Options()),
        lambda: start.measure(start.Options(memories=200, idle_s=1.0, texts=20, starts=1)),
    ),
    Section(
        "clients",
        lambda: clients.measure(clients.Options()),
        lambda: clients.measure(
            clients.Options(memories=200, kills=1, counts=(2, 3, 4), calls=30, rounds=1, round_s=0.3, idle_s=1.0)
        ),
    ),
    Section(
        "http",
        lambda: http.measure(http.Options()),
        lambda: http.measure(http.Options(memories=200, clients=2, rounds=1, round_s=0.3, streams=20)),
    ),
    Section(
        "upgrade",
        lambda: upgrade.measure(upgrade.Options()),
        lambda: upgrade.measure(upgrade.Options(clients=2, rounds=2, steady_s=0.3)),
    ),
    Section(
        "tail",
        lambda: tail.measure(tail.Options()),
        lambda: tail.measure(tail.Options(lines=6_000, rounds=1)),
    ),
    Section(
        "ops-overhead",
        lambda: ops_overhead.measure(ops_overhead.Options()),
        lambda: ops_overhead.measure(ops_overhead.Options(memories=200, clients=2, rounds=1, round_s=0.3)),
    ),
    Section("tools", tools.measure, tools.measure),
    Section("peers", lambda: _peers([]), lambda: _peers(["--memories=200", "--queries=20"])),
)


def measure(
    only: Collection[str] = (), *, quick: bool = False, sections: Sequence[Section] = SECTIONS
) -> Iterator[Row]:
    """Give the rows of all sections, or of those named, each with its section's name.

    A section that fails gives a row which says so; the others are measured all the same.
    """
    for section in sections:
        if only and section.name not in only:
            continue
        report.progress(f"{section.name}:")
        try:
            for row in _hurried(section.quick) if quick else section.full():
                key = f"{section.name}_{row.key}".replace("-", "_") if row.key else ""
                found = replace(row, name=f"{section.name}: {row.name}", key=key)
                report.progress(f"{found.name}: {found.value}")  # if it is stopped, not everything was in vain
                yield found
        except Exception as error:  # noqa: BLE001 - whatever it is, an hour of other measurements must not go with it
            yield Row(name=section.name, value=f"{type(error).__name__}: {error}", target="to be measured", ok=False)


def _hurried(measurement: Measurement) -> Iterator[Row]:
    with hurried():
        yield from measurement()


# Both want a driver of PostgreSQL's, without which the others are measured all the same.
def _differential(steps: int) -> Iterable[Row]:
    from bench.scenarios import differential

    return differential.measure(differential.Options(steps=steps))


def _engines(*, quick: bool) -> Iterable[Row]:
    from bench.scenarios import engines

    return engines.measure(engines.QUICK if quick else engines.Options())


def _peers(options: Sequence[str]) -> list[Row]:
    """Return the rows of the peers, whose libraries may be missing, and are not to be loaded into this process."""
    command = [sys.executable, "-P", "-m", "bench", "peers", *options, "--json"]
    ended = subprocess.run(command, capture_output=True, check=False, text=True)
    try:
        rows: Sequence[Mapping[str, object]] = orjson.loads(ended.stdout)["rows"]
        fields = [{name: value for name, value in row.items() if name != "verdict"} for row in rows]
        return [Row(**row) for row in fields]  # type: ignore[arg-type]  # as they were printed
    except (orjson.JSONDecodeError, KeyError, TypeError):
        said = ended.stderr.strip().splitlines()
        raise RuntimeError(said[-1] if said else f"exit code {ended.returncode}") from None
