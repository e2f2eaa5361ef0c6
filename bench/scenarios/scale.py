"""Scale: what more memories cost in time, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.harness import plots, report
from bench.harness.filled import filled
from bench.harness.material import Material
from bench.harness.measure import MEBIBYTE, Row, plain
from bench.scenarios import search

SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The sizes, and the searches at each, as of `search.Options`."""

    sizes: Sequence[int] = SIZES
    clients: int = 8
    queries: int = 1_000


def measure(options: Options, plot: Path | None = None) -> Iterator[Row]:
    """Give the rows of each size, on a cluster of its own; with `plot`, also draw how long a search takes."""
    if plot is not None:
        plots.check()
    curves: dict[str, list[float]] = {"p50": [], "p95": []}
    for memories in options.sizes:
        report.progress(f"{memories} memories")
        values: dict[str, float | str] = {}
        for row in _rows(search.Options(memories=memories, clients=options.clients, queries=options.queries)):
            values[row.key] = row.value
            yield replace(row, name=f"{memories:,}: {row.name}", key=f"{row.key}_{memories}")
        for name, curve in curves.items():
            curve.append(float(values[f"{name}_ms"]))
    if plot is not None:
        plots.draw(
            plot,
            plots.Picture(
                title="Vector search by one client",
                across="memories",
                up="latency, ms",
                places=options.sizes,
                curves=curves,
            ),
        )


def bytes_on_disk(database: Path) -> int:
    """Return the size of a database, its log and its index together."""
    files = [database, database.with_name(f"{database.name}-wal")]
    files += database.with_name(f"{database.name}.index").rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _rows(options: search.Options) -> Iterator[Row]:
    with filled(Material.of(options.memories)) as bed:
        yield plain("filled, s", bed.fill_s, key="fill_s")
        yield plain("index built after that, s", bed.settle_s, key="index_s")
        yield from search.rows(bed, options)
        used = bytes_on_disk(bed.arena.settings.database)
        yield plain("on disk, MiB", used / MEBIBYTE, key="disk_mb")
        yield plain("on disk, bytes a memory", used / options.memories, key="disk_bytes_a_memory")
