"""What is promised of a search."""

from __future__ import annotations

import pytest

from bench.scenarios.search import Options, Targets, targets


@pytest.mark.parametrize(
    ("memories", "fraction", "promised"),
    [
        (10_000, 0.0, Targets(recall=0.99)),
        (100_000, 0.0, Targets(p50_ms=2.0, recall=0.99)),
        (1_000_000, 0.0, Targets(p50_ms=5.0, recall=0.98, readers_mb=3072)),
        (100_000, 0.01, Targets(p50_ms=2.0, recall=1.0)),
        (99_999, 0.0, Targets()),
        (10_000, 0.01, Targets()),
        (100_000, 0.02, Targets()),
    ],
)
def test_targets_are_for_exactly_the_sizes_that_are_promised(memories: int, fraction: float, promised: Targets) -> None:
    assert targets(Options(memories=memories, fraction=fraction)) == promised


def test_part_of_the_memories_is_one_in_so_many() -> None:
    assert Options(fraction=0.01).tag_every == 100
    assert Options(fraction=1.0).tag_every == 1
    assert Options().tag_every == 0
