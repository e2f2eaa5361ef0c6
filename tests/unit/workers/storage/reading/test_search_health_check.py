"""A health check in the database: its row is seen, a memory is found, and nothing that is well is called sick."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.errors import MemmuxError
from memmux.wire.embeddings import Embedding
from tests.unit.examples import examples
from tests.unit.workers.desk import MODEL, Desk, frames
from workers.tasks import build_segment

EAST, NORTH = (1.0, 0.0), (0.0, 1.0)
COUNT = 1_000  # memories in a segment whose graph is used


def _missed(desk: Desk, row: str | None = None, *blobs: bytes) -> Any:
    return desk.ask("health.read", {"id": row}, *blobs)["missed"]


def test_the_row_that_was_written_last_is_seen_and_none_that_never_was(desk: Desk) -> None:
    assert _missed(desk, "1") == ["row"]
    for row in ("1", "2"):
        desk.ask("health.write", {"id": row}, key=row)
    assert (_missed(desk, "2"), _missed(desk, "3"), _missed(desk)) == ([], ["row"], [])


@pytest.mark.sqlite_only("several machines check a database on PostgreSQL, each by a row of its own")
def test_the_row_before_is_seen_no_more(desk: Desk) -> None:
    for row in ("1", "2"):
        desk.ask("health.write", {"id": row}, key=row)
    assert _missed(desk, "1") == ["row"]


def test_it_is_no_change_and_no_memory(desk: Desk) -> None:
    desk.store("one", EAST)
    before = desk.writer.facts()
    desk.ask("health.write", {"id": "1"}, key="1")
    assert desk.writer.facts() | {"wal_bytes": 0} == before | {"wal_bytes": 0}
    assert desk.sql("SELECT count(*) FROM changes") == [(1,)]
    assert desk.ask("memory.list", {"filter": {"namespace": None}})["total"] == 1


def test_an_empty_database_has_nothing_to_miss(desk: Desk) -> None:
    assert _missed(desk) == []
    stored = desk.store("one", EAST)
    assert _missed(desk) == []
    desk.ask("memory.delete", {"id": stored["id"]})
    assert _missed(desk) == []
    desk.store("... \N{BIRD}")  # a memory without a word
    assert _missed(desk) == []


@pytest.mark.parametrize("harm", ["lacks", "has another", "is behind"])
def test_an_index_that_is_wrong_about_the_newest_vector_is_noticed(desk: Desk, harm: str) -> None:
    desk.store("one", EAST)
    desk.store("two", EAST, NORTH)
    assert _missed(desk) == []
    partitions = desk.questions._vector_follower._partitions
    assert partitions is not None
    if harm == "is behind":
        desk.store("three", NORTH)
        partitions.seq = desk.engine.seq
    else:
        partitions.remove(2)
        if harm == "has another":
            partitions.add("default", [2], np.array([(-1.0, 0.0)], np.float32))
    assert _missed(desk) == ["meaning"]


def test_tables_of_vectors_that_lack_one_are_noticed(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=0)
    desk.store("one", EAST)
    assert _missed(desk) == []
    desk.sql("DELETE FROM vec_1")
    assert _missed(desk) == ["meaning"]
    desk.close()


@pytest.mark.sqlite_only("harms FTS5's table")
def test_full_text_that_lacks_a_memory_is_noticed(desk: Desk) -> None:
    desk.store("one or another")
    assert _missed(desk) == []
    desk.sql("DELETE FROM texts WHERE rowid = 1")
    assert _missed(desk) == ["words"]
    desk.sql("INSERT INTO texts (rowid, content) VALUES (1, words('one or another'))")


@pytest.mark.parametrize("most_vectors", [0, 200_000])
def test_many_memories_with_one_vector_are_all_near(tmp_path: Path, most_vectors: int) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=most_vectors)
    memories = {"memories": [{"content": f"memory {number}"} for number in range(40)]}
    desk.ask("memory.store_batch", memories, *frames(*[[EAST]] * 40))
    assert _missed(desk) == []
    desk.close()


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.01, 0.0], ids=["others", "the same"])
def test_it_is_found_through_a_segment(tmp_path: Path, apart: float) -> None:
    desk = Desk(tmp_path / "memories.db")
    for first in range(0, COUNT, 250):
        numbers = range(first, first + 250)
        memories = {"memories": [{"content": f"memory {number}"} for number in numbers]}
        texts = [[(math.cos(apart * number), math.sin(apart * number))] for number in numbers]
        desk.ask("memory.store_batch", memories, *frames(*texts))
    desk.close()
    build_segment.make(desk.settings.database, 100)
    desk = Desk(tmp_path / "memories.db")
    assert _missed(desk) == []
    assert desk.questions.indexed == COUNT
    desk.close()


def test_an_embedding_is_checked(desk: Desk) -> None:
    desk.store("one", EAST)
    for vector, code in (
        (EAST, ""),
        ((3.0, 4.0), "model_invalid"),
        ((0.0, 0.0), "model_invalid"),
        ((math.nan, 0.0), "model_invalid"),
        ((1.0, 0.0, 0.0), "model_mismatch"),
    ):
        assert _code(desk, vector, MODEL) == code, vector
    assert _code(desk, (1.0, 0.0, 0.0), "another") == ""


def _code(desk: Desk, vector: Sequence[float], model: str) -> str:
    """Return the code of the error that a read answers with, if any."""
    try:
        assert _missed(desk, None, *Embedding.of_vector(model, vector, 3).frames()) == []
    except MemmuxError as error:
        return error.code
    return ""


ODD = [
    "...",
    "the of and",
    "\N{BIRD}",
    "x" * 40_000,
    "a " * 3_000,
    "e\u0301" * 9,
    "don't",
    '"',
    "NOT",
    "a\x00b",
    "\ufeffb",
]
contents = st.one_of(st.text(min_size=1, max_size=60), st.sampled_from(ODD)).filter(str.strip)
vectors = st.lists(st.floats(0, 6).map(lambda angle: (math.cos(angle), math.sin(angle))), max_size=3)
places = st.sampled_from(["default", "work", "\N{BIRD}"])


@pytest.mark.slow
@given(st.lists(st.tuples(contents, vectors, places), min_size=5, max_size=25), st.sampled_from([0, 200_000]))
@settings(max_examples=examples(30), deadline=None)
def test_a_database_that_is_well_is_never_called_sick(memories: list[tuple[str, Any, str]], most_vectors: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "memories.db", most_vectors=most_vectors)
        for number, (content, windows, namespace) in enumerate(memories):
            stored = desk.store(content, *windows, namespace=namespace)
            match number % 4:
                case 1:
                    newer = {"id": stored["id"], "content": f"{number} {content}", "namespace": namespace}
                    blobs = frames(windows) if windows else ()
                    desk.ask("memory.rewrite", {**newer, "versioned": number % 8 == 1}, *blobs)
                case 3:
                    desk.ask("memory.delete", {"id": stored["id"], "namespace": namespace})
            assert _missed(desk) == []
        desk.close()
