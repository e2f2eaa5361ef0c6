from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.mms import source as sources
from memmux.mms.ids import MODEL, memory_id
from tests.legacy_files import theirs, unit

MEMORY: dict[str, Any] = {
    "content": "From an export",
    "content_hash": theirs("From an export"),
    "tags": ["One", "two, three"],
    "created_at": 1_700_000_000.5,
    "updated_at": "2023-11-14T22:13:21Z",
    "memory_type": "note",
    "metadata": {"a": [1]},
    "store": "docs",
}


def export(*memories: Any) -> bytes:
    head = {"source_machine": "m", "exporter_version": "5.0.1", "total_memories": len(memories)}
    return json.dumps({"export_metadata": head, "memories": memories}, indent=2).encode()


def read(data: bytes) -> tuple[list[dict[str, Any]], sources.Source]:
    source = sources.of_export(Path("/export.json"), data, MODEL)
    assert source is not None
    return [line for batch in source.batches() for line in batch], source


def test_an_export_is_read() -> None:
    (line,), source = read(export(MEMORY))
    assert (line["id"], line["aliases"]) == (memory_id(MEMORY["content_hash"]), [MEMORY["content_hash"]])
    assert (line["content"], line["type"], line["namespace"]) == ("From an export", "note", "docs")
    assert line["tags"] == ["One", "two, three"]
    assert (line["created_at"], line["updated_at"]) == (1_700_000_000.5, 1_700_000_001.0)
    assert line["metadata"] == {"a": [1]}
    assert "vectors" not in line
    assert source.report().found.memories == 1


def test_an_export_with_vectors_brings_them() -> None:
    good, short, broken = ({**MEMORY, "content_hash": name} for name in "abc")
    lines, source = read(
        export({**good, "embedding": unit(3)}, {**short, "embedding": [1.0]}, {**broken, "embedding": ["x"]})
    )
    assert [("vectors" in line) for line in lines] == [True, False, False]
    assert source.report().odd == {"vector_dimensions": 1, "vector_invalid": 1}


def test_a_memory_without_a_hash_gets_the_one_that_it_has_there() -> None:
    (line,), _ = read(export({"content": "  Bare \n"}))
    assert line["aliases"] == [theirs("bare")]
    assert line["content"] == "  Bare \n"


def test_what_is_no_memory_is_named_and_stops_nothing() -> None:
    lines, source = read(export("text", None, MEMORY))
    assert len(lines) == 1
    assert source.report().odd == {"content_empty": 2}


def test_python_s_nan_is_read() -> None:
    (line,), source = read(export({**MEMORY, "metadata": {"a": float("nan")}}))
    assert (line["metadata"], source.report().odd) == ({"a": None}, {"metadata_changed": 1})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"memories": []}'])
def test_another_file_is_none(data: bytes) -> None:
    assert sources.of_export(Path("/x"), data, MODEL) is None


def test_an_export_without_a_list_of_memories_is_refused() -> None:
    with pytest.raises(ArgumentInvalidError, match="no list"):
        sources.of_export(Path("/x"), b'{"export_metadata": {}}', MODEL)


def test_a_byte_order_mark_does_not_matter() -> None:
    assert read(b"\xef\xbb\xbf" + export(MEMORY))[0] == read(export(MEMORY))[0]
