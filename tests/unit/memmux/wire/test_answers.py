from __future__ import annotations

import pickle
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from memmux.wire.answers import Graph, Hit, Link, Memory, Node, Page, SearchResult, Similar, Status, Stored
from memmux.wire.requests import Mode

MEMORY = Memory(
    id="i",
    content="c",
    content_hash="h",
    namespace="n",
    type="note",
    tags=("a", "B"),
    metadata={"k": [1, None]},
    created_at=datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=UTC),
    updated_at=datetime(2026, 11, 23, 11, tzinfo=UTC),
    supersedes="older",
    superseded_by="newer",
    aliases=("one", "two"),
)


def test_memory_comes_back_from_json_as_it_was() -> None:
    assert Memory.from_json(orjson.loads(orjson.dumps(MEMORY))) == MEMORY


def test_an_etag_names_one_state_of_one_memory() -> None:
    others = {
        "id": "another",
        "content": f"{MEMORY.content} ",
        "namespace": "another",
        "type": "another",
        "tags": (*MEMORY.tags, "another"),
        "metadata": {**MEMORY.metadata, "another": 1},
        "created_at": MEMORY.created_at + timedelta(microseconds=1),
        "updated_at": MEMORY.updated_at + timedelta(microseconds=1),
        "supersedes": "another",
        "superseded_by": "another",
        "aliases": ("another",),
        "thread": "another",
        "place": -1,
    }
    assert {*others, "content_hash"} == {one.name for one in fields(Memory) if not one.name.startswith("_")}
    etags = {replace(MEMORY, **{name: value}).etag for name, value in others.items()}  # type: ignore[arg-type]
    assert len({*etags, MEMORY.etag}) == len(others) + 1
    turned = replace(MEMORY, metadata=dict(reversed(MEMORY.metadata.items())))
    assert turned.etag == Memory.from_json(orjson.loads(orjson.dumps(MEMORY))).etag == MEMORY.etag


def test_search_result_comes_back_from_its_body_as_it_was() -> None:
    sent = SearchResult(mode=Mode.KEYWORD, hits=(Hit(score=0.5, memory=MEMORY, why={"words": 0.5}),))
    read = SearchResult.from_body(orjson.dumps({"mode": sent.mode, "hits": sent.hits}))
    assert (read.mode, read.hits, read.degraded) == (Mode.KEYWORD, sent.hits, ())
    assert [hit.memory.id for hit in read] == ["i"]
    assert (len(read), read[0]) == (1, sent.hits[0])


def test_page_comes_back_from_its_body_as_it_was() -> None:
    sent = Page(memories=(MEMORY,), total=7)
    read = Page.from_body(orjson.dumps(sent))
    assert read == sent
    assert [memory.id for memory in read] == ["i"]
    assert (len(read), read[0]) == (1, MEMORY)


def test_memory_of_a_cluster_that_knows_no_aliases_has_none() -> None:
    fields = orjson.loads(orjson.dumps(MEMORY))
    del fields["aliases"], fields["superseded_by"]
    memory = Memory.from_json(fields)
    assert (memory.aliases, memory.superseded_by) == ((), None)


def test_graph_comes_back_from_its_body_as_it_was() -> None:
    link = Link(
        source="i",
        target="j",
        relation="cites",
        similarity=None,
        types=("a", "b"),
        metadata={"k": 1},
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    nodes = Node(id="i", distance=0, memory=MEMORY), Node(id="j", distance=1, memory=None)
    sent = Graph(nodes=nodes, links=(link,))
    assert Graph.from_body(orjson.dumps(sent)) == sent


def test_a_store_that_named_similar_memories_is_read_as_one_that_did_not() -> None:
    fields = {"id": "i", "content_hash": "h", "seq": 3, "status": "created", "indexed": True}
    assert Stored.from_json(fields) == Stored(**fields)  # type: ignore[arg-type]  # of JSON
    named = Stored.from_json({**fields, "similar": [{"id": "j", "score": 0.9}]})
    assert named.similar == (Similar(id="j", score=0.9),)


def test_codes_of_an_answer_are_no_part_of_what_is_compared_shown_or_written() -> None:
    told = MEMORY.with_degraded(("indexing",))
    assert (told.degraded, MEMORY.degraded, told.id) == (("indexing",), (), "i")
    assert told == MEMORY
    assert repr(told) == repr(MEMORY)
    assert orjson.dumps(told) == orjson.dumps(MEMORY)
    assert b"degraded" not in orjson.dumps([told, Hit(score=1.0, memory=told), Page(memories=(told,), total=1)])
    assert pickle.loads(pickle.dumps(told)).degraded == ("indexing",)  # noqa: S301  # our own bytes
    assert told.with_degraded(told.degraded) is told


def test_answers_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        MEMORY.content = "other"  # type: ignore[misc]  # what this test is about


def test_a_status_is_read_whatever_a_later_cluster_says_beside_it() -> None:
    known = Status(
        state="serving",
        pid=1,
        version="9",
        endpoint="ipc://x",
        database="x",
        seq=3,
        memories=2,
        pending=0,
        model=None,
        uptime_s=1.0,
        rss_bytes=1,
        degraded=("a",),
        workers=(),
        clients=(),
        queues={},
        requests={},
    )
    fields = {**orjson.loads(orjson.dumps(known)), "weather": "fine"}
    assert Status.from_body(orjson.dumps(fields)) == known


def test_a_status_is_read_of_an_older_cluster_that_says_less() -> None:
    body = (
        b'{"state":"serving","pid":1,"version":"0","endpoint":"x","database":"x","seq":1,"memories":1,"pending":0,'
        b'"model":null,"uptime_s":1.0,"rss_bytes":1,"degraded":[],"workers":[],"clients":[],"queues":{},"requests":{}}'
    )
    assert Status.from_body(body).fitness("read") == "unknown, not looked yet"


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ({}, ""),
        ({"to": "m", "done": 1, "of": 9}, "to m: 1 of 9 memories have its vectors"),
        ({"to": "m", "done": 1, "of": 9, "left_s": 7.6}, "to m: 1 of 9 memories have its vectors, some 8 s left"),
        ({"to": "m", "done": 1, "of": 9, "lost": "why"}, "to m: 1 of 9 memories have its vectors; why"),
    ],
)
def test_a_change_of_the_model_is_told_in_words(switch: dict[str, object], words: str) -> None:
    status = Status(
        state="serving", version="1", model="n", uptime_s=1, degraded=(), clients=(), workers=(), switch=switch
    )
    assert status.switching() == words
