"""Readers on segments: what changed since one was made is seen all the same, and only their own history counts."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from memmux.files import durable
from memmux.wire.answers import Verified
from tests.unit.workers.desk import Desk, frames
from workers.index import segment as segments
from workers.index.composite import LayeredIndex
from workers.storage.sqlite.reader import SqliteReader
from workers.tasks import build_segment as builder

pytestmark = pytest.mark.sqlite_only("segments are built out of a file")

DIMENSIONS = 8
VECTORS = np.random.default_rng(5).standard_normal((400, DIMENSIONS))
COUNT = 200
LEAST = 100


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def vector(number: int) -> Sequence[float]:
    found: Sequence[float] = VECTORS[number].tolist()
    return found


def fill(desk: Desk, numbers: range, namespace: str = "default") -> list[str]:
    memories = [{"content": f"memory {number}", "namespace": namespace} for number in numbers]
    blobs = frames(*[[vector(number)] for number in numbers])
    return [one["id"] for one in desk.ask("memory.store_batch", {"memories": memories}, *blobs)["stored"]]


def nearest(desk: Desk, number: int, namespace: str = "default", limit: int = 5) -> list[str]:
    """The contents of the memories that a search by meaning finds."""
    return desk.contents("anything", vector(number), mode="semantic", namespace=namespace, limit=limit)


def opened(desk: Desk) -> LayeredIndex | None:
    """The index of the default namespace, if it stands on a segment."""
    partitions = desk.questions._vector_follower._partitions
    index = partitions.of("default") if partitions is not None else None
    return index if isinstance(index, LayeredIndex) else None


def verified(desk: Desk) -> Verified:
    with desk.questions.snapshot(math.inf, lambda: None):
        return desk.questions.verify()


@pytest.fixture
def watch(desk: Desk) -> Watch:
    """The clock by which the reader looks for segments."""
    watch = Watch()
    desk.questions._vector_follower._clock = watch
    return watch


@pytest.fixture
def ids(desk: Desk) -> list[str]:
    """Memories enough for a segment, which is made."""
    ids = fill(desk, range(COUNT))
    assert builder.make(desk.settings.database, LEAST) == [COUNT]
    return ids


@pytest.fixture
def fresh(desk: Desk, ids: list[str]) -> Iterator[list[str]]:
    """A reader that begins on the segment; the ids of the memories."""
    assert nearest(desk, 7)[0] == "memory 7"
    assert opened(desk) is not None
    yield ids
    assert verified(desk).drifted == 0


def test_a_reader_sees_every_kind_of_change_since_the_segment_was_made(desk: Desk, fresh: list[str]) -> None:
    desk.ask("memory.delete", {"id": fresh[7]})
    desk.ask("memory.rewrite", {"id": fresh[8], "content": "other"}, *frames([vector(350)]))
    desk.ask("memory.update", {"id": fresh[9], "tags": ["a"]})
    fill(desk, range(COUNT, COUNT + 10))
    assert "memory 7" not in nearest(desk, 7)
    assert nearest(desk, 350)[0] == "other"
    assert "memory 8" not in nearest(desk, 8)
    assert nearest(desk, 9)[0] == "memory 9"
    assert nearest(desk, COUNT + 3)[0] == f"memory {COUNT + 3}"
    assert desk.contents("anything", vector(9), mode="semantic", tags=["a"]) == ["memory 9"]


def test_a_segment_that_was_made_meanwhile_is_taken_up_within_a_second(desk: Desk, watch: Watch) -> None:
    ids = fill(desk, range(COUNT))
    assert nearest(desk, 7)[0] == "memory 7"
    builder.make(desk.settings.database, LEAST)
    desk.ask("memory.delete", {"id": ids[7]})
    assert "memory 7" not in nearest(desk, 7)
    assert opened(desk) is None
    watch.now += 1
    assert "memory 7" not in nearest(desk, 7)
    assert opened(desk) is not None
    assert desk.reader.facts()["indexed"] == COUNT
    assert verified(desk) == Verified(pid=verified(desk).pid, seq=desk.questions.seq, vectors=COUNT - 1, drifted=0)


def test_a_stale_segment_is_made_anew_and_the_old_one_is_removed(desk: Desk, watch: Watch, fresh: list[str]) -> None:
    assert fresh
    fill(desk, range(COUNT, COUNT + 15))
    assert builder.make(desk.settings.database, LEAST) == []  # that is not much
    fill(desk, range(COUNT + 15, COUNT + 60))
    assert builder.make(desk.settings.database, LEAST) == [COUNT + 60]
    assert len(list(segments.kept(desk.settings.database))) == 1
    assert nearest(desk, 11)[0] == "memory 11"  # from the old one, which is still open
    watch.now += 1
    assert nearest(desk, COUNT + 40)[0] == f"memory {COUNT + 40}"
    index = opened(desk)
    assert index is not None
    assert (len(index.below), len(index.above)) == (COUNT + 60, 0)


def test_namespaces_with_few_vectors_stay_in_memory(desk: Desk) -> None:
    fill(desk, range(COUNT))
    fill(desk, range(COUNT, COUNT + 20), "small")
    assert builder.make(desk.settings.database, LEAST) == [COUNT]
    assert nearest(desk, COUNT + 5, "small")[0] == f"memory {COUNT + 5}"
    assert nearest(desk, 5)[0] == "memory 5"
    partitions = desk.questions._vector_follower._partitions
    assert partitions is not None
    assert partitions.in_memory == 20
    assert verified(desk).drifted == 0


def test_a_segment_of_another_history_is_not_used(desk: Desk, tmp_path: Path, ids: list[str]) -> None:
    """As after a restore: the same file name and the same numbers, but other memories."""
    assert ids
    other = Desk(tmp_path / "other" / "memories.db")
    fill(other, range(50, 50 + COUNT))
    shutil.copytree(segments.folder(desk.settings.database), segments.folder(other.settings.database))
    assert nearest(other, 60)[0] == "memory 60"
    assert opened(other) is None
    assert builder.make(other.settings.database, LEAST) == [COUNT]
    other.questions = other.reader._open = SqliteReader(other.settings.database)
    assert nearest(other, 60)[0] == "memory 60"
    assert opened(other) is not None
    other.close()


def test_a_newer_segment_of_another_history_gives_way_to_ours(desk: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path / "other" / "memories.db")
    fill(other, range(COUNT))
    fill(other, range(COUNT, COUNT + 100))
    assert builder.make(other.settings.database, LEAST) == [COUNT + 100]
    fill(desk, range(COUNT))
    shutil.copytree(segments.folder(other.settings.database), segments.folder(desk.settings.database))
    assert builder.make(desk.settings.database, LEAST) == [COUNT]
    assert [manifest.vectors for _, manifest in segments.kept(desk.settings.database)] == [COUNT]
    assert nearest(desk, 7)[0] == "memory 7"
    assert opened(desk) is not None
    other.close()


@pytest.mark.parametrize("content", [b"nonsense", b""])
@pytest.mark.parametrize("file", [segments.ROWS, segments.VECTORS, segments.SUM, segments.LISTS, segments.MANIFEST])
def test_a_broken_segment_is_not_used(desk: Desk, ids: list[str], file: str, content: bytes) -> None:
    """Also one whose files are empty, as after a copy onto a full disk."""
    assert ids
    ((path, _),) = segments.kept(desk.settings.database)
    (path / file).write_bytes(content)
    assert file == segments.MANIFEST or segments.holds(path, [-1]) == (file == segments.ROWS)
    assert nearest(desk, 60)[0] == "memory 60"
    assert opened(desk) is None


def test_more_vectors_than_fit_into_memory_are_searched_through_a_segment(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=50)
    fill(desk, range(COUNT))
    assert nearest(desk, 7)[0] == "memory 7"
    assert desk.questions._vector_follower._partitions is None
    builder.make(desk.settings.database, LEAST)
    desk.questions._vector_follower._looked = -math.inf
    assert nearest(desk, 7)[0] == "memory 7"
    assert opened(desk) is not None
    fill(desk, range(COUNT, COUNT + 60))  # too many on top of it
    assert nearest(desk, COUNT + 7)[0] == f"memory {COUNT + 7}"
    assert desk.questions._vector_follower._partitions is None
    desk.close()


def test_what_a_killed_build_left_is_removed(desk: Desk, ids: list[str]) -> None:
    assert ids
    left = segments.folder(desk.settings.database) / f"building{durable.PARTIAL}"
    left.mkdir()
    builder.make(desk.settings.database, LEAST)
    assert not left.exists()


def test_a_dropped_models_segment_is_removed(desk: Desk, ids: list[str]) -> None:
    desk.sql("UPDATE meta SET value = 99 WHERE key = 'model'")
    assert ids
    builder.make(desk.settings.database, LEAST)
    assert list(segments.kept(desk.settings.database)) == []


def test_a_segment_with_too_much_on_top_is_not_opened_again_and_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=50)
    fill(desk, range(COUNT))
    builder.make(desk.settings.database, LEAST)
    fill(desk, range(COUNT, COUNT + 51))
    vector_follower = desk.questions._vector_follower
    assert nearest(desk, COUNT + 7)[0] == f"memory {COUNT + 7}"
    assert vector_follower._partitions is None
    assert len(vector_follower._refused) == 1
    builder.make(desk.settings.database, LEAST)
    vector_follower._looked = -math.inf
    assert nearest(desk, COUNT + 7)[0] == f"memory {COUNT + 7}"
    assert opened(desk) is not None
    desk.close()
