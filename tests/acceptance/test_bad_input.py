"""What is wrong is refused as a tool error that starts with its code; nothing is lost and nothing crashes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Connect, raw_server, refusal, structured

pytestmark = pytest.mark.anyio

LONG = "x" * ((1 << 20) + 1)
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("memory_store", {"content": ""}, "content_empty"),
    ("memory_store", {"content": " \n"}, "content_empty"),
    ("memory_store", {"content": LONG}, "content_too_long"),
    ("memory_store", {}, "argument_invalid"),
    ("memory_store", {"content": 5}, "argument_invalid"),
    ("memory_store", {"content": "x", "metadata": {"big": LONG}}, "metadata_invalid"),
    ("memory_store", {"content": "x", "tags": [""]}, "tag_invalid"),
    ("memory_store", {"content": "x", "tags": ["t"] * 65}, "tag_invalid"),
    ("memory_search", {"query": ""}, "content_empty"),
    ("memory_search", {"query": "x", "mode": "psychic"}, "unknown_mode"),
    ("memory_search", {"query": "x", "limit": 0}, "limit_out_of_range"),
    ("memory_search", {"query": "x", "limit": 1001}, "limit_out_of_range"),
    ("memory_search", {"query": "x", "after": "purple elephants"}, "time_not_understood"),
    ("memory_list", {"offset": -1}, "limit_out_of_range"),
    ("memory_list", {"limit": "all"}, "argument_invalid"),
    ("memory_get", {"id": "no-such-memory"}, "not_found"),
    ("memory_update", {"id": "no-such-memory"}, "argument_invalid"),
    ("memory_update", {"id": "no-such-memory", "content": "x"}, "not_found"),
    ("memory_delete", {"id": "no-such-memory"}, "not_found"),
    ("memory_delete", {"before": "2999-01-01", "tags": []}, "argument_invalid"),
    ("memory_delete", {"before": "2999-01-01", "tag": "x"}, "unknown_field"),
    ("memory_forget", {}, "unknown_operation"),
]


async def test_every_bad_input_is_refused_with_its_code(join: Connect) -> None:
    async with join() as client:
        await client.call_tool("memory_store", {"content": "What was there stays."})
        for tool, arguments, code in CASES:
            said = refusal(await client.call_tool(tool, arguments))
            start, _, sentence = said.partition(": ")
            assert start == code, (tool, said)
            assert len(sentence) > 20, (tool, said)
        listed = structured(await client.call_tool("memory_list", {}))
        assert [memory["content"] for memory in listed["memories"]] == ["What was there stays."]


@pytest.mark.shared
async def test_values_that_json_has_not_are_refused(tidy_env: dict[str, str]) -> None:
    call = (
        b'{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": '
        b'{"name": "memory_store", "arguments": {"content": "x", "metadata": %s}}}'
    )
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        await server.call(
            1, "memory_health"
        )  # a cluster that still starts when all clients left would outlive the test
        for request_id, metadata in enumerate((b'{"a": NaN}', b'{"a": [-Infinity]}', b'"{\\"a\\": NaN}"'), start=2):
            await server.write(call % (request_id, metadata))
            result = (await server.answer(request_id))["result"]
            assert result["isError"] is True
            assert result["content"][0]["text"].startswith("metadata_invalid: ")


NOTES = b"Somebody's notes, which are no database.\n" * 100


@pytest.fixture
def notes(tidy_env: dict[str, str]) -> Path:
    """A file that is not ours, where the database should be."""
    path = Path(tidy_env["MEMMUX_DATABASE"])
    path.parent.mkdir(parents=True)
    path.write_bytes(NOTES)
    return path


async def test_a_database_that_is_not_ours_is_refused_and_not_touched(tidy_env: dict[str, str], notes: Path) -> None:
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        result = await server.call(1, "memory_store", content="x")
        assert result["isError"] is True
        assert result["content"][0]["text"].startswith("database_foreign: ")
    assert await asyncio.to_thread(notes.read_bytes) == NOTES
