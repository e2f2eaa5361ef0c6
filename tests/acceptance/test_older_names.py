"""Every older name of a tool of mcp-memory-service, called with its arguments through a real client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from mcp_dealer.tools.older_tools import OLDER, REFUSED
from tests.acceptance.conftest import Connect, refusal, structured
from tests.acceptance.expected import expect
from tests.acceptance.world import GONE, HASH, KETTLE, PARROT, PORT, ZONE, day, fill, noon

pytestmark = pytest.mark.anyio

STORED = "An older name stored this."
DOCUMENT = "A document says that the harbour closes at nine."
OTHER = "Another document says that the ferry waits."

# name, arguments, and of its answer what is expected; `found` is the contents of hits or memories.
FINDING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("retrieve_memory", {"query": PORT, "n_results": 1}, {"mode": "semantic", "found": [PORT]}),
    ("retrieve_memory", {"query": PORT, "similarity_threshold": 0.99}, {"found": [PORT]}),
    ("debug_retrieve", {"query": PARROT, "n_results": 1}, {"mode": "semantic", "found": [PARROT]}),
    ("recall_memory", {"query": "yesterday"}, {"found": [PORT]}),
    ("recall_memory", {"query": "what did I say about the database yesterday"}, {"found": [PORT], "mode": "semantic"}),
    ("recall_memory", {"query": PORT, "n_results": 1}, {"found": [PORT], "mode": "semantic"}),
    ("recall_by_timeframe", {"start_date": day(41), "end_date": day(40)}, {"found": [PARROT]}),
    ("exact_match_retrieve", {"content": "parrot lives"}, {"mode": "exact", "found": [PARROT]}),
    (
        "retrieve_with_quality_boost",
        {"query": "kettle", "n_results": 1, "quality_weight": 0.3},
        {"mode": "hybrid", "found": [KETTLE]},
    ),
    ("search_by_tag", {"tags": ["pet", "kitchen"]}, {"total": 2, "found": [PARROT, KETTLE]}),
    ("search_by_tag", {"tag": "pet"}, {"total": 1, "found": [PARROT]}),
    ("search_by_tag", {"tags": "kitchen,old", "match_all": True}, {"found": [KETTLE]}),
    ("list_memories", {"page": 1, "page_size": 1, "tag": "pet"}, {"total": 1, "found": [PARROT]}),
    ("list_memories", {"memory_type": "note"}, {"found": [KETTLE]}),
    ("list_memories", {"page": 2, "page_size": 8}, {"total": 9, "found": [GONE[5]]}),
]
CHANGING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "store_memory",
        {"content": STORED, "tags": "older, name", "memory_type": "note", "metadata": {"k": 1}},
        {"status": "created"},
    ),
    ("search_by_tag", {"tag": "older"}, {"found": [STORED]}),
    (
        "store_memory",
        {"content": f"{STORED} Twice.", "metadata": {"tags": ["older"], "type": "note"}},
        {"status": "created"},
    ),
    ("list_memories", {"memory_type": "note", "tag": "older"}, {"total": 2}),
    (
        "update_memory_metadata",
        {
            "content_hash": HASH[PARROT],
            "updates": {"tags": ["bird"], "memory_type": "fact", "metadata": {"age": 7}},
            "preserve_timestamps": True,
        },
        {},
    ),
    ("list_memories", {"tag": "bird", "memory_type": "fact"}, {"found": [PARROT]}),
    ("delete_memory", {"content_hash": HASH[GONE[0]]}, {"count": 1}),
    ("delete_by_tag", {"tag": "gone-1"}, {"count": 1}),
    ("delete_by_all_tags", {"tags": ["gone-2", "more"]}, {"count": 1}),
    ("delete_by_tags", {"tags": ["gone-3", "gone-none"]}, {"count": 1}),
    ("delete_by_timeframe", {"start_date": day(100), "end_date": day(100), "tag": "gone-4"}, {"count": 1}),
    ("delete_before_date", {"before_date": day(800)}, {"count": 1}),
    ("search_by_tag", {"tags": [f"gone-{number}" for number in range(6)]}, {"total": 0}),
]
AROUND: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("cleanup_duplicates", {}, {"duplicates": 0, "deleted": 0}),
    ("check_database_health", {}, {"memories": 9}),
    ("get_cache_stats", {}, {"memories": 9}),
    ("find_connected_memories", {"hash": HASH[PORT], "max_hops": 1}, {"nodes": [PORT, PARROT]}),
    ("find_connected_memories", {"hash": HASH[PORT]}, {"nodes": [PORT, PARROT, KETTLE]}),
    (
        "find_shortest_path",
        {"hash1": HASH[PORT], "hash2": HASH[KETTLE], "max_depth": 5},
        {"nodes": [PORT, PARROT, KETTLE]},
    ),
    ("get_memory_subgraph", {"hash": HASH[PARROT], "radius": 1}, {"nodes": [PARROT, PORT, KETTLE]}),
]
INGESTING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "ingest_document",
        {"file_path": "FOLDER/one.md", "tags": ["papers"], "chunk_size": 500, "chunk_overlap": 50},
        {"files": 1, "chunks": 1},
    ),
    (
        "ingest_directory",
        {
            "directory_path": "FOLDER",
            "tags": ["papers"],
            "recursive": True,
            "file_extensions": ["md", "txt"],
            "max_files": 10,
            "chunk_size": 500,
            "chunk_overlap": 50,
        },
        {"files": 1, "skipped": 1},
    ),
    ("search_by_tag", {"tag": "papers"}, {"total": 2}),
]


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.fixture
def past_env(emptied_env: dict[str, str]) -> dict[str, str]:
    """A memory with a past."""
    env = {**emptied_env, "TZ": ZONE}
    fill(env)
    return env


def test_the_tables_have_every_older_name() -> None:
    assert {case[0] for case in (*FINDING, *CHANGING, *AROUND, *INGESTING)} == OLDER.keys()


@pytest.mark.parametrize("cases", [FINDING, CHANGING, AROUND], ids=["finding", "changing", "around"])
async def test_an_older_name_answers(join: Connect, past_env: dict[str, str], cases: list[Any]) -> None:
    async with join(env=past_env) as client:
        await expect(client, cases)


async def test_an_older_name_ingests_what_the_settings_allow(
    join: Connect, past_env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    await asyncio.to_thread((folder / "one.md").write_text, DOCUMENT)
    await asyncio.to_thread((folder / "two.txt").write_text, OTHER)
    cases = [
        (
            name,
            {
                key: value.replace("FOLDER", str(folder)) if isinstance(value, str) else value
                for key, value in arguments.items()
            },
            expected,
        )
        for name, arguments, expected in INGESTING
    ]
    async with join(env={**past_env, "MEMMUX_INGEST_ROOTS": str(folder)}) as client:
        await expect(client, cases)
    async with join(env=past_env) as client:
        assert refusal(await client.call_tool(*cases[0][:2])).startswith("path_refused: ")


async def test_a_hit_has_the_score_and_the_lines_of_its_former_home(join: Connect, past_env: dict[str, str]) -> None:
    async with join(env=past_env) as client:
        result = await client.call_tool("retrieve_memory", {"query": PORT, "n_results": 9})
        hits = structured(result)["hits"]
        assert hits[0]["relevance_score"] == pytest.approx(1.0, abs=1e-4)
        assert len({hit["relevance_score"] for hit in hits}) > 1
        for hit in hits:
            assert hit["relevance_score"] == max(0.0, (1 + hit["score"]) / 2)
            assert hit["content_hash"] == HASH[hit["content"]]
        lines = _text(result).splitlines()
        for fact in (f"Content: {PORT}", f"Hash: {HASH[PORT]}", "Relevance Score: 1.00", "Tags: staging, port"):
            assert fact in lines
        assert any(line.startswith(f"Timestamp: {noon(1):%Y-%m-%dT%H:%M}") for line in lines)


async def test_tools_that_are_not_part_of_memmux_say_so(join: Connect) -> None:
    async with join() as client:
        for name in sorted(REFUSED):
            said = refusal(await client.call_tool(name, {"time_horizon": "daily"}))
            assert said.startswith(f"unknown_operation: {name} is not part of memmux"), said


async def test_none_of_the_older_names_is_listed(join: Connect, emptied_env: dict[str, str]) -> None:
    for tools in ("core", "full"):
        async with join(env={**emptied_env, "MEMMUX_TOOLS": tools}) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            assert len(listed) == {"core": 7, "full": 14}[tools]
            assert not listed & (OLDER.keys() | REFUSED)
            structured(await client.call_tool("memory_stats", {}))  # callable either way
