from __future__ import annotations

import binascii
import hashlib
import json
import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from memmux import limits
from memmux.errors import AdoptionFailedError, DatabaseForeignError
from memmux.mms import source as sources
from memmux.mms.ids import MODEL, memory_id
from memmux.mms.report import Report
from tests import legacy_files
from tests.legacy_files import ERAS, WITH_GRAPH, add, link, made, theirs, unit

Line = dict[str, Any]


def read(path: Path, model: str | None = MODEL) -> tuple[list[Line], Report]:
    with sources.of_database(path, model) as source:
        lines = [line for batch in source.batches() for line in batch]
        return lines, source.report()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def one(tmp_path: Path, content: object = "a memory", **fields: object) -> tuple[Line | None, Report]:
    """Read a database with one memory of these columns."""
    path = made(tmp_path / "one.db")
    with writing(path) as connection:
        add(connection, content, **fields)
    lines, report = read(path)
    return (lines[0] if lines else None), report


@pytest.mark.parametrize("release", legacy_files.RELEASES)
def test_every_memory_of_a_real_release_is_read(release: str, tmp_path: Path) -> None:
    path = legacy_files.unpacked(release, tmp_path)
    before = path.read_bytes()
    lines, report = read(path)
    assert len(lines) == legacy_files.MEMORIES[release]
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    live = [line for line in lines if line["deleted_at"] is None]
    assert all(line["vectors"][0]["dimensions"] == 384 for line in live)
    assert not any("vectors" in line for line in lines if line["deleted_at"] is not None)
    assert report.odd == {}
    assert report.found.vectors == len(live)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        for line, row in zip(lines, connection.execute("SELECT * FROM memories ORDER BY id"), strict=True):
            assert line["content"] == row["content"]
            assert line["aliases"] == [row["content_hash"]]
            assert line["id"] == memory_id(row["content_hash"])
            assert (line["created_at"], line["updated_at"]) == (row["created_at"], row["updated_at"])
            assert line["metadata"] == json.loads(row["metadata"])
            assert line["type"] == row["memory_type"]
            assert line["origin"]["tags"] == row["tags"]


def test_versions_links_stores_and_tombstones_of_12_4_are_read(tmp_path: Path) -> None:
    lines, report = read(legacy_files.unpacked("12.4.0", tmp_path))
    by_id = {line["id"]: line for line in lines}
    assert (report.found.deleted, report.found.superseded, report.found.links) == (5, 2, 6)
    assert {line["namespace"] for line in lines} == {"default", "docs"}
    last = next(line for line in lines if "final" in line["tags"])
    middle = by_id[last["supersedes"]]
    first = by_id[middle["supersedes"]]
    assert (last["origin"]["version"], middle["superseded_by"], first["superseded_by"]) == (3, last["id"], middle["id"])
    linked = {(link["target"], link["relation"]) for line in lines for link in line.get("links", ())}
    assert ("SQLite", "has_entity") in linked  # an entity is no memory
    assert sum(target in by_id for target, _ in linked) == 5
    assert next(line for line in lines if line["origin"]["tags"] == "untagged")["tags"] == []


