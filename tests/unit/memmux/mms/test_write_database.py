"""The way back, and there and back again, through the real writer and reader in this process."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlite_vec

from memmux.errors import ArgumentInvalidError, StorageError, StorageFullError, StoragePermissionError
from memmux.mms import source as sources
from memmux.mms import write_database
from memmux.mms.ids import MODEL
from memmux.mms.report import Report
from memmux.mms.write_database import Written
from tests import legacy_files
from tests.legacy_files import add, link, made, theirs, unit
from tests.unit.workers.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path / "memmux.db")
    yield found
    found.close()


def adopt(desk: Desk, path: Path) -> Report:
    from memmux.wire.answers import Loaded, Problem

    with sources.of_database(path, MODEL) as source:
        for batch in source.batches():
            answer = desk.ask("memory.load", {"memories": batch, "adopt": True})
            source.note(batch, Loaded(**{**answer, "problems": tuple(Problem(**one) for one in answer["problems"])}))
        return source.report()


def give(desk: Desk, path: Path, model: str | None = MODEL) -> Written:
    with write_database.writing(path, model) as writer:
        after: int | None = 0
        while after is not None:
            page = desk.ask("memory.dump", {"after": after, "vectors": True, "limit": 100})
            for line in page["memories"]:
                writer.add(line)
            after = page["next"]
    return writer.written


def opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.enable_load_extension(True)  # noqa: FBT003  # APSW names no arguments here
    connection.load_extension(sqlite_vec.loadable_path())
    return connection


def memories(path: Path) -> dict[str, dict[str, Any]]:
    """All that a database of theirs says of each memory, by its hash; the vectors as sqlite-vec gives them."""
    with closing(opened(path)) as connection:
        columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(memories)")} - {"content_hash"}
        names = sorted(columns)
        found: dict[str, dict[str, Any]] = {}
        for row, content_hash, *values in connection.execute(
            f"SELECT id, content_hash, {', '.join(names)} FROM memories"  # noqa: S608  # names of the schema
        ):
            fields = dict(zip(names, values, strict=True))
            fields.pop("id")
            fields["metadata"] = json.loads(fields["metadata"])
            query = "SELECT content_embedding FROM memory_embeddings WHERE rowid = ?"
            fields["vector"] = connection.execute(query, (row,)).get
            found[content_hash] = fields
        return found


def edges(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT * FROM memory_graph ORDER BY 1, 2").fetchall()
        return [
            (source, target, similarity, json.loads(types), json.loads(metadata), at, relation)
            for source, target, similarity, types, metadata, at, relation in found
        ]


@pytest.mark.slow
def test_there_and_back_again_keeps_all_of_12_4(desk: Desk, tmp_path: Path) -> None:
    before = legacy_files.unpacked("12.4.0", tmp_path)
    report = adopt(desk, before)
    assert (report.outcome.created, report.odd) == (207, {})
    after = tmp_path / "after.db"
    written = give(desk, after)
    assert (written.memories, written.deleted, written.links, written.pending, written.odd) == (207, 5, 6, 0, {})
    assert memories(after) == memories(before)
    assert edges(after) == edges(before)
    assert after.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("after")} == {"after.db"}


@pytest.mark.parametrize("release", ["5.2.0", "8.24.0", "10.59.0"])
def test_there_and_back_again_brings_an_older_release_forward(release: str, desk: Desk, tmp_path: Path) -> None:
    before = legacy_files.unpacked(release, tmp_path)
    adopt(desk, before)
    give(desk, tmp_path / "after.db")
    after = memories(tmp_path / "after.db")
    for content_hash, fields in memories(before).items():
        known = {name: value for name, value in fields.items() if name in after[content_hash]}
        assert {name: after[content_hash][name] for name in known} == known
        assert len(known) >= 9


@pytest.mark.parametrize("stored", [theirs("Old text"), "of-an-older-release"])
def test_a_content_that_was_changed_here_has_its_own_hash(stored: str, desk: Desk, tmp_path: Path) -> None:
    before = made(tmp_path / "before.db")
    with closing(sqlite3.connect(before)) as connection:
        add(connection, "Old text", content_hash=stored)
        add(connection, "Older text", superseded_by=stored)
        connection.commit()
    adopt(desk, before)
    seq = desk.ask("memory.update", {"id": stored, "content": "New text"})["seq"]
    give(desk, tmp_path / "changed.db")
    desk.ask("memory.undo", {"seq": seq})
    give(desk, tmp_path / "undone.db")
    for name, content_hash in (("changed.db", theirs("New text")), ("undone.db", stored)):
        found = memories(tmp_path / name)
        assert list(found) == [content_hash, theirs("Older text")]
        assert found[theirs("Older text")]["superseded_by"] == content_hash


def test_the_schema_is_the_one_of_12_4(desk: Desk, tmp_path: Path) -> None:
    def schema(path: Path) -> set[tuple[str, str, str]]:
        with closing(sqlite3.connect(path)) as connection:
            return set(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master"))

    def noted(path: Path) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT key, value FROM metadata UNION ALL SELECT name, checksum FROM migration_registry ORDER BY 1"
            return connection.execute(query).fetchall()

    before = legacy_files.unpacked("12.4.0", tmp_path)
    give(desk, tmp_path / "empty.db")
    assert schema(tmp_path / "empty.db") == schema(before)
    assert noted(tmp_path / "empty.db") == noted(before)


@pytest.mark.slow
def test_its_full_text_index_and_its_vectors_answer(desk: Desk, tmp_path: Path) -> None:
    adopt(desk, legacy_files.unpacked("12.4.0", tmp_path))
    give(desk, tmp_path / "after.db")
    with closing(opened(tmp_path / "after.db")) as connection:
        match = "SELECT rowid FROM memory_content_fts WHERE memory_content_fts MATCH 'checkpo' ORDER BY rowid"
        found = connection.execute(match).fetchall()
        assert (
            found == connection.execute("SELECT id FROM memories WHERE content LIKE '%checkpo%' ORDER BY id").fetchall()
        )
        assert found
        vector = connection.execute("SELECT content_embedding FROM memory_embeddings WHERE rowid = 1").get
        nearest = "SELECT rowid FROM memory_embeddings WHERE content_embedding MATCH ? AND k = 1 AND store = 'default'"
        assert connection.execute(nearest, (vector,)).get == 1
    with closing(sqlite3.connect(tmp_path / "after.db")) as connection:
        connection.execute("INSERT INTO memory_content_fts (memory_content_fts) VALUES ('integrity-check')")


def test_what_was_odd_comes_back_as_it_was(desk: Desk, tmp_path: Path) -> None:
    path = made(tmp_path / "odd.db")
    fields = {
        "tags": " Ops, ops,," + "x" * 200,
        "memory_type": "t" * 300,
        "store": "s" * 200,
        "metadata": '{"big": 123456789012345678901234567890}',
        "confidence": 0.25,
        "version": 7,
        "last_accessed": 1_700_000_005,
        "superseded_by": theirs("never here"),
        "created_at_iso": "2001-01-01T00:00:00Z",
    }
    with closing(sqlite3.connect(path)) as connection:
        add(connection, "odd", **fields)
        add(connection, "none", tags=None, memory_type="")
        connection.commit()
    adopt(desk, path)
    give(desk, tmp_path / "after.db")
    with closing(sqlite3.connect(tmp_path / "after.db")) as connection:
        connection.row_factory = sqlite3.Row
        odd, none = connection.execute("SELECT * FROM memories ORDER BY id")
    assert {name: odd[name] for name in fields} == fields
    assert (none["tags"], none["memory_type"]) == ("untagged", "")


def test_what_was_changed_here_goes_back_as_it_is_now(desk: Desk, tmp_path: Path) -> None:
    adopt(desk, legacy_files.unpacked("5.2.0", tmp_path))
    name = legacy_files.TRAINS
    desk.ask("memory.update", {"id": name, "tags": ["new, with comma"], "metadata": {"b": 2}})
    written = give(desk, tmp_path / "after.db")
    found = memories(tmp_path / "after.db")[name]
    assert (found["tags"], found["metadata"]) == ("new; with comma", {"a": 1, "b": 2})
    assert written.odd == {"tag_with_comma": 1}


def test_memories_that_were_made_here_get_the_hash_that_they_would_have_there(desk: Desk, tmp_path: Path) -> None:
    desk.store(" Made Here ", tags=["a"], namespace="docs")
    written = give(desk, tmp_path / "after.db")
    found = memories(tmp_path / "after.db")
    assert list(found) == [theirs("made here")]
    assert (found[theirs("made here")]["store"], found[theirs("made here")]["embedding_pending"]) == ("docs", 1)
    assert written.pending == 1


def test_versions_that_were_made_here_are_counted(desk: Desk, tmp_path: Path) -> None:
    first = desk.store("one")["id"]
    second = desk.ask("memory.rewrite", {"id": first, "content": "two", "versioned": True})["id"]
    desk.ask("memory.rewrite", {"id": second, "content": "three", "versioned": True})
    give(desk, tmp_path / "after.db")
    found = memories(tmp_path / "after.db")
    one, two, three = (theirs(content) for content in ("one", "two", "three"))
    assert [found[name]["version"] for name in (one, two, three)] == [1, 2, 3]
    assert [found[name]["parent_id"] for name in (one, two, three)] == [None, one, two]
    assert [found[name]["superseded_by"] for name in (one, two, three)] == [two, three, None]


def test_contents_that_are_one_to_theirs_are_all_kept(desk: Desk, tmp_path: Path) -> None:
    desk.store("Same")
    desk.store("same")
    desk.store("same", namespace="other")
    desk.ask("memory.delete", {"id": desk.store("twice")["id"]})
    desk.store("twice")
    desk.ask("memory.delete", {"id": desk.store("TWICE")["id"]})
    written = give(desk, tmp_path / "after.db")
    found = memories(tmp_path / "after.db")
    assert sorted(fields["content"] for fields in found.values()) == ["Same", "same", "same", "twice"]
    assert found[theirs("same")]["content"] == "Same"
    assert found[theirs("twice")]["deleted_at"] is None
    assert written.odd == {"same_hash": 2, "deleted_twice": 2}
    assert (written.memories, written.deleted) == (4, 0)


def test_equal_contents_that_became_one_go_back_as_one_with_the_first_hash(desk: Desk, tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    with closing(sqlite3.connect(path)) as connection:
        add(connection, "twin", unit(1), tags="a")
        add(connection, "twin", unit(2), content_hash="other", tags="b")
        add(connection, "friend")
        link(connection, theirs("friend"), "other")
        connection.commit()
    report = adopt(desk, path)
    assert (report.outcome.merged, report.odd) == (1, {"merged": 1})
    assert adopt(desk, path).outcome.skipped == 3
    give(desk, tmp_path / "after.db")
    assert memories(tmp_path / "after.db")[theirs("twin")]["tags"] == "a,b"
    assert [(source, target) for source, target, *_ in edges(tmp_path / "after.db")] == [
        (theirs("friend"), theirs("twin"))
    ]


def test_vectors_of_another_model_are_not_written(desk: Desk, tmp_path: Path) -> None:
    adopt(desk, legacy_files.unpacked("5.2.0", tmp_path))
    written = give(desk, tmp_path / "after.db", "another")
    assert (written.vectors, written.pending) == (0, 3)


@pytest.mark.parametrize("name", ["after.db", "after.db-wal"])
def test_a_file_that_is_there_is_never_replaced(name: str, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(ArgumentInvalidError, match="there already"):
        give(desk, tmp_path / "after.db")
    assert (tmp_path / name).read_text() == "precious"


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), write_database.writing(tmp_path / "after.db", None):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StorageFullError), (errno.EDQUOT, StorageFullError), (errno.EACCES, StoragePermissionError)],
)
def test_a_full_disk_is_told_from_a_place_that_can_not_be_written(
    tmp_path: Path, number: int, kind: type[StorageError]
) -> None:
    with pytest.raises(StorageError) as raised, write_database.writing(tmp_path / "theirs.db", MODEL):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
