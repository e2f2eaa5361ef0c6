"""The graph of server-memory, whole and hostile."""

from __future__ import annotations

import io
import json

import pytest

from memmux.transfer.formats import server_memory
from memmux.transfer.formats.base import Line, Skips


def lines(*items: object, raw: bytes = b"") -> tuple[list[Line], dict[str, int]]:
    skips = Skips()
    data = "".join(f"{json.dumps(item)}\n" for item in items).encode() + raw
    return list(server_memory.lines(io.BytesIO(data), "default", skips)), dict(skips.counts)


def entity(name: str, *observations: object) -> dict[str, object]:
    return {"type": "entity", "name": name, "entityType": "person", "observations": list(observations)}


def test_an_entity_is_one_memory_and_its_relations_are_links() -> None:
    knows = {"type": "relation", "from": "Ada", "to": "Bo", "relationType": "knows"}
    found, skipped = lines(knows, entity("Ada", "one", "two", "one"), entity("Bo"), knows, entity("Ada", "three"))
    assert [line["content"] for line in found] == ["Ada (person)\n- one\n- two\n- three", "Bo (person)"]
    assert found[0]["links"] == [{"target": found[1]["id"], "relation": "knows"}]
    assert skipped == {}


def test_what_is_neither_is_counted_by_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_memory, "LINE_BYTES", 1000)
    found, skipped = lines(
        entity("Ada", 1, None, "", "one"),
        {"type": "entity", "name": 5, "observations": []},
        {"type": "entity", "name": "x", "observations": "none"},
        {"type": "relation", "from": "Ada", "to": "Cy", "relationType": "knows"},
        {"type": "relation", "from": "Ada", "to": [], "relationType": "knows"},
        [],
        entity("long", "x" * 2000),
        raw=b'{"type":"enti',
    )
    assert [line["content"] for line in found] == ["Ada (person)\n- one"]
    assert skipped == {
        "a line that is no entity and no relation": 4,
        "a relation of an entity that is not there": 1,
        server_memory._LONG: 1,
        "a line that is no JSON": 1,
    }
