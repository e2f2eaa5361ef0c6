"""What is purged is in no file that a cluster has: database, log, free pages, full text, statistics, index folder."""

from __future__ import annotations

import errno
import math
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import structlog

from memmux.errors import DatabaseCorruptError
from tests.unit.workers.desk import Desk, frames, job, waiting
from workers.index import segment as segments
from workers.runtime.jobs import Answer
from workers.tasks import build_segment

VECTOR = (0.6, 0.8)
OTHER = (0.8, -0.6)
WORD, TAG, KIND, KEY, NAME = "zyxgrault", "zyxcorge", "zyxgarply", "zyxwaldo", "zyxfred"
# As full text keeps them: words without what all words of the neighbourhood begin with.
TRACES = [word.removeprefix("zyx").encode() for word in (WORD, TAG, KIND, KEY, NAME)]


def _floats(vector: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)


def _found(folder: Path) -> set[tuple[str, bytes]]:
    """Return which traces stand in which files."""
    traces = [*TRACES, _floats(VECTOR)]
    return {
        (path.name, trace)
        for path in folder.rglob("*")
        if path.is_file()
        for trace in traces
        if trace in path.read_bytes().lower() or trace in path.read_bytes()
    }


def _secret(desk: Desk, number: int = 0) -> str:
    stored = desk.store(
        f"a {WORD} {number} {WORD}s", VECTOR, tags=[TAG], type=KIND, metadata={KEY: WORD}, aliases=[f"{NAME}{number}"]
    )
    return str(stored["id"])


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of ordinary memories, which tests copy."""
    path = tmp_path_factory.mktemp("ordinary") / "memories.db"
    desk = Desk(path)
    for number in range(300):
        desk.store(f"an ordinary memory number {number} of rain and wind", OTHER, tags=["weather", f"t{number % 7}"])
    desk.close()
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One that the test closes."""
    return Desk(tmp_path / "memories.db")


@pytest.fixture
def filled(ordinary: Path, tmp_path: Path) -> Desk:
    """A desk with them, which the test closes."""
    return Desk(Path(shutil.copy(ordinary, tmp_path)))


def _purge(desk: Desk, memory_id: str) -> None:
    desk.ask("memory.delete", {"id": memory_id})
    desk.ask("memory.purge", {"id": memory_id})


@pytest.mark.slow
def test_a_memory_that_was_changed_deleted_and_purged_is_nowhere(filled: Desk) -> None:
    memory_id = _secret(filled)
    filled.ask("memory.update", {"id": memory_id, "tags": [TAG, "kept"], "metadata": {"more": WORD}})
    filled.sql("ANALYZE")  # its samples hold names of tags
    filled.writer.idle()
    folder = filled.settings.database.parent
    assert {trace for _, trace in _found(folder)} == {*TRACES, _floats(VECTOR)}
    _purge(filled, memory_id)
    assert _found(folder) == set()  # with the log, while the cluster runs
    filled.close()
    assert _found(folder) == set()


@pytest.mark.slow
def test_what_merges_of_full_text_and_former_pages_held_is_gone_too(filled: Desk) -> None:
    """Pages that were freed long before the purge, by merges and by contents that were replaced."""
    memory_id = _secret(filled)
    for number in range(40):
        filled.ask("memory.rewrite", {"id": memory_id, "content": f"{WORD} again {number} " * 200})
        filled.store(f"another ordinary memory {number} " * 50)
    filled.sql("INSERT INTO texts (texts) VALUES ('optimize')")
    filled.writer.idle()
    _purge(filled, memory_id)
    filled.close()
    assert _found(filled.settings.database.parent) == set()


def test_the_answers_to_its_requests_name_it_no_more_and_are_given_again(filled: Desk) -> None:
    given = {"content": f"a {WORD}", "aliases": [NAME]}
    request = job("memory.store", given, key="k")
    ((_, first),) = filled.write(request)
    batch = job("memory.store_batch", {"memories": [given, {"content": "kept", "aliases": ["kept"]}]}, key="b")
    filled.write(batch)
    stored = filled.ask("memory.get", {"id": NAME})
    _purge(filled, stored["id"])
    assert isinstance(first, Answer)
    ((_, again),) = filled.write(request)
    assert isinstance(again, Answer)
    told = orjson.loads(again.frames[0])
    assert (told["id"], told["status"], "aliases" in told) == (stored["id"], "created", False)
    assert stored["content_hash"].encode() not in filled.settings.database.read_bytes()
    ((_, both),) = filled.write(batch)
    assert isinstance(both, Answer)
    assert orjson.loads(both.frames[0])["stored"][1]["content_hash"]
    filled.close()
    assert _found(filled.settings.database.parent) == set()


def test_many_at_once_are_gone_too(filled: Desk) -> None:
    for number in range(50):
        filled.ask("memory.delete", {"id": _secret(filled, number)})
    filled.ask("memory.purge", {"before": "2999-01-01"})
    filled.close()
    assert _found(filled.settings.database.parent) == set()


