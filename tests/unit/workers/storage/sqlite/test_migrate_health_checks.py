"""The third migration: databases with memories that an earlier version's router stored for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import apsw
import orjson
import pytest

from memmux.errors import NotFoundError
from tests.unit.workers.desk import Desk
from workers.index.segment import MANIFEST, VERSION, Manifest, place
from workers.storage.reading.vector_follower import VectorFollower
from workers.storage.records import vectors
from workers.storage.sqlite import engine, migrate, schema
from workers.storage.sqlite.checking.check import check
from workers.storage.sqlite.connection import SqliteConnection

OLD = {version: script for version, script in schema.migrations().items() if version < 3}
ROWS = (Path(__file__).parents[4] / "data" / "storage" / "canaries.sql").read_text()
NAMESPACE = "memmux-canary"
LAST = 24  # the newest change in there
KEPT = 12  # a change of one of them, whose other lines are gone
LEFT = 3  # memories that were never purged


def _made(path: Path, *statements: str) -> Path:
    """Make a database of the version before, and leave its log as a writer that is killed does."""
    migrate.prepare(path, OLD)
    with closing(engine.open_writer(path)) as writer:
        for statement in (ROWS, *statements):
            writer.execute(statement)
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return _made(tmp_path / "memories.db")


@pytest.fixture
def desk(old: Path) -> Iterator[Desk]:
    """That database, opened by this version."""
    desk = Desk(old)
    yield desk
    desk.check()
    desk.close()
    assert check(old, deep=True) == []


def test_nothing_of_them_is_left_but_lines_as_of_any_purged_memory(desk: Desk) -> None:
    assert desk.sql("SELECT count(*) FROM memories WHERE namespace = ?", NAMESPACE) == [(0,)]
    assert desk.sql("SELECT memory FROM vectors") == [(1,), (4,)]
    assert desk.sql("SELECT rowid FROM vec_1") == [(1,), (2,)]
    assert desk.sql("SELECT operation FROM changes WHERE operation GLOB 'canary.*'") == []
    facts = desk.sql("SELECT key FROM meta WHERE key <> 'written_as' ORDER BY key")
    assert facts == [("changes_skipped",), ("memories",), ("model",), ("words",), ("words_filled",)]
    before = {text for (text,) in desk.sql("SELECT before FROM changes WHERE row NOT IN (1, 4, 6, 10)")}
    assert before == {None, f'{{"namespace":"{NAMESPACE}"}}'}
    lines = desk.sql("SELECT seq, row, operation FROM changes WHERE row NOT IN (1, 4, 6, 10)")
    known, added = lines[:-LEFT], lines[-LEFT:]
    assert known == [
        (KEPT, 5, "memory.purge"),
        (16, 7, "memory.store"),
        (17, 7, "memory.delete"),
        (18, 7, "memory.purge"),
        (19, 8, "memory.store"),
        (20, 8, "memory.delete"),
        (21, 9, "memory.store"),
        (22, 9, "vectors.backfill"),
        (24, 11, "memory.store"),
    ]
    assert {line[1:] for line in added} == {(row, "memory.purge") for row in (8, 9, 11)}


def test_the_users_memories_are_as_they_were(desk: Desk) -> None:
    crows = desk.ask("memory.list", {"filter": {"tags": ["birds"]}})["memories"]
    assert [memory["content"] for memory in crows] == ["Crows remember faces for years"]
    assert desk.contents("canaries mines", mode="keyword") == ["Canaries were taken into mines until 1986"]
    assert desk.search("x", (0.0, 1.0), mode="semantic", namespace=None)["hits"][0]["memory"]["type"] == "note"
    assert desk.writer.facts()["memories"] == 3
    assert desk.writer.facts()["pending"] == 1
    assert [change["seq"] for change in desk.ask("memory.history", {"id": crows[0]["id"]})["changes"]] == [9, 1]
    assert desk.ask("memory.undo", {"seq": 9})["undone"] == 9


def test_the_log_goes_on_from_where_it_was(desk: Desk) -> None:
    assert desk.engine.seq == LAST + LEFT
    assert desk.store("after")["seq"] == LAST + LEFT + 1


def test_nobody_finds_them_in_any_request(desk: Desk) -> None:
    ids = [memory for (memory,) in desk.sql("SELECT DISTINCT memory FROM changes WHERE row IN (5, 7, 8, 9, 11)")]
    for memory in ids:
        with pytest.raises(NotFoundError):
            desk.ask("memory.get", {"id": memory, "namespace": None})
    for mode in ("semantic", "hybrid", "keyword", "exact"):
        found = desk.search("canary router found again", (1.0, 0.0), mode=mode, namespace=None)["hits"]
        assert {hit["memory"]["namespace"] for hit in found} <= {"default"}
    assert [one["name"] for one in desk.ask("memory.namespaces", {})["namespaces"]] == ["default"]
    assert {one["namespace"] for one in desk.ask("memory.dump", {})["memories"]} == {"default"}


def test_their_namespace_is_a_name_like_any_other(desk: Desk) -> None:
    stored = desk.store("u", (1.0, 0.0), namespace=NAMESPACE)  # as many characters as its vector stands for
    assert desk.contents("u", (1.0, 0.0), namespace=None, limit=1) == ["u"]
    assert desk.ask("memory.get", {"id": stored["id"], "namespace": None})["namespace"] == NAMESPACE
    assert len(desk.ask("memory.dump", {})["memories"]) == 4
    line = {"id": "1", "content": "loaded", "namespace": NAMESPACE, "created_at": 1.0, "updated_at": 1.0}
    assert desk.ask("memory.load", {"memories": [line]})["created"] == 1


def test_a_line_by_which_a_segment_knows_its_log_is_as_it_was(old: Path) -> None:
    with closing(engine.open_reader(old)) as reader:
        changes = dict(reader.execute("SELECT seq, memory || ' ' || request FROM changes"))
    desk = Desk(old)
    assert changes.items() <= dict(desk.sql("SELECT seq, memory || ' ' || request FROM changes")).items()
    desk.close()


def test_a_segment_that_holds_one_is_removed(old: Path) -> None:
    manifest = Manifest(
        version=VERSION, model=1, dimensions=2, namespace=NAMESPACE, seq=LAST, change="", vectors=1, breadth=1
    )
    path = place(old, manifest)
    path.mkdir(parents=True)
    (path / MANIFEST).write_bytes(orjson.dumps(asdict(manifest)))  # without rows, so that nobody knows what it holds
    Desk(old).close()
    assert not path.exists()


def test_vectors_in_memory_since_before_follow(old: Path) -> None:
    with closing(engine.open_reader(old)) as reader:
        follower = VectorFollower(SqliteConnection(reader), old)
        assert _vectors(reader, follower) == (2, 2)
        migrate.prepare(old)
        assert _vectors(reader, follower) == (2, 0)


def _vectors(reader: apsw.Connection, follower: VectorFollower) -> tuple[int, int]:
    model = vectors.current(SqliteConnection(reader))
    assert model is not None
    partitions = follower.follow(model, engine.value(reader, "SELECT max(seq) FROM changes"))
    assert partitions is not None
    return len(partitions.of("default")), len(partitions.of(NAMESPACE))


def test_a_line_that_is_missing_is_still_missed(old: Path) -> None:
    Desk(old).close()
    with closing(engine.open_writer(old)) as writer:
        writer.execute("DELETE FROM changes WHERE seq = 9")  # the memory still has its first line
    assert [finding.code for finding in check(old, deep=False)] == ["changes_missing"]


def test_a_line_that_was_missing_before_is_still_missed(tmp_path: Path) -> None:
    old = _made(tmp_path / "memories.db", "DELETE FROM changes WHERE seq = 9")
    Desk(old).close()
    assert [finding.code for finding in check(old, deep=False)] == ["changes_missing"]


def test_the_check_says_nothing_of_what_only_the_migration_explains(old: Path) -> None:
    assert check(old, deep=True) == []


def test_a_new_database_has_no_gap_and_misses_its_newest_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db")
    first = desk.store("one")
    desk.ask("memory.update", {"id": first["id"], "type": "note"})
    assert check(desk.settings.database, deep=True) == []
    assert desk.sql("SELECT value FROM meta WHERE key = 'changes_skipped'") == [(0,)]
    desk.sql("DELETE FROM changes WHERE seq = 2")
    assert [finding.code for finding in check(desk.settings.database, deep=False)] == ["changes_missing"]
    desk.close()


def test_one_that_was_changed_by_hand_goes_with_all_that_it_has(tmp_path: Path) -> None:
    old = _made(
        tmp_path / "memories.db",
        "INSERT INTO memory_tags (memory, tag, position, spelling) VALUES (11, 1, 0, 'birds')",
        "INSERT INTO aliases (namespace, name, row) VALUES ('memmux-canary', 'tweety', 11)",
        "INSERT INTO uses (row, count, last_at) VALUES (11, 1, 1.0)",
        "INSERT INTO origins (row, fields) VALUES (11, '{}')",
        "INSERT INTO links (row, target, relation, types, metadata, created_at) VALUES (11, 'x', 'r', '[]', '{}', 1.0)",
    )
    Desk(old).close()
    assert check(old, deep=True) == []
