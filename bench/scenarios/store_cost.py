"""What a store costs when much is stored already, against what it costs when there is little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, median

from bench.harness import report
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.measure import Row, at_most, plain, timed_ms
from memmux.wire.requests import Store

GROUP = 16  # memories of one store_batch: so few that the small database does not grow out of its size
WARM_UP = 3  # groups on each side
SMALL, LARGE = 1_000, 100_000  # what the target is about


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The two sizes, and how many groups are stored in each."""

    small: int = SMALL
    large: int = LARGE
    rounds: int = 40


@dataclass(slots=True)
class _Side:
    """One database, and the milliseconds that each store of a group took there."""

    bed: Filled
    groups: int = 0
    store_ms: list[float] = field(default_factory=list)

    def store_group(self) -> None:
        """Store a group of memories that are not there yet."""
        material = self.bed.material
        places = range(self.groups * GROUP, (self.groups + 1) * GROUP)
        memories = [Store(content=f"again {material.content(place)}") for place in places]
        vectors = [material.vectors[place % len(material)].tolist() for place in places]
        group_ms = timed_ms(partial(self.bed.client.store_batch, memories, vectors=vectors))
        self.groups += 1
        if self.groups > WARM_UP:
            self.store_ms.append(group_ms / GROUP)


def measure(options: Options) -> Iterator[Row]:
    """Give the rows; the two databases have a cluster each, and take turns."""
    with filled(Material.of(options.small)) as few, filled(Material.of(options.large)) as many:
        small, large = _Side(few), _Side(many)
        for number in range(WARM_UP + options.rounds):
            report.progress(f"storing group {number + 1} of {WARM_UP + options.rounds}")
            for side in (small, large) if number % 2 else (large, small):
                side.store_group()
    promised = 1.2 if (options.small, options.large) == (SMALL, LARGE) else None
    few_name, many_name = _short(options.small), _short(options.large)
    ratio = median(large_ms / small_ms for small_ms, large_ms in zip(small.store_ms, large.store_ms, strict=True))
    yield plain(f"store at {few_name}, p50 ms", median(small.store_ms), key="small_ms")
    yield plain(f"store at {many_name}, p50 ms", median(large.store_ms), key="large_ms")
    yield at_most(f"store cost at {many_name} / at {few_name}", ratio, promised, key="cost_ratio")
    # The mean also has what comes rarely, such as a checkpoint; and it has every disturbance of the machine.
    yield plain(
        f"store cost at {many_name} / at {few_name}, of means",
        mean(large.store_ms) / mean(small.store_ms),
        key="cost_ratio_of_means",
    )


def _short(memories: int) -> str:
    thousands, rest = divmod(memories, 1_000)
    return str(memories) if rest else f"{thousands} k"
