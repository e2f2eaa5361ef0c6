"""Calls of tools by an MCP client, and what comes of them."""

from __future__ import annotations

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from tests.unit.mcp_dealer.stand_in import Connect


async def call(connect: Connect, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async with connect() as client:
        return await client.call_tool(name, arguments)


def refusal_of(result: CallToolResult) -> str:
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def notes_of(result: CallToolResult) -> list[str]:
    assert not result.is_error, result.content
    notes = (result.structured_content or {}).get("notes", [])
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert all(json.dumps(note)[1:-1] in content.text or note in content.text for note in notes)
    return list(notes)
