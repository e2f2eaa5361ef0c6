"""What a client sends that no memory can be: its request fails alone, and no worker ends."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, MalformedMessageError, MemmuxError, MetadataInvalidError
from tests.unit.workers.desk import Desk, frames, job
from tests.unit.workers.storage.dumps import adopt, dumped, line, statuses
from workers.runtime.jobs import Answer

DEEPEST = limits.DEPTH


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def body(operation: str, fields: dict[str, Any], name: str, value: bytes) -> Any:
    """A job with a field that is written as it is given."""
    return job(operation, orjson.dumps({**fields, name: None}).replace(b"null", value))


def test_vectors_by_one_model_twice_are_refused_and_the_jobs_beside_are_done(desk: Desk) -> None:
    twice = (*frames([(1, 0)]), *frames([(0, 1)]))
    there = desk.store("there", (1, 0))
    outcomes = desk.write(
        job("memory.store", {"content": "before"}, *frames([(1, 0)])),
        job("memory.store", {"content": "twice"}, *twice),
        job("memory.store_batch", {"memories": [{"content": "twice"}]}, *twice),
        job("memory.rewrite", {"id": there["id"], "content": "twice"}, *twice),
        job("memory.store", {"content": "after"}, *frames([(1, 0)])),
    )
    kinds = [type(outcome) for _, outcome in outcomes]
    assert kinds == [Answer, *[MalformedMessageError] * 3, Answer]
    with pytest.raises(MalformedMessageError):
        desk.ask("memory.search", {"query": "x"}, *twice)
    assert [memory["content"] for memory in dumped(desk)] == ["there", "before", "after"]


def test_the_deepest_metadata_are_written_read_changed_and_taken_out(desk: Desk) -> None:
    stored = desk.store("deep words", metadata=nested(DEEPEST))
    for operation, asked in (
        ("memory.update", {"id": stored["id"], "tags": ["x"]}),
        ("memory.get", {"id": stored["id"]}),
        ("memory.list", {}),
        ("memory.match", {"query": "deep", "mode": "keyword"}),
        ("memory.history", {"id": stored["id"]}),
        ("memory.changes", {}),
        ("memory.load", {"memories": dumped(desk), "adopt": True}),
        ("memory.delete", {"id": stored["id"]}),
        ("memory.undo", {"seq": 3}),
    ):
        desk.ask(operation, asked)
    assert dumped(desk)[0]["metadata"] == nested(DEEPEST)


@pytest.mark.parametrize("levels", [DEEPEST + 1, 253, 254, 255, 1000])
def test_what_is_deeper_is_refused_wherever_it_stands(desk: Desk, levels: int) -> None:
    deep = b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)
    there = desk.store("there")
    for one in (
        body("memory.store", {"content": "x"}, "metadata", deep),
        body("memory.update", {"id": there["id"]}, "metadata", deep),
    ):
        ((_, outcome),) = desk.write(one)
        assert isinstance(outcome, MetadataInvalidError)
    for name, value in (
        ("origin", deep),
        ("metadata", deep),
        ("links", b'[{"target":"t","metadata":%s}]' % deep),
    ):
        memory = orjson.dumps({**line(type="t"), "deleted_at": 1.0, "supersedes": "s", name: None})
        for adopting in (b"true", b"false"):
            loading = b'{"adopt":%s,"memories":[%s]}' % (adopting, memory.replace(b"null", value))
            assert statuses(desk.ask("memory.load", loading)) == [(0, "broken")]
    assert [memory["content"] for memory in dumped(desk)] == ["there"]


@pytest.mark.parametrize(
    ("operation", "fields", "name"),
    [
        ("memory.store", {"content": "x"}, "place"),
        ("memory.store", {"content": "x"}, "created_at"),
        ("memory.undo", {}, "seq"),
        ("memory.load", {"adopt": True}, "memories"),
    ],
)
def test_a_value_of_a_thousand_levels_is_an_error_of_the_request(
    desk: Desk, operation: str, fields: dict[str, Any], name: str
) -> None:
    for deep in (b"[" * 1000 + b"]" * 1000, b"[" * 1000 + b'"\\u0000"' + b"]" * 1000):
        (one,) = desk.write(body(operation, fields, name, deep), job("memory.store", {"content": "beside"}))[:1]
        assert isinstance(one[1], MemmuxError) or statuses(orjson.loads(one[1].frames[0]))
    assert [memory["content"] for memory in dumped(desk)] == ["beside"]


@pytest.mark.parametrize(
    ("operation", "fields", "name"),
    [
        ("memory.match", {"query": "x"}, "mode"),
        ("memory.list", {}, "limit"),
        ("memory.timeline", {}, "by"),
        ("memory.graph", {"id": "x"}, "action"),
    ],
)
def test_readers_refuse_it_too(desk: Desk, operation: str, fields: dict[str, Any], name: str) -> None:
    asked = body(operation, fields, name, b"[" * 1000 + b"]" * 1000)
    ((_, outcome),) = desk.reader.handle([asked], lambda: None)
    assert isinstance(outcome, MemmuxError)


def test_vectors_of_a_dump_whose_windows_are_lists_without_end_are_broken(desk: Desk) -> None:
    deep = b"[" * 500 + b"]" * 500
    vectors = b'[{"model":"tiny","dimensions":2,"windows":%s,"data":""}]' % deep
    memory = orjson.dumps({**line(type="t"), "deleted_at": 1.0, "supersedes": "s", "vectors": None})
    memory = memory.replace(b'"deleted_at":1.0', b'"deleted_at":null').replace(
        b'"vectors":null', b'"vectors":' + vectors
    )
    assert statuses(desk.ask("memory.load", b'{"memories":[%s]}' % memory)) == [(0, "broken")]
    adopt(desk, line())
    with pytest.raises(ArgumentInvalidError):
        desk.ask("memory.load", b'{"memories":%s}' % (b'{"a":' * 1000 + b"1" + b"}" * 1000))