def test_search_goes_on_as_before(filled: Desk) -> None:
    before = filled.search("rain number 7", OTHER, limit=20)["hits"]
    _purge(filled, _secret(filled))
    after = filled.search("rain number 7", OTHER, limit=20)["hits"]
    assert [hit["memory"]["id"] for hit in after] == [hit["memory"]["id"] for hit in before]
    filled.check()


def test_a_segment_that_holds_it_is_removed_and_one_that_does_not_stays(filled: Desk) -> None:
    memory_id = _secret(filled)
    for number in range(60):
        filled.store(f"elsewhere {number}", OTHER, namespace="elsewhere")
    database = filled.settings.database
    assert build_segment.make(database, 50) == [301, 60]
    _purge(filled, memory_id)
    (kept,) = (manifest for _, manifest in segments.kept(database))
    assert kept.namespace == "elsewhere"
    filled.close()
    assert _found(database.parent) == set()


def test_a_segment_that_was_being_built_meanwhile_is_not_published(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_id = _secret(filled)
    database = filled.settings.database
    real = build_segment.inverted_file.build

    def build(*given: object, **named: object) -> None:
        _purge(filled, memory_id)
        real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(build_segment.inverted_file, "build", build)
    build_segment.make(database, 50)
    filled.writer.idle()
    filled.close()
    assert _found(database.parent) == set()


def test_one_that_a_killed_writer_left_is_removed_by_the_next(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    memory_id = _secret(filled)
    database = filled.settings.database
    build_segment.make(database, 50)
    with monkeypatch.context() as patched:
        patched.setattr(segments, "remove", lambda *_: None)
        _purge(filled, memory_id)
    assert list(segments.kept(database))
    filled.close()
    Desk(database).close()
    assert not list(segments.kept(database))
    assert _found(database.parent) == set()


def test_a_segment_that_can_not_be_removed_is_logged_and_removed_by_later_upkeep(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_id = _secret(filled)
    database = filled.settings.database
    build_segment.make(database, 50)
    ((path, _),) = segments.kept(database)
    real = Path.unlink

    def unlink(file: Path, *, missing_ok: bool = False) -> None:
        if file == path / segments.VECTORS:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        real(file, missing_ok=missing_ok)

    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
        patched.setattr(Path, "unlink", unlink)
        _purge(filled, memory_id)
    assert [(line["event"], line["path"]) for line in logs] == [("segment_not_removed", str(path))]
    assert filled.writer.facts()["memories"] == 300
    assert filled.engine.forgotten == 0
    filled.engine._upkeep._purged = -math.inf
    filled.writer.idle()
    assert filled.engine.forgotten == 1
    filled.close()
    assert _found(database.parent) == set()


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), DatabaseCorruptError()])
def test_a_purge_is_acknowledged_whatever_becomes_of_the_segments_and_the_next_writer_begins(
    filled: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(_: Path) -> Iterator[tuple[Path, segments.Manifest]]:
        raise fault

    memory_id = _secret(filled)
    database = filled.settings.database
    build_segment.make(database, 50)
    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
        patched.setattr(segments, "kept", fail)
        _purge(filled, memory_id)
        filled.close()
        filled = Desk(database)
    assert [line["event"] for line in logs] == ["upkeep_failed"] * 2
    filled.engine._upkeep._purged = -math.inf
    filled.writer.idle()
    filled.close()
    assert _found(database.parent) == set()


def test_a_reader_in_the_way_only_delays_it(filled: Desk) -> None:
    memory_id = _secret(filled)
    filled.writer.idle()
    reader = filled.questions._raw
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM memories").get == 301
    _purge(filled, memory_id)
    folder = filled.settings.database.parent
    assert _found(folder)
    reader.execute("ROLLBACK")
    filled.writer.idle()
    assert _found(folder) == set()


def test_vectors_that_follow_are_gone_too(desk: Desk) -> None:
    stored = desk.store(WORD)
    asked, texts = waiting(desk)

    desk.write(job("vectors.backfill", asked, texts, *frames([VECTOR])))  # as the embedder does
    _purge(desk, stored["id"])
    desk.close()
    assert _found(desk.settings.database.parent) == set()


def test_segments_of_a_model_that_is_gone_are_removed_with_its_last_vector(filled: Desk) -> None:
    database = filled.settings.database
    assert build_segment.make(database, 50) == [300]
    while filled.writer.facts()["model"] != "new" or filled.writer.facts()["unneeded"]:
        assert len(list(segments.kept(database))) == 1
        asked, texts = waiting(filled, "new", limit=100, dimensions=3)
        count = len(orjson.loads(texts)["memories"])
        made = orjson.dumps({"model": "new", "dimensions": 3, "windows": []}), b""
        if count:
            made = frames(*[[(1, 0, 0)]] * count, model="new")
        filled.ask("vectors.backfill", {**asked, "beside": "tiny"}, texts, *made)
    assert list(segments.kept(database)) == []