@pytest.mark.parametrize("era", ERAS)
def test_a_database_of_each_release_is_read(era: str, tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db", era)
    with writing(path) as connection:
        for number in range(6):
            add(connection, f"memory {number}", unit(number), tags="a,B")
        if "deleted_at" in " ".join(ERAS[era]):
            add(connection, "gone", deleted_at=1_700_000_002.5)
        if era in WITH_GRAPH:
            link(connection, theirs("memory 0"), theirs("memory 1"), relationship_type="causes")
    lines, report = read(path)
    assert [line["content"] for line in lines if line["deleted_at"] is None] == [f"memory {n}" for n in range(6)]
    assert report.found.vectors == 6
    assert report.found.links == (era in WITH_GRAPH)
    assert report.odd == {}
    assert {line["namespace"] for line in lines} == {"default"}
    assert len({line["vectors"][0]["data"] for line in lines if "vectors" in line}) == 6


def test_a_vector_is_found_by_chunk_and_offset_and_not_by_the_order_of_rows(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    with writing(path) as connection:
        for number in range(6):
            add(connection, f"memory {number}", unit(number))
        connection.execute("DELETE FROM memories WHERE id = 2")
        connection.execute("DELETE FROM memory_embeddings_rowids WHERE rowid = 2")
        # Later chunks may stand before earlier ones: the column `rowid` there is not SQLite's own.
        rows = connection.execute("SELECT rowid, vectors FROM memory_embeddings_vector_chunks00").fetchall()
        connection.execute("DELETE FROM memory_embeddings_vector_chunks00")
        connection.executemany(
            "INSERT INTO memory_embeddings_vector_chunks00 (rowid, vectors) VALUES (?, ?)", rows[::-1]
        )
    lines, _ = read(path)
    found = [array("f", binascii.a2b_base64(line["vectors"][0]["data"])).index(1.0) for line in lines]
    assert found == [0, 2, 3, 4, 5]


def test_vectors_that_can_not_be_right_are_left_out(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    with writing(path) as connection:
        add(connection, "zero", [0.0] * 384)
        add(connection, "no number", [float("nan"), *[1.0] * 383])
        add(connection, "beyond its chunk", unit(1))
        connection.execute("UPDATE memory_embeddings_rowids SET chunk_offset = 99 WHERE rowid = 3")
        add(connection, "in no chunk", unit(1))
        connection.execute("UPDATE memory_embeddings_rowids SET chunk_id = 99 WHERE rowid = 4")
        add(connection, "good", unit(1))
    lines, report = read(path)
    assert [line["content"] for line in lines if "vectors" in line] == ["good"]
    assert report.odd == {"vector_invalid": 4}


def test_vectors_of_another_length_or_model_are_left_out(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db", dimensions=8)
    with writing(path) as connection:
        add(connection, "short", unit(1, 8))
    assert read(path)[1].odd == {"vector_dimensions": 1}
    assert read(path, "another-model")[1].odd == {"vectors_of_another_model": 1}
    assert read(path, None)[1].odd == {"vectors_of_another_model": 1}


@pytest.mark.parametrize(
    "text",
    ['{"a": ', "[1]", '"text"', "[" * 100_000, '{"a":' * 201 + "1" + "}" * 201],
    ids=["cut", "list", "text", "deep", "deeper than kept"],
)
def test_broken_metadata_is_none_and_its_text_is_kept(text: str, tmp_path: Path) -> None:
    line, report = one(tmp_path, metadata=text)
    assert line is not None
    assert (line["metadata"], line["origin"]["metadata"], report.odd) == ({}, text, {"metadata_broken": 1})


def test_metadata_that_is_no_json_is_mended(tmp_path: Path) -> None:
    text = '{"nan": NaN, "lone": "\\ud800", "big": 123456789012345678901234567890, "good": [1, {"a": null}]}'
    line, report = one(tmp_path, metadata=text)
    assert line is not None
    mended = {"nan": None, "lone": "\N{REPLACEMENT CHARACTER}", "big": "123456789012345678901234567890"}
    assert line["metadata"] == {**mended, "good": [1, {"a": None}]}
    assert (line["origin"]["metadata"], report.odd) == (text, {"metadata_changed": 1})


def test_too_much_metadata_loses_its_largest_values_and_keeps_them_as_its_origin(tmp_path: Path) -> None:
    value = {"small": 1, "large": "x" * limits.METADATA_BYTES, "other": "y"}
    line, report = one(tmp_path, metadata=json.dumps(value))
    assert line is not None
    assert line["metadata"] == {"small": 1, "other": "y"}
    assert json.loads(line["origin"]["metadata"]) == value
    assert report.named[0].kind == "metadata_too_large"
    assert report.named[0].message == "large"


@pytest.mark.parametrize("stored", [None, "", "null"])
def test_no_metadata_is_not_odd(stored: str | None, tmp_path: Path) -> None:
    line, report = one(tmp_path, metadata=stored)
    assert line is not None
    assert (line["metadata"], report.odd) == ({}, {})


def test_tags_that_differ_in_case_are_one_and_the_original_is_kept(tmp_path: Path) -> None:
    line, report = one(tmp_path, tags=" Ops, ops,Straße,STRASSE,,untagged ")
    assert line is not None
    assert line["tags"] == ["Ops", "Straße", "untagged"]
    assert line["origin"]["tags"] == " Ops, ops,Straße,STRASSE,,untagged "
    assert report.odd == {}


def test_too_long_and_too_many_tags_are_cut_and_kept_as_the_origin(tmp_path: Path) -> None:
    stored = ",".join(["x" * 200, *(f"tag{number}" for number in range(100))])
    line, report = one(tmp_path, tags=stored)
    assert line is not None
    assert len(line["tags"]) == limits.TAGS
    assert line["tags"][0] == "x" * limits.TAG_CHARACTERS
    assert (line["origin"]["tags"], report.odd) == (stored, {"tags_cut": 1})


def test_a_type_and_a_store_that_are_too_long_are_cut(tmp_path: Path) -> None:
    line, report = one(tmp_path, memory_type="t" * 300, store="s" * 300)
    assert line is not None
    assert (line["type"], line["namespace"]) == ("t" * 128, "s" * 128)
    assert (line["origin"]["type"], line["origin"]["store"]) == ("t" * 300, "s" * 300)
    assert report.odd == {"type_cut": 1, "store_cut": 1}


@pytest.mark.parametrize(
    ("fields", "expected", "odd"),
    [
        ({"created_at": None, "created_at_iso": "2026-01-02T03:04:05Z"}, 1767323045.0, {"time_missing": 1}),
        ({"created_at": None}, 1_700_000_001.25, {"time_missing": 1}),
        ({"created_at": None, "updated_at": None}, 0.0, {"time_missing": 2}),
        ({"created_at": "2026-01-02T03:04:05"}, 1767323045.0, {"time_odd": 1}),
        ({"created_at": 1_700_000_000_500}, 1_700_000_000.5, {"time_odd": 1}),
        ({"created_at": "yesterday"}, 1_700_000_001.25, {"time_odd": 1}),
        ({"created_at": 1.0, "created_at_iso": "2026-01-02T03:04:05Z"}, 1.0, {"times_disagree": 1}),
        ({"created_at": 1.0, "created_at_iso": "1970-01-01T01:00:01+01:00"}, 1.0, {}),
        ({"created_at": -62_000_000_000.0}, -62_000_000_000.0, {}),
    ],
)
def test_the_number_wins_and_what_is_odd_is_read_as_well_as_it_can_be(
    fields: dict[str, object], expected: float, odd: dict[str, int], tmp_path: Path
) -> None:
    line, report = one(tmp_path, **fields)
    assert line is not None
    assert (line["created_at"], report.odd) == (expected, odd)


def test_a_deletion_without_a_readable_time_is_one_all_the_same(tmp_path: Path) -> None:
    line, report = one(tmp_path, deleted_at="long ago")
    assert line is not None
    assert (line["deleted_at"], report.odd) == (line["updated_at"], {"time_odd": 1})


def test_what_memmux_can_not_hold_is_left_out_and_named(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    with writing(path) as connection:
        add(connection, "   ")
        add(connection, "x" * (limits.CONTENT_BYTES + 1))
        add(connection, "y" * limits.CONTENT_BYTES)
    lines, report = read(path)
    assert [line["content"][0] for line in lines] == ["y"]
    assert report.odd == {"content_empty": 1, "content_too_long": 1}
    assert (report.left_out, report.found.memories) == (2, 3)
    assert str(limits.CONTENT_BYTES) in "\n".join(report.lines())


def test_text_that_is_not_unicode_is_read_as_well_as_it_can_be(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    with writing(path) as connection:
        add(connection, "placeholder", tags="placeholder")
        connection.execute("UPDATE memories SET content = CAST(x'61ff62' AS TEXT), tags = CAST(x'74fe' AS TEXT)")
    lines, report = read(path)
    assert (lines[0]["content"], lines[0]["tags"]) == ("a�b", ["t�"])
    assert report.odd == {"content_not_text": 1, "tags_not_text": 1}


def test_links_that_can_not_be_kept_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "theirs.db")
    first, second = theirs("first"), theirs("second")
    with writing(path) as connection:
        add(connection, "first")
        add(connection, "second", superseded_by=theirs("gone"), parent_id=first)
        link(connection, first, second, connection_types="[", metadata="[", similarity="much")
        link(connection, first, "x" * 300)
        link(connection, "nobody", first)
    lines, report = read(path)
    (kept,) = lines[0]["links"]
    assert kept == {
        "target": memory_id(second),
        "relation": "related",
        "similarity": None,
        "types": [],
        "metadata": {},
        "created_at": 1.5,
    }
    assert (lines[1]["supersedes"], lines[1]["superseded_by"]) == (memory_id(first), memory_id(theirs("gone")))
    assert report.odd == {"link_changed": 1, "link_broken": 2, "successor_missing": 1}


def test_a_hash_that_was_made_otherwise_is_an_opaque_name(tmp_path: Path) -> None:
    name = hashlib.sha256(b"with metadata").hexdigest()
    line, report = one(tmp_path, content_hash=name)
    assert line is not None
    assert (line["aliases"], line["id"], report.odd) == ([name], memory_id(name), {})


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    with writing(path) as connection:
        connection.execute("CREATE TABLE memories (id INTEGER, text TEXT)")
    with pytest.raises(DatabaseForeignError, match="foreign"):
        read(path)
    with writing(path) as connection:
        connection.execute("PRAGMA application_id = 0x6D6D7578")
    with pytest.raises(DatabaseForeignError, match="database of memmux"):
        read(path)
    damaged = legacy_files.unpacked("5.2.0", tmp_path)
    data = bytearray(damaged.read_bytes())
    data[4096 : 4096 * 8] = b"\xff" * 4096 * 7
    damaged.write_bytes(data)
    with pytest.raises(AdoptionFailedError, match="mms_5"):
        read(damaged)
