from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memmux.files import durable
from tests.unit.workers.index.clusters import brute_force, clustered
from workers.index import inverted_file
from workers.index import segment as segments
from workers.index.centre import Centre
from workers.index.composite import LayeredIndex
from workers.index.exact import ExactIndex
from workers.index.interface import Vectors
from workers.index.segment import Manifest, Segment

COUNT = 6_000
VECTORS = clustered(COUNT)
QUERIES = clustered(20, seed=4)


def made(database: Path, vectors: Vectors = VECTORS, *, rows: list[int] | None = None, **fields: object) -> Manifest:
    """Make a segment of `vectors`, whose memories are their places unless `rows` says otherwise."""
    described = {"model": 1, "namespace": "default", "seq": 7, "change": "some", "breadth": 128, **fields}
    size = {"version": segments.VERSION, "dimensions": vectors.shape[1], "vectors": len(vectors)}
    manifest = Manifest(**{**size, **described})  # type: ignore[arg-type]  # names by values
    partial = segments.folder(database) / f"building{durable.PARTIAL}"
    partial.mkdir(parents=True)
    np.save(partial / segments.ROWS, np.array(range(len(vectors)) if rows is None else rows, np.int64))
    np.save(partial / segments.VECTORS, vectors)
    np.save(partial / segments.SUM, Centre.of(vectors).total)
    inverted_file.build(vectors, partial / segments.LISTS)
    segments.publish(database, partial, manifest)
    return manifest


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The name of a database with one segment."""
    database = tmp_path_factory.mktemp("segment") / "memories.db"
    made(database)
    return database


@pytest.fixture
def segment(database: Path) -> Segment:
    ((path, manifest),) = segments.kept(database)
    return Segment(path, manifest)


def rows(found: list[tuple[int, float]]) -> list[int]:
    return [row for row, _ in found]


@pytest.mark.slow
def test_a_segment_finds_what_brute_force_finds_with_exact_scores(segment: Segment) -> None:
    hits = 0
    for query in QUERIES:
        found = segment.search(query, 10)
        hits += len(set(rows(found)) & set(brute_force(VECTORS, query, 10)))
        assert all(abs(score - float(VECTORS[row] @ query)) < 1e-6 for row, score in found)
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert hits >= 0.99 * 10 * len(QUERIES)


@pytest.mark.slow
def test_what_is_hidden_is_not_found_however_much_of_it_there_is(segment: Segment) -> None:
    query = QUERIES[0]
    near = brute_force(VECTORS, query, 2_000)
    segment.hide(near[:1_990])
    assert len(segment) == COUNT - 1_990
    assert rows(segment.search(query, 10)) == near[1_990:]
    assert segment.of(near[0]).size == 0
    segment.hide(near[:10])
    assert len(segment) == COUNT - 1_990


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 50, 3_000])
def test_a_filtered_search_finds_what_brute_force_over_the_filtered_finds(segment: Segment, every: int) -> None:
    allowed = np.arange(0, COUNT, every, dtype=np.int64)
    missed = 0
    for query in QUERIES:
        wanted = [int(allowed[place]) for place in brute_force(VECTORS[allowed], query, 10)]
        found = rows(segment.search(query, 10, np.random.default_rng(1).permutation(allowed)))
        assert len(found) == len(wanted)
        missed += len(set(wanted) - set(found))
    assert missed <= 0.01 * 10 * len(QUERIES)
    assert missed == 0 or every == 2


def test_a_filter_that_lets_nothing_through_finds_nothing(segment: Segment) -> None:
    assert segment.search(QUERIES[0], 10, np.array([COUNT + 5], np.int64)) == []


def test_similarities_are_those_of_the_best_window(tmp_path: Path) -> None:
    database = tmp_path / "memories.db"
    made(database, VECTORS[:4], rows=[3, 3, 9, 11])
    ((path, manifest),) = segments.kept(database)
    cosines = VECTORS[:4] @ QUERIES[0]
    found = Segment(path, manifest).similarities(QUERIES[0], np.array([3, 4, 11]))
    assert dict(found) == pytest.approx({3: cosines[:2].max(), 11: cosines[3]})


def test_layers_are_one_index(segment: Segment) -> None:
    above = ExactIndex(VECTORS.shape[1])
    layers = LayeredIndex(segment, above)
    query = QUERIES[1]
    best = brute_force(VECTORS, query, 3)
    segment.hide([best[0]])
    layers.add(np.array([best[0], COUNT + 1], np.int64), np.stack([-query, query]))
    assert rows(layers.search(query, 3)) == [COUNT + 1, best[1], best[2]]
    assert rows(layers.search(query, 3, np.array([best[0], best[2]]))) == [best[2], best[0]]
    assert dict(layers.similarities(query, np.sort(best[:2])))[best[0]] == pytest.approx(-1)
    assert layers.of(best[0]).tolist() == [(-query).tolist()]
    assert len(layers) == COUNT + 1


def test_only_complete_segments_count_and_the_newest_comes_last(tmp_path: Path) -> None:
    database = tmp_path / "memories.db"
    made(database, VECTORS[:50], seq=9)
    made(database, VECTORS[:50], seq=30)
    made(database, VECTORS[:50], seq=12, namespace="other")
    (segments.folder(database) / f"building{durable.PARTIAL}").mkdir()
    made_too_early = segments.folder(database) / "1-none-40"
    made_too_early.mkdir()
    (made_too_early / segments.MANIFEST).write_text("{}")
    assert [manifest.seq for _, manifest in segments.kept(database)] == [9, 12, 30]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    database = tmp_path / "memories.db"
    made(database, VECTORS[:50])
    ((path, manifest),) = segments.kept(database)
    np.save(path / segments.ROWS, np.arange(49))
    with pytest.raises(ValueError, match="belong together"):
        Segment(path, manifest)
