"""What the tools answer, as JSON and as text, and the schemas that describe it."""

from __future__ import annotations

from mcp_dealer.schemas import Found, Hits, Kept, Listed, compact, text
from memmux.models import Hit, Page, SearchResult, Stored
from memmux.requests import Mode
from tests.unit.mcp_dealer.conftest import BARE, MEMORY


def test_a_memory_keeps_its_id_times_tags_type_and_metadata() -> None:
    assert Found.of(MEMORY).structured() == {
        "id": "0001",
        "content": "The office is in Ghent.",
        "tags": ["place", "work"],
        "type": "fact",
        "metadata": {"floor": 3},
        "created_at": "2026-11-23T14:30:00.000+00:00",
        "updated_at": "2026-11-24T14:30:00.000+00:00",
    }


def test_what_is_empty_is_left_out() -> None:
    assert Found.of(BARE).structured().keys() == {"id", "content", "created_at"}


def test_a_hit_has_a_score_in_json_and_in_text() -> None:
    hits = Hits.of(SearchResult(mode=Mode.EXACT, hits=(Hit(score=0.87654321, memory=MEMORY),)))
    assert hits.structured()["hits"][0]["score"] == 0.8765
    assert text(hits) == (
        "1 found, exact\n\n[0.88] 0001 · 2026-11-23T14:30:00.000+00:00 · fact · #place #work\nThe office is in Ghent."
    )


def test_a_page_says_how_many_there_are_in_all() -> None:
    listed = Listed.of(Page(memories=(MEMORY, BARE), total=7))
    assert listed.structured()["total"] == 7
    assert text(listed).splitlines()[0] == "2 of 7"


def test_what_was_missing_is_in_json_and_in_text() -> None:
    stored = Stored(
        id="1", content_hash="a", seq=1, status="created", indexed=False, degraded=("embedder_loading", "other")
    )
    assert Kept.of(stored).structured()["degraded"] == ["embedder_loading", "other"]
    assert text(Kept.of(stored)) == "created 1\ndegraded: embedder_loading, other"


def test_a_null_inside_metadata_is_kept() -> None:
    found = Found(id="1", content="x", metadata={"a": None}, created_at="")
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
