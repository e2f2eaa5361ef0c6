"""The table of older names: what each of them and its arguments mean now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mcp_dealer.arguments.time_words import Moment
from mcp_dealer.tools.older_tools import OLDER, REFUSED, refusal
from memmux.errors import ArgumentInvalidError

MOMENT = Moment(now=datetime(2026, 11, 25, 12, tzinfo=UTC), zone=UTC)


def _now() -> Moment:
    return MOMENT


YESTERDAY = {"after": "2026-11-24T00:00:00+00:00", "before": "2026-11-25T00:00:00+00:00"}

CASES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "store_memory",
        {"content": "x", "tags": "a,b", "memory_type": "note"},
        "memory_store",
        {"content": "x", "tags": ["a", "b"], "type": "note"},
    ),
    (
        "store_memory",
        {"content": "x", "metadata": {"tags": "a"}},
        "memory_store",
        {"content": "x", "metadata": {"tags": "a"}},
    ),
    ("retrieve_memory", {"query": "x"}, "memory_search", {"query": "x", "limit": 5, "mode": "semantic"}),
    (
        "retrieve_memory",
        {"query": "x", "n_results": 3, "similarity_threshold": 0.7},
        "memory_search",
        {"query": "x", "limit": 3, "mode": "semantic", "min_score": pytest.approx(0.4)},
    ),
    (
        "retrieve_memory",
        {"query": "x", "min_similarity": 0.0},
        "memory_search",
        {"query": "x", "limit": 5, "mode": "semantic"},
    ),
    ("debug_retrieve", {"query": "x", "n_results": 2}, "memory_search", {"query": "x", "limit": 2, "mode": "semantic"}),
    ("recall_memory", {"query": "yesterday"}, "memory_search", {**YESTERDAY, "limit": 5, "mode": "semantic"}),
    ("recall_memory", {"query": "the port"}, "memory_search", {"query": "the port", "limit": 5, "mode": "semantic"}),
    (
        "recall_by_timeframe",
        {"start_date": "2026-11-01", "end_date": "2026-11-24"},
        "memory_search",
        {"after": "2026-11-01", "before": "2026-11-25", "limit": 5},
    ),
    (
        "recall_by_timeframe",
        {"start_date": "2026-11-01"},
        "memory_search",
        {"after": "2026-11-01", "before": "2026-11-02", "limit": 5},
    ),
    ("exact_match_retrieve", {"content": "x"}, "memory_search", {"query": "x", "mode": "exact"}),
    (
        "retrieve_with_quality_boost",
        {"query": "x", "quality_weight": 0.3},
        "memory_search",
        {"query": "x", "quality_boost": 0.3, "mode": "hybrid", "limit": 10},
    ),
    ("search_by_tag", {"tag": "a"}, "memory_list", {"tags": ["a"], "tag_match": "any", "limit": 1000}),
    (
        "search_by_tag",
        {"tags": ["a", "b"], "match_all": True},
        "memory_list",
        {"tags": ["a", "b"], "tag_match": "all", "limit": 1000},
    ),
    (
        "list_memories",
        {"page": 2, "page_size": 5, "tag": "a", "memory_type": "note"},
        "memory_list",
        {"page": 2, "page_size": 5, "tags": ["a"], "type": "note"},
    ),
    ("delete_memory", {"content_hash": "1"}, "memory_delete", {"id": "1"}),
    ("delete_by_tag", {"tag": "a"}, "memory_delete", {"tags": ["a"], "tag_match": "any"}),
    ("delete_by_tags", {"tags": ["a", "b"]}, "memory_delete", {"tags": ["a", "b"], "tag_match": "any"}),
    ("delete_by_all_tags", {"tags": "a, b"}, "memory_delete", {"tags": ["a", "b"], "tag_match": "all"}),
    (
        "delete_by_timeframe",
        {"start_date": "2026-11-01", "end_date": "2026-11-30", "tag": "a"},
        "memory_delete",
        {"after": "2026-11-01", "before": "2026-12-01", "tags": ["a"]},
    ),
    (
        "delete_by_timeframe",
        {"start_date": "2026-11-30"},
        "memory_delete",
        {"after": "2026-11-30", "before": "2026-12-01"},
    ),
    (
        "delete_by_timeframe",
        {"start_date": "2026-11-30T10:00:00"},
        "memory_delete",
        {"after": "2026-11-30T10:00:00", "before": "2026-12-01"},
    ),
    (
        "delete_by_timeframe",
        {"start_date": "last week"},
        "memory_delete",
        {"after": "last week", "before": "2026-11-23T00:00:00+00:00"},
    ),
    ("delete_by_timeframe", {"start_date": "no time"}, "memory_delete", {"after": "no time"}),
    (
        "delete_by_timeframe",
        {"start_date": "2026-11-01", "before": "2026-11-05"},
        "memory_delete",
        {"after": "2026-11-01", "before": "2026-11-05"},
    ),
    (
        "delete_by_timeframe",
        {"start_date": "2026-11-01", "end_date": None},
        "memory_delete",
        {"after": "2026-11-01", "before": None},
    ),
    ("delete_before_date", {"before_date": "2026-11-01"}, "memory_delete", {"before": "2026-11-01"}),
    (
        "delete_before_date",
        {"before_date": "2026-11-01", "tag": None},  # which memory_delete refuses
        "memory_delete",
        {"before": "2026-11-01", "tags": None},
    ),
    (
        "update_memory_metadata",
        {"content_hash": "1", "updates": {"tags": ["a"]}},
        "memory_update",
        {"id": "1", "updates": {"tags": ["a"]}},
    ),
    ("cleanup_duplicates", {}, "memory_cleanup", {}),
    ("check_database_health", {}, "memory_health", {}),
    ("get_cache_stats", {}, "memory_stats", {}),
    (
        "find_connected_memories",
        {"hash": "1", "max_hops": 3},
        "memory_graph",
        {"hash": "1", "hops": 3, "action": "connected"},
    ),
    (
        "find_shortest_path",
        {"hash1": "1", "hash2": "2", "max_depth": 4},
        "memory_graph",
        {"hash1": "1", "hash2": "2", "hops": 4, "action": "path"},
    ),
    ("get_memory_subgraph", {"hash": "1", "radius": 1}, "memory_graph", {"hash": "1", "hops": 1, "action": "subgraph"}),
    ("ingest_document", {"file_path": "/a", "chunk_size": 500}, "memory_ingest", {"path": "/a", "chunk_size": 500}),
    ("ingest_directory", {"directory_path": "/a", "max_files": 5}, "memory_ingest", {"path": "/a", "max_files": 5}),
]


@pytest.mark.parametrize(("name", "given", "tool", "meant"), CASES)
def test_an_older_call_means_a_current_one(name: str, given: dict[str, Any], tool: str, meant: dict[str, Any]) -> None:
    older = OLDER[name]
    assert older.tool == tool
    assert older.translate(given, _now) == meant


def test_every_older_name_has_a_case() -> None:
    assert {case[0] for case in CASES} == OLDER.keys()
    assert len(OLDER) == 24


def test_a_recall_says_what_and_when() -> None:
    meant = OLDER["recall_memory"].translate({"query": "what we said about the port yesterday"}, _now)
    assert {name: meant[name] for name in YESTERDAY} == YESTERDAY
    assert "port" in meant["query"]
    assert "yesterday" not in meant["query"]


def test_no_default_stands_beside_what_says_the_same() -> None:
    meant = OLDER["search_by_tag"].translate({"tag": "a", "page_size": 5, "any_tag": False}, _now)
    assert meant == {"tags": ["a"], "page_size": 5, "any_tag": False}


@pytest.mark.parametrize(
    ("name", "given", "names"),
    [
        ("retrieve_memory", {"query": "x", "n_results": 3, "limit": 4}, "n_results and limit"),
        ("delete_memory", {"content_hash": "1", "id": "2"}, "content_hash and id"),
        ("search_by_tag", {"tag": "a", "tags": ["b"]}, "tag and tags"),
        ("exact_match_retrieve", {"content": "x", "mode": "semantic"}, "mode is always exact here"),
        ("delete_by_all_tags", {"tags": ["a"], "tag_match": "any"}, "tag_match is always all here"),
    ],
)
def test_an_older_call_that_says_two_things_is_refused(name: str, given: dict[str, Any], names: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=names):
        OLDER[name].translate(given, _now)


TEN = {
    "consolidate_memories",
    "consolidation_status",
    "consolidation_recommendations",
    "scheduler_status",
    "trigger_consolidation",
    "pause_consolidation",
    "resume_consolidation",
    "rate_memory",
    "get_memory_quality",
    "analyze_quality_distribution",
}


def test_the_ten_others_are_refused_and_none_of_them_is_answered() -> None:
    assert TEN <= REFUSED
    assert not REFUSED & OLDER.keys()
    for name in REFUSED:
        assert refusal(name).message.startswith(f"{name} is not part of memmux")
