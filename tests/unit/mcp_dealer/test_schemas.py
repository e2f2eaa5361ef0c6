"""What the tools answer, as JSON and as text, and the schemas that describe it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mcp_dealer.schemas import (
    Health,
    Hits,
    Kept,
    Linked,
    Listed,
    Read,
    Removed,
    SearchAnswer,
    Stats,
    as_brief,
    as_older,
    compact,
    text,
)
from memmux.wire.answers import Deleted, Forgotten, Graph, Hit, Link, Node, Page, SearchResult, Similar, Stored
from memmux.wire.requests import Mode
from tests.unit.mcp_dealer.stand_in import BARE, MEMORY, MOMENT


def test_a_memory_keeps_its_id_times_tags_type_and_metadata() -> None:
    assert SearchAnswer.of(MEMORY).structured() == {
        "id": "0001",
        "content_hash": "ab",
        "content": "The office is in Ghent.",
        "tags": ["place", "work"],
        "type": "fact",
        "metadata": {"floor": 3},
        "created_at": "2026-11-23T14:30:00.000+00:00",
        "updated_at": "2026-11-24T14:30:00.000+00:00",
    }


def test_what_is_empty_is_left_out() -> None:
    assert SearchAnswer.of(BARE).structured().keys() == {"id", "content_hash", "content", "created_at"}


def test_a_hit_has_a_score_in_json_and_in_text() -> None:
    hits = Hits.of(SearchResult(mode=Mode.EXACT, hits=(Hit(score=0.87654321, memory=MEMORY),)))
    assert hits.structured()["hits"][0]["score"] == 0.8765
    assert text(hits) == (
        "1 found, exact\n\n[0.88] 0001 · 2026-11-23T14:30:00.000+00:00 · fact · #place #work · hash ab\n"
        "The office is in Ghent."
    )


def test_a_list_is_text_that_scripts_read() -> None:
    listed = Listed.of(Page(memories=(MEMORY, BARE), total=7), limit=2, offset=2)
    assert listed.structured().keys() == {"total", "memories", "next_offset"}
    assert listed.structured()["next_offset"] == 4
    page = json.loads(text(listed.model_copy(update={"notes": ["a"], "degraded": ["b"]})))
    assert (page.pop("notes"), page.pop("degraded")) == (["a"], ["b"])
    first, bare = page.pop("memories")
    assert page == {"page": 2, "page_size": 2, "total": 7, "total_pages": 4, "has_more": True}
    assert first == {
        "id": "0001",
        "content": "The office is in Ghent.",
        "content_hash": "ab",
        "tags": ["place", "work"],
        "memory_type": "fact",
        "metadata": {"floor": 3},
        "created_at": MOMENT.timestamp(),
        "updated_at": MOMENT.timestamp() + 86400,
        "created_at_iso": "2026-11-23T14:30:00.000+00:00",
        "updated_at_iso": "2026-11-24T14:30:00.000+00:00",
    }
    assert (bare["tags"], bare["memory_type"], bare["metadata"]) == ([], None, {})
    assert bare["updated_at"] == bare["created_at"]


NODES = (Node(id="0001", distance=0, memory=MEMORY), Node(id="0009", distance=1, memory=None))
LINK = Link(
    source="0001", target="0009", relation="causes", similarity=0.5, types=("semantic",), metadata={}, created_at=MOMENT
)
EDGE = {
    "source": "ab",
    "target": "0009",
    "relationship_type": "causes",
    "similarity": 0.5,
    "connection_types": ["semantic"],
    "metadata": {},
}


def test_a_model_reads_a_hit_without_its_hash() -> None:
    hits = as_brief(Hits.of(SearchResult(mode=Mode.EXACT, hits=(Hit(score=0.87654321, memory=MEMORY),))))
    assert text(hits) == (
        "1 found, exact\n\n[0.88] 0001 · 2026-11-23T14:30Z · fact · #place #work\nThe office is in Ghent."
    )
    assert hits.structured()["hits"][0]["content_hash"] == "ab"


def test_a_model_reads_a_memory_without_its_hash() -> None:
    assert text(as_brief(Read.of(BARE))) == "0002 · 2026-11-23T14:30Z\nBare."


@pytest.mark.parametrize(
    ("offset", "total", "head", "following"),
    [
        (0, 7, "2 of 7, newest first; continue with offset 2", {"next_offset": 2}),
        (5, 7, "2 of 7, newest first", {}),
        (2, 7, "2 of 7, newest first; continue with offset 4", {"next_offset": 4}),
    ],
)
def test_a_page_tells_a_model_where_the_next_one_begins(
    offset: int, total: int, head: str, following: dict[str, int]
) -> None:
    page = as_brief(Listed.of(Page(memories=(MEMORY, BARE), total=total), limit=2, offset=offset))
    assert text(page).splitlines()[0] == head
    assert page.structured() == {
        "total": total,
        "memories": [SearchAnswer.of(memory).structured() for memory in (MEMORY, BARE)],
        **following,
    }


def test_a_page_that_is_cut_goes_on_where_it_was_cut() -> None:
    page = as_brief(Listed.of(Page(memories=(MEMORY,) * 9, total=20), limit=9, offset=3))
    cut = page.within(700, lambda shown: f"continue with offset {3 + shown}")
    shown = len(cut.structured()["memories"])
    assert 0 < shown < 9
    assert text(cut).splitlines()[0] == f"{shown} of 20, newest first; continue with offset {3 + shown}"
    assert cut.structured()["next_offset"] == 3 + shown


def test_an_empty_page_has_no_next_one() -> None:
    page = as_brief(Listed.of(Page(memories=(), total=7), limit=2, offset=9))
    assert text(page) == "0 of 7, newest first"
    assert "next_offset" not in page.structured()


@pytest.mark.parametrize(
    ("action", "facts"),
    [
        ("connected", {"connected": [{"hash": "0009", "distance": 1}], "count": 1}),
        ("path", {"path": ["ab", "0009"], "length": 2}),
        ("subgraph", {"nodes": ["ab", "0009"], "node_count": 2}),
    ],
)
def test_a_graph_is_text_that_scripts_read(action: str, facts: dict[str, object]) -> None:
    linked = Linked.of(Graph(nodes=NODES, links=(LINK,)), action)
    told = json.loads(text(linked))
    assert told.pop("memories") == linked.structured()["nodes"]
    assert told == {"success": True, **facts, "edges": [EDGE], "edge_count": 1}


def test_a_path_that_is_not_there_is_null() -> None:
    told = json.loads(text(Linked.of(Graph(nodes=(), links=()), "path")))
    assert (told["success"], told["path"], told["length"]) == (True, None, 0)


def test_what_was_missing_is_in_json_and_in_text() -> None:
    stored = Stored(id="1", content_hash="a", seq=1, status="created", indexed=False)
    stored = stored.with_degraded(("embedder_loading", "other"))
    assert Kept.of(stored).structured()["degraded"] == ["embedder_loading", "other"]
    assert text(Kept.of(stored)) == "created 1\ndegraded: embedder_loading, other"


def test_a_null_inside_metadata_is_kept() -> None:
    found = SearchAnswer(id="1", content="x", metadata={"a": None}, created_at="")
    assert found.structured()["metadata"] == {"a": None}


def test_a_compact_schema_has_no_titles_references_or_nulls() -> None:
    schema = {
        "title": "Whole",
        "description": "For readers of the code.",
        "type": "object",
        "properties": {
            "title": {"title": "Title", "description": "Stays.", "anyOf": [{"type": "string"}, {"type": "null"}]},
            "part": {"$ref": "#/$defs/Part"},
        },
        "$defs": {"Part": {"title": "Part", "type": "object", "properties": {"x": {"type": "integer", "default": 0}}}},
    }
    assert compact(schema) == {
        "type": "object",
        "properties": {
            "title": {"description": "Stays.", "type": "string"},
            "part": {"type": "object", "properties": {"x": {"type": "integer"}}},
        },
    }


def test_a_memory_that_was_adopted_has_the_hash_of_its_former_home() -> None:
    former = "0" * 64
    assert SearchAnswer.of(replace(MEMORY, aliases=("0002", former))).content_hash == former
    assert SearchAnswer.of(replace(MEMORY, aliases=("0002",))).content_hash == "ab"


def test_a_superseded_memory_says_by_which() -> None:
    found = SearchAnswer.of(replace(MEMORY, superseded_by="0003"))
    assert found.structured()["superseded_by"] == "0003"
    assert "superseded by 0003" in text(found)


def test_similar_memories_are_named_with_their_scores() -> None:
    stored = Stored(
        id="1", content_hash="a", seq=1, status="created", indexed=True, similar=(Similar(id="2", score=0.912345),)
    )
    assert Kept.of(stored).structured()["similar"] == [{"id": "2", "score": 0.9123}]
    assert text(Kept.of(stored)) == "created 1\nsimilar: [0.91] 2"


def test_a_delete_of_many_names_the_first_of_them() -> None:
    ids = tuple(map(str, range(150)))
    removed = Removed.of_many(Forgotten(ids=ids, count=150, dry_run=True))
    assert removed.structured() == {"count": 150, "ids": list(ids[:100]), "dry_run": True}
    assert text(removed).splitlines()[0] == "would delete 150:"
    assert text(removed).splitlines()[-1] == "and 50 more"


def test_a_delete_says_what_brings_it_back() -> None:
    one = Removed.of(Deleted(id="0001", seq=3))
    assert text(one) == "deleted 0001; `memmux undo 3` brings it back"
    assert one.structured()["undo"] == "3"
    several = Removed.of_many(Forgotten(ids=("1", "2"), count=2, dry_run=False, first_seq=4, last_seq=5))
    assert text(several).splitlines()[0] == "deleted 2; `memmux undo 4-5` brings them back:"
    assert "undo" not in Removed.of_many(Forgotten(ids=("1",), count=1, dry_run=True)).structured()


@pytest.mark.parametrize(
    ("mode", "score", "relevance"),
    [(Mode.SEMANTIC, 0.5, 0.75), (Mode.SEMANTIC, -1.0, 0.0), (Mode.HYBRID, 0.5, 0.5), (Mode.EXACT, 1.0, 1.0)],
)
def test_an_older_name_gets_the_score_of_its_former_home(mode: Mode, score: float, relevance: float) -> None:
    hits = Hits.of(SearchResult(mode=mode, hits=(Hit(score=score, memory=MEMORY),)))
    (hit,) = as_older(hits, "retrieve_memory").structured()["hits"]
    assert (hit["relevance_score"], hit["score"]) == (relevance, score)


def test_an_older_name_gets_a_line_for_each_fact() -> None:
    hits = Hits.of(SearchResult(mode=Mode.SEMANTIC, hits=(Hit(score=0.7, memory=MEMORY),)).with_degraded(("a",)))
    assert text(as_older(hits, "retrieve_memory")).splitlines() == [
        "Found 1 memories:",
        "",
        "Memory 1:",
        "Timestamp: 2026-11-23T14:30:00.000+00:00",
        "Content: The office is in Ghent.",
        "Hash: ab",
        "Relevance Score: 0.85",
        "Tags: place, work",
        "Type: fact",
        "Id: 0001",
        "---",
        "degraded: a",
    ]


def test_an_older_list_is_for_readers_where_it_was() -> None:
    listed = Listed.of(Page(memories=(MEMORY, BARE), total=7), limit=10, offset=0)
    assert text(as_older(listed, "search_by_tag")).startswith("Found 2 memories:\n\nMemory 1:\nTimestamp: ")
    assert json.loads(text(as_older(listed, "list_memories")))["total"] == 7


def test_an_older_store_has_the_hash_where_scripts_look_for_it() -> None:
    kept = Kept(id="1", status="created", indexed=True, content_hash="0" * 64)
    assert text(as_older(kept, "store_memory")).splitlines()[0] == f"Memory stored successfully (hash: {'0' * 64})"


def test_an_older_health_and_older_stats_are_json() -> None:
    health = Health(state="serving", read="ok, seen 1 s ago", write="failing: a", memories=3, clients=1, version="0")
    heading, _, body = text(as_older(health, "check_database_health")).partition("\n")
    assert heading == "Database Health Check Results:"
    told = json.loads(body)
    assert told["statistics"]["total_memories"] == 3
    assert told["validation"]["status"] == "unhealthy"
    stats = Stats(memories=3, superseded=0, recent=1, clients=1, requests={}, uptime_s=1.0, namespaces={"a": 3})
    assert json.loads(text(as_older(stats, "get_cache_stats")))["memories"] == 3
