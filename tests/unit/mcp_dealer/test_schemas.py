"""What the tools answer, as JSON and as text, and the schemas that describe it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_dealer.schemas import Hits, Kept, Listed, Removed, SearchAnswer, as_older, compact, fitted, text
from memmux.wire.answers import Forgotten, Hit, Page, SearchResult, Similar, Stored
from memmux.wire.requests import Mode
from tests.unit.mcp_dealer.stand_in import BARE, MEMORY


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


def test_a_page_says_how_many_there_are_in_all() -> None:
    listed = Listed.of(Page(memories=(MEMORY, BARE), total=7))
    assert listed.structured()["total"] == 7
    assert text(listed).splitlines()[0] == "2 of 7"


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


@pytest.mark.parametrize(("most", "fit"), [(None, 3), (10_000, 3), (200, 2), (1, 1), (0, 3)])
def test_memories_are_left_out_whole_and_the_first_never(most: int | None, fit: int) -> None:
    found = [SearchAnswer(id=str(number), content="x" * 60, created_at="2026") for number in range(3)]
    memories, omitted = fitted(found, most)
    assert memories == found[:fit]
    assert omitted == (3 - fit or None)


@pytest.mark.parametrize(
    ("mode", "score", "relevance"),
    [(Mode.SEMANTIC, 0.5, 0.75), (Mode.SEMANTIC, -1.0, 0.0), (Mode.HYBRID, 0.5, 0.5), (Mode.EXACT, 1.0, 1.0)],
)
def test_an_older_name_gets_the_score_of_its_former_home(mode: Mode, score: float, relevance: float) -> None:
    hits = Hits.of(SearchResult(mode=mode, hits=(Hit(score=score, memory=MEMORY),)))
    (hit,) = as_older(hits).structured()["hits"]
    assert (hit["relevance_score"], hit["score"]) == (relevance, score)


def test_an_older_name_gets_a_line_for_each_fact() -> None:
    hits = Hits.of(SearchResult(mode=Mode.SEMANTIC, hits=(Hit(score=0.7, memory=MEMORY),)).with_degraded(("a",)))
    assert text(as_older(hits)).splitlines() == [
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


def test_an_older_list_is_cut_between_memories_too() -> None:
    listed = Listed.of(Page(memories=(MEMORY, BARE), total=7))
    older = as_older(listed, 50)
    assert [memory["id"] for memory in older.structured()["memories"]] == ["0001"]
    assert older.structured()["omitted"] == 1
    assert text(older).endswith("1 more left out for want of room")
