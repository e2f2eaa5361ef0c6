from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest
import structlog

from memmux.config.settings import Settings
from tests.bounds import BOUND_S
from tests.unit.workers.desk import Desk, frames
from workers.index import segment as segments
from workers.index.segment import Manifest
from workers.indexer import AGAIN_S, LONGEST_S, MOST_CHANGES, QUIET_S, Indexer
from workers.storage.reading.vector_follower import MOST_VECTORS

LEAST = 1_000


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "memories.db", index_from=LEAST, state_dir=tmp_path / "state")


@pytest.fixture
def indexer(settings: Settings, watch: Watch) -> Iterator[Indexer]:
    indexer = Indexer(settings, watch)
    yield indexer
    indexer.close()


def ended(indexer: Indexer) -> bool:
    """Wait for the build; return whether it made what it should."""
    assert indexer._child is not None
    return indexer._child.wait(BOUND_S)


def test_few_vectors_need_no_build(indexer: Indexer, watch: Watch) -> None:
    indexer.turn(LEAST - 1, 5)
    watch.now += LONGEST_S
    indexer.turn(LEAST - 1, 5)
    assert indexer.facts == {"building": False, "indexed": 0}


def test_a_build_waits_for_a_pause_in_writing_but_not_for_ever(indexer: Indexer, watch: Watch) -> None:
    for seq in range(int(LONGEST_S)):
        indexer.turn(LEAST, seq)
        watch.now += 1
        assert not indexer.facts["building"]
    indexer.turn(LEAST, int(LONGEST_S))
    assert indexer.facts["building"]


@pytest.mark.slow
def test_segments_are_made_in_a_pause_and_again_when_much_has_changed(
    settings: Settings, indexer: Indexer, watch: Watch
) -> None:
    desk = Desk(settings.database)
    for start in range(0, LEAST, 250):
        numbers = range(start, start + 250)
        memories = {"memories": [{"content": f"memory {number}"} for number in numbers]}
        desk.ask("memory.store_batch", memories, *frames(*[[(1, number)] for number in numbers]))
    desk.close()
    indexer.turn(LEAST, LEAST)
    watch.now += QUIET_S
    indexer.turn(LEAST, LEAST)
    assert indexer.facts["building"]
    assert ended(indexer)
    indexer.turn(LEAST, LEAST)
    assert indexer.facts == {"building": False, "indexed": LEAST}
    assert [manifest.vectors for _, manifest in segments.kept(settings.database)] == [LEAST]
    watch.now += QUIET_S
    indexer.turn(LEAST, LEAST + LEAST // 4 - 1)
    watch.now += QUIET_S
    indexer.turn(LEAST, LEAST + LEAST // 4 - 1)
    assert not indexer.facts["building"]
    indexer.turn(LEAST, LEAST + LEAST // 4)
    watch.now += QUIET_S
    indexer.turn(LEAST, LEAST + LEAST // 4)
    assert indexer.facts["building"]


def test_segments_of_very_many_vectors_are_made_again_before_what_changed_is_too_much_for_memory(
    settings: Settings, indexer: Indexer, watch: Watch
) -> None:
    vectors = 8 * MOST_VECTORS
    path = segments.folder(settings.database) / "1-a-7"
    path.mkdir(parents=True)
    made = Manifest(
        version=segments.VERSION, model=1, dimensions=2, namespace="", seq=7, change="7", vectors=vectors, breadth=1
    )
    (path / segments.MANIFEST).write_bytes(orjson.dumps(asdict(made)))
    for seq, building in ((7 + MOST_CHANGES - 1, False), (7 + MOST_CHANGES, True)):
        indexer.turn(vectors, seq)
        watch.now += QUIET_S
        indexer.turn(vectors, seq)
        assert indexer.facts == {"building": building, "indexed": vectors}
    assert MOST_CHANGES < MOST_VECTORS


@pytest.mark.slow
def test_a_build_that_fails_is_tried_again_later(indexer: Indexer, watch: Watch) -> None:
    indexer.turn(LEAST, 1)
    watch.now += QUIET_S
    indexer.turn(LEAST, 1)
    assert not ended(indexer)  # there is no database
    indexer.turn(LEAST, 1)
    watch.now += AGAIN_S - 1
    indexer.turn(LEAST, 1)
    assert not indexer.facts["building"]
    watch.now += 1
    indexer.turn(LEAST, 1)
    assert indexer.facts["building"]


def test_a_build_that_can_not_be_started_is_tried_again_later(
    indexer: Indexer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexer.turn(LEAST, 1)
    watch.now += QUIET_S
    with monkeypatch.context() as moved, structlog.testing.capture_logs() as logs:
        moved.setattr(sys, "executable", "/gone/bin/python")
        indexer.turn(LEAST, 1)
    assert [(line["event"], "/gone/bin/python" in line["why"]) for line in logs] == [("segment_build_failed", True)]
    watch.now += AGAIN_S - 1
    indexer.turn(LEAST, 1)
    assert not indexer.facts["building"]
    watch.now += 1
    indexer.turn(LEAST, 1)
    assert indexer.facts["building"]


def test_closing_ends_the_build(indexer: Indexer, watch: Watch) -> None:
    indexer.turn(LEAST, 1)
    watch.now += QUIET_S
    indexer.turn(LEAST, 1)
    indexer.close()
    assert not indexer.facts["building"]
